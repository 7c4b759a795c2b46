import { randomBytes } from "node:crypto"
import { request } from "node:http"
import { connect, type Socket } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { decodeFrame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { reportPromise } from "../kit/PromiseSize.ts"
import { startRest } from "../kit/RestServer.ts"
import { WireClient } from "../kit/WireClient.ts"

const mebibyte = 1024 * 1024
let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine()
})
afterAll(() => engine.drop())

/** A WebSocket spoken by hand, for frames that no library sends. */
const handshaken = (extensions = ""): Promise<{ readonly socket: Socket; readonly answer: string }> =>
  new Promise((resolve, reject) => {
    const socket = connect(engine.port, "127.0.0.1")
    socket.on("error", reject)
    const lines = [
      "GET /v1/driver HTTP/1.1",
      `host: 127.0.0.1:${engine.port}`,
      "upgrade: websocket",
      "connection: upgrade"
    ]
    lines.push(`sec-websocket-key: ${randomBytes(16).toString("base64")}`, "sec-websocket-version: 13")
    if (extensions !== "") lines.push(`sec-websocket-extensions: ${extensions}`)
    socket.write(`${lines.join("\r\n")}\r\n\r\n`)
    socket.once("data", (bytes) => {
      socket.off("error", reject)
      socket.on("error", () => undefined)
      resolve({ socket, answer: bytes.toString("latin1") })
    })
  })

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.destroyed ? resolve() : socket.once("close", () => resolve())))

/** A frame's head: opcode, whether it is the last part, the length it claims, and a mask of zeros. */
const head = (opcode: number, isLast: boolean, length: number): Buffer => {
  const bytes = Buffer.alloc(14)
  bytes[0] = (isLast ? 0x80 : 0) | opcode
  bytes[1] = 0x80 | 127
  bytes.writeBigUInt64BE(BigInt(length), 2)
  return bytes
}

describe("a frame that is too big", () => {
  it("by one byte is closed, and one of exactly the limit is read", async () => {
    const phone = await WireClient.open(`${engine.url}/v1/driver`)
    phone.sendBytes(new Uint8Array(engine.limits.frameBytesMax).fill(0xc1))
    expect((await phone.nextAny())[2]).toBe("malformed_frame")
    phone.sendBytes(new Uint8Array(engine.limits.frameBytesMax + 1))
    expect(await phone.closeCode()).toBe(1006)
  })

  it("because it claims 100 MiB is closed at its head, before any of it has come", async () => {
    const { socket, answer } = await handshaken()
    expect(answer).toContain(" 101 ")
    socket.write(head(2, true, 100 * mebibyte))
    await closed(socket)
  })

  it("because it never ends is closed at the limit, whatever its fragments are", async () => {
    const { socket } = await handshaken()
    const before = process.memoryUsage().arrayBuffers
    let sent = 0
    const part = Buffer.concat([head(0, false, 1_024), Buffer.alloc(1_024)])
    socket.write(Buffer.concat([head(2, false, 1_024), Buffer.alloc(1_024)]))
    const feed = setInterval(() => {
      if (socket.destroyed || sent > mebibyte) return
      socket.write(part)
      sent += 1_024
    }, 1)
    await closed(socket)
    clearInterval(feed)
    reportPromise("P26", { endlessFragmentsCutAfterBytes: sent })
    expect(sent).toBeLessThan(4 * engine.limits.frameBytesMax)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * mebibyte)
  })
})

it("compression is never negotiated, and a frame that says it is compressed is closed", async () => {
  const { socket, answer } = await handshaken("permessage-deflate; client_max_window_bits")
  expect(answer.toLowerCase()).not.toContain("sec-websocket-extensions")
  socket.write(Buffer.concat([Buffer.of(0xc2, 0x84, 0, 0, 0, 0), Buffer.alloc(4)]))
  await closed(socket)
})

it("nesting and claimed lengths cost nothing: 16 KiB of any container head is refused without reserving memory", () => {
  const before = process.memoryUsage()
  const began = process.hrtime.bigint()
  let frames = 0
  for (const byte of [0x81, 0x8f, 0x91, 0x9f, 0xc6, 0xc9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf]) {
    for (let i = 0; i < 20; i++, frames++) {
      expect(decodeFrame(new Uint8Array(16_384).fill(byte), 4)).toBeInstanceOf(MalformedFrame)
    }
  }
  const us = Number(process.hrtime.bigint() - began) / 1_000 / frames
  reportPromise("P26", { nestedFrames: frames, usEach: Math.round(us) })
  const after = process.memoryUsage()
  expect(after.heapUsed - before.heapUsed + (after.arrayBuffers - before.arrayBuffers)).toBeLessThan(32 * mebibyte)
})

it("an HTTP body of 1 GiB is answered with 413 before it has come", async () => {
  const rest = await startRest()
  try {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sending = request(`${rest.url}/v1/auth/login`, {
        method: "POST",
        headers: { "content-type": "application/json", "content-length": String(1024 * mebibyte) }
      })
      sending.on("response", (response) => {
        response.resume()
        resolve(response.statusCode)
        sending.destroy()
      })
      sending.on("error", reject)
      sending.write('{"email": "')
    })
    expect(status).toBe(413)
  } finally {
    await rest.stop()
  }
})
