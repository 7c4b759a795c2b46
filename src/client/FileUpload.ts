import { Problem, ServerUnreachable } from "./Problem.ts"
import type { RestClient } from "./RestClient.ts"

/** A file of the server, as far as an app needs it. */
export interface UploadedFile {
  readonly id: string
  readonly bytes: number
  readonly sha256: string
  /** Bytes that are safe. */
  readonly offset: number
  readonly chunk_bytes_max: number
  /** Null until it is whole. */
  readonly stored_at: string | null
}

/** What an app uploads. */
export interface FileToUpload {
  /** The same bytes each time: an upload goes on where an earlier one, even of an earlier process, was cut off. */
  readonly bytes: Uint8Array
  readonly mime: "image/jpeg" | "image/png" | "image/webp" | "image/heic"
  readonly purpose: "proof" | "attachment"
  readonly name?: string
}

/** What a slow phone sends within the time that the server gives a request. */
const partBytesMax = 256 * 1024

/** Parts that may fail one after the other before the upload is left for later. */
const failuresMax = 8

/** SHA-256 as the API wants it: to be taken when a photo is captured, and given with the delivery that it proves. */
export const sha256Of = async (bytes: Uint8Array): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
}

const mayGoOn = (cause: unknown): boolean =>
  cause instanceof ServerUnreachable || (cause instanceof Problem && (cause.isRetryable || cause.status === 404))

/**
 * Uploads a file in parts and answers once it is stored. Each part begins where the server says that it stands, so neither a lost
 * answer nor a killed server or app costs more than a part.
 * @throws Problem when the server does not take it, ServerUnreachable when it stays away. Retry: call it again with the same bytes.
 */
export const uploadFile = async (rest: RestClient, file: FileToUpload): Promise<UploadedFile> => {
  const { bytes, mime, purpose, name } = file
  const begin = {
    mime,
    purpose,
    bytes: bytes.length,
    sha256: await sha256Of(bytes),
    ...(name === undefined ? {} : { name })
  }
  let failures = 0
  for (;;) {
    // Asked again after each failure: the same hash is the same upload, wherever it stands.
    let state = await rest.post<UploadedFile>("/v1/files", begin)
    try {
      while (state.stored_at === null) {
        const end = state.offset + Math.min(partBytesMax, state.chunk_bytes_max)
        const part = new Uint8Array(bytes.subarray(state.offset, end))
        state = await rest.patchBytes<UploadedFile>(`/v1/files/${state.id}`, part, state.offset)
        failures = 0
      }
      return state
    } catch (cause) {
      failures++
      if (!mayGoOn(cause) || failures > failuresMax) throw cause
    }
  }
}
