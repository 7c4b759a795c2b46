import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { Vector } from "../../scripts/protocol/Vectors.ts"
import { DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { signIn } from "../kit/SignedIn.ts"

const file = join(import.meta.dirname, "../../docs/protocol-vectors.json")
const vectors = (JSON.parse(readFileSync(file, "utf8")) as ReadonlyArray<Vector>).filter(
  ({ endpoint, direction }) => endpoint === "driver" && direction === "client"
)
let engine: EngineUnderTest

beforeAll(async () => {
  // The vectors' times are fixed, so the window reaches back to them.
  engine = await startEngine({ limits: { clockPastMs: 100 * 365 * 86_400_000 } })
})
afterAll(() => engine.drop())

const lastSeqOf = (json: unknown): number => {
  const [type, first, , dt] = json as [number, number, unknown, ReadonlyArray<unknown>]
  return type === 2 ? first : first + dt.length - 1
}

/** Signs in a device whose next number is the one that the vector begins with. */
const phoneBefore = async (firstSeq: number, vector: Vector) => {
  const driver = await engine.driver()
  if (firstSeq > 1) {
    await (await signIn(engine, driver)).phone.close()
    await engine.rows("UPDATE driver_ingest_cursors SET last_seq = $2 WHERE driver_id = $1", [
      driver.driverId,
      firstSeq - 1
    ])
  }
  return (await signIn(engine, driver, {}, vector.subprotocol === undefined ? [] : [vector.subprotocol])).phone
}

const send = (phone: Awaited<ReturnType<typeof phoneBefore>>, vector: Vector): void => {
  const bytes = Buffer.from(vector.hex, "hex")
  if (vector.subprotocol === undefined) phone.sendBytes(bytes)
  else phone.socket.send(bytes, { binary: false })
}

const points = vectors.filter(({ name, valid }) => valid && /POINT|BATCH|bad value/.test(name))
it.each(points.map((vector) => [vector.name, vector] as const))(
  "%s: stored or settled as it says",
  async (_, vector) => {
    const firstSeq = vector.flagged?.[0]?.[0] === 7 ? 7 : ((vector.json as ReadonlyArray<number> | undefined)?.[1] ?? 1)
    const last = vector.json === undefined ? (firstSeq === 7 ? 7 : 4) : lastSeqOf(vector.json)
    const phone = await phoneBefore(firstSeq, vector)
    send(phone, vector)
    await phone.acked(last)
    expect(phone.of(DriverServerFrame.flagged).map(([, seq, code]) => [seq, code])).toEqual(vector.flagged ?? [])
    await phone.close()
  }
)

const refused = vectors.filter(({ valid }) => !valid)
it.each(refused.map((vector) => [vector.name, vector] as const))("%s: refused as it says", async (_, vector) => {
  const phone = await phoneBefore(1, vector)
  // A text frame that is not UTF-8 is the socket layer's to close.
  if (vector.name.includes("not UTF-8")) {
    phone.socket.send(Buffer.from(vector.hex, "hex"), { binary: false })
    expect(await phone.closeCode()).toBeGreaterThanOrEqual(1_006)
    return
  }
  send(phone, vector)
  expect(await phone.next(DriverServerFrame.refused)).toEqual([34, 1, vector.refusal, 0])
  await phone.close()
})

const others = vectors.filter(
  ({ name, valid, flagged }) => valid && flagged === undefined && !/POINT|BATCH|HELLO|AUTH/.test(name)
)
it.each(others.map((vector) => [vector.name, vector] as const))("%s: never malformed", async (_, vector) => {
  const phone = await phoneBefore(1, vector)
  send(phone, vector)
  await phone.settle()
  expect(phone.of(DriverServerFrame.refused)).toEqual([])
  await phone.close()
})
