import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { expect, inject, it, onTestFailed, onTestFinished } from "vitest"
import { DeliveryRest } from "../../src/client/DeliveryRest.ts"
import { type Page, RestClient } from "../../src/client/RestClient.ts"
import { TrackingClient } from "../../src/client/TrackingClient.ts"
import { trackingStages } from "../../src/domain/TrackingStage.ts"
import { openToServers, wipeHomeSync } from "../kit/TestHome.ts"
import { until } from "../kit/Until.ts"
import { freePort, spawnDropmate } from "./ServerProcess.ts"

const readyMs = 60_000
const deliveredMs = 180_000
const lookEveryMs = 250
const endedMs = 20_000
const testMs = 300_000

interface TimelineEvent {
  readonly type: string
}

/** The running demo and what it says. */
const startDemo = async (...args: ReadonlyArray<string>) => {
  const home = mkdtempSync(join(inject("testHome"), "demo-"))
  openToServers(home)
  const [http, realtime] = [await freePort(), await freePort()]
  const demo = spawnDropmate(["demo", ...args], {
    DROPMATE_HOME: home,
    DROPMATE_CACHE: inject("cacheDir"),
    HTTP_PORT: String(http),
    REALTIME_PORT: String(realtime)
  })
  onTestFailed(() => {
    process.stderr.write(demo.output.stderr)
  })
  onTestFinished(async () => {
    demo.child.kill("SIGKILL")
    await demo.exited
    wipeHomeSync(home)
  })
  return { ...demo, home }
}

const firstMatch = (text: string, pattern: RegExp): string | undefined => pattern.exec(text)?.[1]

/** Processes that work below a folder: the embedded servers of a home do. */
const processesBelow = (folder: string): ReadonlyArray<string> => {
  const real = realpathSync(folder)
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(real) ? [readFileSync(`/proc/${pid}/comm`, "utf8")] : []
      } catch {
        return [] // ended between the two looks
      }
    })
}

/** The timeline of the first shipment that was delivered. */
const deliveredTimeline = async (rest: RestClient): Promise<ReadonlyArray<string>> => {
  const delivered = await until(
    "a delivery",
    async () => {
      // The demo works with the same account, whose requests a minute are limited.
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
      return (await new DeliveryRest(rest).shipments("delivered", 1)).data
    },
    ({ length }) => length > 0,
    deliveredMs
  )
  const page = await rest.get<Page<TimelineEvent>>(`/v1/shipments/${delivered[0]?.id}/timeline`)
  return page.data.map(({ type }) => type)
}

/** Opens a printed link as a browser would, and answers the stage it shows. */
const stageBehind = async (link: string): Promise<string | undefined> => {
  const { host, hash } = new URL(link)
  const client = new TrackingClient({ url: `ws://${host}/v1/track`, token: hash.slice(1) }, {})
  client.start()
  try {
    return await until(
      "a snapshot",
      () => client.order?.stage,
      (stage) => stage !== undefined
    )
  } finally {
    client.stop()
  }
}

it("a demo prints the way in and links to follow, has orders delivered, and ends with everything it started", {
  timeout: testMs
}, async () => {
  const demo = await startDemo("--drivers", "12", "--orders", "6")
  const said = (pattern: RegExp, deadlineMs: number): Promise<string | undefined> =>
    until(
      `the line ${pattern}`,
      () => firstMatch(demo.output.stderr, pattern),
      (found) => found !== undefined,
      deadlineMs
    )
  const url = (await said(/Fleet console\s+(\S+)\//, readyMs)) ?? ""
  const email = (await said(/Sign in as\s+(\S+)/, readyMs)) ?? ""
  const password = (await said(/Password\s+(\S+)/, readyMs)) ?? ""
  const link = (await said(/(http\S+\/t\/#dmt_\S+)/, readyMs)) ?? ""
  expect(demo.output.stderr.match(/\/t\/#dmt_/g)).toHaveLength(3)
  expect(trackingStages).toContain(await stageBehind(link))

  const rest = new RestClient({ url })
  await rest.signIn(email, password)
  expect(await deliveredTimeline(rest)).toEqual(
    expect.arrayContaining([
      "shipment.created",
      "shipment.assigned",
      "shipment.en_route_to_pickup",
      "shipment.at_pickup",
      "shipment.picked_up",
      "shipment.en_route",
      "shipment.arrived",
      "shipment.delivered"
    ])
  )

  demo.child.kill("SIGINT")
  await until(
    "the demo's end",
    () => demo.child.exitCode,
    (code) => code !== null,
    endedMs
  )
  expect(await demo.exited).toBe(0)
  expect(processesBelow(demo.home)).toEqual([])
})
