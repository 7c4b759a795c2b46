import { isDeepStrictEqual } from "node:util"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverServerFrame } from "../../src/protocol/FrameType.ts"
import type { EngineUnderTest, TestDriver } from "./EngineUnderTest.ts"
import { signIn } from "./SignedIn.ts"
import { until } from "./Until.ts"
import type { WireClient } from "./WireClient.ts"

/** A RESULT that is final. */
export interface HeardVerdict {
  readonly ok: boolean
  readonly detail: Readonly<Record<string, unknown>> | null
}

/** A driver's phone that comes online with a log of commands, and sends what is not answered until it is. */
export class OfflinePhone {
  readonly driver: TestDriver
  /** The verdict on each command id, in the order in which they were first heard. */
  readonly verdicts = new Map<string, HeardVerdict>()
  /** Command ids that were answered in two ways. */
  readonly contradicted = new Set<string>()
  private readonly engine: EngineUnderTest
  private wire: WireClient
  private readFrames = 0
  /** How many answers this connection owes, by command id. */
  private readonly owed = new Map<string, number>()
  private readonly again = new Set<string>()

  private constructor(engine: EngineUnderTest, driver: TestDriver, wire: WireClient) {
    this.engine = engine
    this.driver = driver
    this.wire = wire
  }

  static async open(engine: EngineUnderTest): Promise<OfflinePhone> {
    const driver = await engine.driver()
    return new OfflinePhone(engine, driver, (await signIn(engine, driver)).phone)
  }

  /**
   * Sends frames in this order, each as often as it is listed. After the first `cutAfter` of them the line is lost, unheard answers with it,
   * and all that is not answered is sent again on a new one. Answers the ids that were not answered before, in the order of their verdicts.
   */
  async replay(frames: ReadonlyArray<Frame>, cutAfter: number | undefined): Promise<ReadonlyArray<string>> {
    const known = new Set(this.verdicts.keys())
    for (const frame of frames.slice(0, cutAfter)) this.send(frame)
    if (cutAfter !== undefined) {
      await this.reconnect()
      for (const frame of frames) if (!this.verdicts.has(frame[1] as string)) this.send(frame)
    }
    await until(
      "the answer to every frame",
      () => this.hear(frames),
      (missing) => missing.length === 0,
      30_000
    )
    return [...this.verdicts.keys()].filter((id) => !known.has(id))
  }

  close(): Promise<void> {
    return this.wire.close()
  }

  private async reconnect(): Promise<void> {
    this.wire.terminate()
    this.hear([])
    this.owed.clear()
    this.readFrames = 0
    this.wire = (await signIn(this.engine, this.driver)).phone
  }

  private send(frame: Frame): void {
    const id = frame[1] as string
    this.owed.set(id, (this.owed.get(id) ?? 0) + 1)
    this.wire.send(frame)
  }

  /** Takes what was answered meanwhile, and asks again where the server could not decide; answers what it still waits for. */
  private hear(frames: ReadonlyArray<Frame>): ReadonlyArray<string> {
    const results = this.wire.of(DriverServerFrame.result)
    for (const frame of results.slice(this.readFrames)) {
      const id = frame[1] as string
      const verdict = { ok: frame[2] as boolean, detail: (frame[3] ?? null) as HeardVerdict["detail"] }
      this.owed.set(id, (this.owed.get(id) ?? 0) - 1)
      if (verdict.detail?.retryable === true) this.again.add(id)
      else this.take(id, verdict)
    }
    this.readFrames = results.length
    for (const frame of frames) if (this.again.delete(frame[1] as string)) this.send(frame)
    return [...this.owed].flatMap(([id, count]) => (count > 0 ? [id] : []))
  }

  private take(id: string, verdict: HeardVerdict): void {
    const first = this.verdicts.get(id)
    if (first === undefined) this.verdicts.set(id, verdict)
    else if (!isDeepStrictEqual(first, verdict)) this.contradicted.add(id)
  }
}
