import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import type { EngineUnderTest, TestDriver } from "./EngineUnderTest.ts"
import { type HelloFields, helloFrame, WireClient } from "./WireClient.ts"

/** A phone whose HELLO was answered with WELCOME. */
export interface SignedIn {
  readonly phone: WireClient
  readonly welcome: Frame
}

/** Opens a socket and says HELLO with a good token. */
export const signIn = async (
  engine: EngineUnderTest,
  driver: TestDriver,
  fields: HelloFields = {},
  protocols: ReadonlyArray<string> = []
): Promise<SignedIn> => {
  const phone = await WireClient.open(`${engine.url}/v1/driver`, { protocols })
  phone.send(helloFrame({ token: await engine.token(driver), ...fields }))
  const welcome = await phone.next(DriverServerFrame.welcome)
  return { phone, welcome }
}

/** A sound POINT near Berlin; later points are a few metres further. */
export const soundPoint = (seq: number, recordedAt: number = Date.now()): Frame => [
  DriverClientFrame.point,
  seq,
  recordedAt,
  525_200_000 + seq * 10,
  134_050_000 + seq * 10,
  500,
  9_000,
  500,
  80,
  0
]

/** A BATCH of sound points, a millisecond apart, that ends now. */
export const soundBatch = (firstSeq: number, count: number, t0: number = Date.now() - count): Frame => [
  DriverClientFrame.batch,
  firstSeq,
  t0,
  Array.from({ length: count }, (_, i) => (i === 0 ? 0 : 1)),
  Array.from({ length: count }, (_, i) => (i === 0 ? 525_200_000 + firstSeq * 10 : 10)),
  Array.from({ length: count }, (_, i) => (i === 0 ? 134_050_000 + firstSeq * 10 : 10)),
  null,
  null,
  null,
  80,
  0
]
