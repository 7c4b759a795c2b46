import { createHash } from "node:crypto"
import type { DriverClient } from "../../client/DriverClient.ts"
import { uploadFile } from "../../client/FileUpload.ts"
import { Problem, ServerUnreachable } from "../../client/Problem.ts"
import type { RestClient } from "../../client/RestClient.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { pause } from "./ClientFleet.ts"
import type { PhoneProof } from "./TaskReceipt.ts"

/** What pictures are taken and sent with. */
export interface CameraParts {
  readonly client: DriverClient
  /** With the driver's own token. */
  readonly rest: RestClient
  readonly random: SeededRandom
  /** Gives up what is not uploaded. */
  readonly signal: AbortSignal
}

/** What a picture looks like to the server: bytes, least and most, after those that its type begins with. */
const pictures = {
  photo: { mime: "image/jpeg", bytes: [2_000, 60_000], begins: [0xff, 0xd8, 0xff, 0xe0] },
  signature: { mime: "image/png", bytes: [1_000, 8_000], begins: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] }
} as const

/** What a driver takes a picture of. */
export type PictureType = keyof typeof pictures

const againMs = 500

/** A driver's photos and signatures: their hash goes with the delivery at once, the file follows when the phone has network. */
export class Camera {
  /** Hashes of the pictures that the server answered to have stored. */
  readonly stored = new Set<string>()
  private readonly parts: CameraParts
  private waiting = 0
  private refusal: string | undefined

  constructor(parts: CameraParts) {
    this.parts = parts
  }

  /** Pictures that are not stored yet. */
  get unsent(): number {
    return this.waiting
  }

  /** Why the server did not want a picture; undefined while it took each. */
  get refused(): string | undefined {
    return this.refusal
  }

  /** Takes a picture and begins to upload it. Answers its proof as TASK wants it. */
  take(type: PictureType): PhoneProof {
    const { random } = this.parts
    const { bytes: size, begins } = pictures[type]
    const bytes = Uint8Array.from({ length: Math.floor(random.between(size[0], size[1])) }, () => random.below(256))
    bytes.set(begins)
    const sha256 = createHash("sha256").update(bytes).digest("hex")
    this.waiting++
    this.upload(type, bytes)
      .then(() => {
        this.stored.add(sha256)
      })
      .catch((cause: unknown) => {
        if (!this.parts.signal.aborted) this.refusal = cause instanceof Error ? cause.message : String(cause)
      })
      .finally(() => {
        this.waiting--
      })
    return { type, sha256 }
  }

  private async upload(type: PictureType, bytes: Uint8Array): Promise<void> {
    const { client, rest, signal } = this.parts
    for (;;) {
      while (client.state !== "live") await pause(againMs, signal)
      try {
        await uploadFile(rest, { bytes, mime: pictures[type].mime, purpose: "proof" })
        return
      } catch (cause) {
        // The server is away for longer than the upload itself waits.
        if (!(cause instanceof ServerUnreachable) && !(cause instanceof Problem && cause.isRetryable)) throw cause
      }
      await pause(againMs, signal)
    }
  }
}
