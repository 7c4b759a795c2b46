import { expect, it } from "vitest"
import { parsePostmasterPid } from "../../src/embedded/PostmasterPid.ts"

const whole = "4711\n/data\n1790000000\n5444\n/tmp/sock\n127.0.0.1\n  262145    32768\nready   \n"

it("reads the pid, the port, the socket's folder and readiness of a whole postmaster.pid", () => {
  expect(parsePostmasterPid(whole)).toEqual({ pid: 4711, port: 5444, socketDir: "/tmp/sock", ready: true })
  expect(parsePostmasterPid(whole.replace("ready   ", "starting"))).toMatchObject({ ready: false })
  expect(parsePostmasterPid(whole.replace("ready   ", "stopping"))).toMatchObject({ ready: false })
})

it("makes nothing of a postmaster.pid that is still being written", () => {
  for (let length = 0; length < whole.indexOf("/tmp/sock"); length++) {
    const read = parsePostmasterPid(whole.slice(0, length))
    expect(read === undefined || !read.ready).toBe(true)
  }
  expect(parsePostmasterPid("")).toBeUndefined()
  expect(parsePostmasterPid("not a pid\n")).toBeUndefined()
})
