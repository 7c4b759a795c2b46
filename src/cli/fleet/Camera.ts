import { createHash } from "node:crypto"
import type { DriverClient } from "../../client/DriverClient.ts"
import { uploadFile } from "../../client/FileUpload.ts"
import { Problem, ServerUnreachable } from "../../client/Problem.ts"
import type { RestClient } from "../../client/RestClient.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { pause } from "./ClientFleet.ts"

/** What a photo is made of. */
export interface CameraParts {
  readonly client: DriverClient
  /** With the driver's own token. */
  readonly rest: RestClient
  readonly random: SeededRandom
  /** Gives up what is not uploaded. */
  readonly signal: AbortSignal
}

const photoBytes = [2_000, 60_000] as const
const jpegBegins = [0xff, 0xd8, 0xff, 0xe0]
const againMs = 500

/** A driver's photos: their hash goes with the delivery at once, the file follows when the phone has network. */
export class Camera {
  /** Hashes of the photos that the server answered to have stored. */
  readonly stored = new Set<string>()
  private readonly parts: CameraParts
  private waiting = 0
  private refusal: string | undefined

  constructor(parts: CameraParts) {
    this.parts = parts
  }

  /** Photos that are not stored yet. */
  get unsent(): number {
    return this.waiting
  }

  /** Why the server did not want a photo; undefined while it took each. */
  get refused(): string | undefined {
    return this.refusal
  }

  /** Takes a photo and begins to upload it. Answers its proof as TASK wants it. */
  take(): Readonly<Record<string, unknown>> {
    const { random } = this.parts
    const bytes = Uint8Array.from({ length: Math.floor(random.between(...photoBytes)) }, () => random.below(256))
    bytes.set(jpegBegins)
    const sha256 = createHash("sha256").update(bytes).digest("hex")
    this.waiting++
    this.upload(bytes)
      .then(() => {
        this.stored.add(sha256)
      })
      .catch((cause: unknown) => {
        if (!this.parts.signal.aborted) this.refusal = cause instanceof Error ? cause.message : String(cause)
      })
      .finally(() => {
        this.waiting--
      })
    return { type: "photo", sha256 }
  }

  private async upload(bytes: Uint8Array): Promise<void> {
    const { client, rest, signal } = this.parts
    for (;;) {
      while (client.state !== "live") await pause(againMs, signal)
      try {
        await uploadFile(rest, { bytes, mime: "image/jpeg", purpose: "proof" })
        return
      } catch (cause) {
        // The server is away for longer than the upload itself waits.
        if (!(cause instanceof ServerUnreachable) && !(cause instanceof Problem && cause.isRetryable)) throw cause
      }
      await pause(againMs, signal)
    }
  }
}
