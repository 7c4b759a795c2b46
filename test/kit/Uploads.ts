import { createHash, randomBytes } from "node:crypto"
import { type Answer, call } from "./RestCaller.ts"

/** What the API says of a file, as far as tests look. */
export interface UploadedFile {
  readonly id: string
  readonly bytes: number
  readonly sha256: string
  readonly offset: number
  readonly stored_at: string | null
  readonly code?: string
}

/** A picture that nobody else has, as far as its bytes are looked at. */
export const newPicture = (bytes = 1_000): Uint8Array => new Uint8Array(randomBytes(bytes))

export const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** POST `/v1/files`. */
export const beginUpload = (
  url: string,
  token: string,
  bytes: Uint8Array,
  more: Readonly<Record<string, unknown>> = {}
): Promise<Answer<UploadedFile>> =>
  call<UploadedFile>(url, "POST", "/v1/files", {
    token,
    body: { mime: "image/png", bytes: bytes.length, sha256: hashOf(bytes), purpose: "proof", ...more }
  })

/** PATCH of one part. */
export const sendPart = async (
  url: string,
  token: string,
  id: string,
  offset: number | string,
  part: Uint8Array,
  type = "application/offset+octet-stream"
): Promise<Answer<UploadedFile>> => {
  const response = await fetch(`${url}/v1/files/${id}`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${token}`, "content-type": type, "upload-offset": String(offset) },
    body: new Uint8Array(part)
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) as UploadedFile }
}

/** Uploads a whole file, from wherever it stands; fails loudly if that is refused. */
export const upload = async (
  url: string,
  token: string,
  bytes: Uint8Array,
  purpose = "proof"
): Promise<UploadedFile> => {
  for (let tries = 0; tries < 20; tries++) {
    const begun = await beginUpload(url, token, bytes, { purpose })
    if (begun.status !== 201) throw new Error(`beginning an upload was answered ${begun.status}: ${begun.text}`)
    const { id, offset, stored_at } = begun.body
    if (stored_at !== null) return begun.body
    const sent = await sendPart(url, token, id, offset, bytes.subarray(offset))
    if (sent.status === 200) return sent.body
    // Somebody else sends it, too.
    if (sent.status !== 409) throw new Error(`an upload was answered ${sent.status}: ${sent.text}`)
  }
  throw new Error("an upload never ended")
}
