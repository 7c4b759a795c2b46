import { Clock, Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { FileUploads, partBytesMin, type UploadStep } from "../../actors/files/FileUploads.ts"
import { Env } from "../../config/Env.ts"
import { Limits } from "../../config/Limits.ts"
import { publicId } from "../../domain/Ids.ts"
import { FileLinks } from "../../identity/FileLinks.ts"
import { isPermitted } from "../../identity/Principal.ts"
import { FileRepo, type FileRow } from "../../persistence/files/FileRepo.ts"
import { FileStorage } from "../../persistence/files/FileStorage.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { Api } from "../Api.ts"
import { CurrentPrincipal } from "../Authenticated.ts"
import { Idempotency } from "../Idempotency.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Problem } from "../Problem.ts"
import { publicBase } from "../PublicBase.ts"
import { readRawBody } from "../RequestBody.ts"
import { contentDisposition } from "./ContentDisposition.ts"
import { File } from "./FilesApi.ts"

const offsetHeaders = (file: FileRow) => ({
  "upload-offset": String(file.received_bytes),
  "upload-length": String(file.bytes)
})

const offsetOf = (header: string | undefined): Effect.Effect<number, Problem> =>
  /^\d{1,15}$/.test(header ?? "")
    ? Effect.succeed(Number(header))
    : Effect.fail(new Problem({ code: "invalid_header", detail: "Upload-Offset is a number of bytes" }))

const otherOffset = (file: FileRow): Problem =>
  new Problem({
    code: "upload_offset_differs",
    detail: `the upload stands at ${file.received_bytes}`,
    headers: offsetHeaders(file)
  })

const refusedStep = (
  outcome: Exclude<UploadStep["outcome"], "written">,
  file: FileRow,
  { uploadPartsMax }: Limits
): Problem => {
  if (outcome === "other_offset") return otherOffset(file)
  if (outcome === "too_long") return new Problem({ code: "body_too_large", detail: `the file has ${file.bytes} bytes` })
  const detail = `a part of this file but the last has at least ${partBytesMin(file, uploadPartsMax)} bytes`
  return new Problem({ code: "part_too_small", detail, headers: offsetHeaders(file) })
}

/** Handlers of FilesApi. */
export const FilesHttp = HttpApiBuilder.group(
  Api,
  "files",
  Effect.fnUntraced(function* (handlers) {
    const env = yield* Env
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const rows = yield* FileRepo
    const uploads = yield* FileUploads
    const links = yield* FileLinks
    const storage = yield* FileStorage

    const show = (file: FileRow): typeof File.Type => ({
      id: file.id,
      mime: file.mime,
      bytes: file.bytes,
      sha256: Buffer.from(file.sha256).toString("hex"),
      name: file.name,
      purpose: file.purpose,
      offset: file.received_bytes,
      upload_url: `/v1/files/${publicId("file", file.id)}`,
      chunk_bytes_max: limits.uploadChunkBytesMax,
      created_at: file.created_at,
      stored_at: file.stored_at
    })
    const shown = (file: FileRow) => HttpApiSchema.withHeaders({ body: show(file), headers: offsetHeaders(file) })

    /** A file that the caller may know of: theirs, of an order or a thread of theirs, or any for staff. */
    const known = Effect.fnUntraced(function* (id: string) {
      const principal = yield* CurrentPrincipal
      const file = yield* rows.get(id)
      if (isPermitted(principal, "orders.read") || (yield* rows.isKnownTo(id, principal))) return file
      return yield* new RowAbsent({ kind: "file", id })
    })

    return handlers.handleAll({
      begin: Effect.fn("FilesHttp.begin")(function* ({ payload }) {
        const { userId } = yield* CurrentPrincipal
        const { mime, bytes, name, purpose } = payload
        const sha256 = new Uint8Array(Buffer.from(payload.sha256, "hex"))
        const asked = { mime, bytes, sha256, name, purpose, uploadedBy: userId }
        const begun = Effect.map(uploads.begin(asked), ({ file }) => show(file))
        return yield* idempotency.once({ status: 201, success: File }, begun)
      }),
      get: Effect.fn("FilesHttp.get")(function* ({ params }) {
        return shown(yield* scope.run(known(params.id)))
      }),
      append: Effect.fn("FilesHttp.append")(function* ({ params, headers }) {
        const { userId } = yield* CurrentPrincipal
        const offset = yield* offsetOf(headers["upload-offset"])
        const bytes = yield* readRawBody(yield* HttpServerRequest.HttpServerRequest, limits.uploadChunkBytesMax)
        const rowScope = yield* scope.current
        const { outcome, file } = yield* uploads.write(params.id, userId, { offset, bytes }, rowScope)
        if (outcome !== "written") return yield* refusedStep(outcome, file, limits)
        if (file.received_bytes < file.bytes || file.stored_at !== null) return shown(file)
        const ended = yield* uploads.end(file)
        if (ended.outcome === "stored") return shown(ended.file)
        if (ended.outcome === "parts_lost") return yield* otherOffset(ended.file)
        return yield* new Problem({ code: "checksum_mismatch", headers: offsetHeaders(ended.file) })
      }),
      download: Effect.fn("FilesHttp.download")(function* ({ params }) {
        const file = yield* scope.run(known(params.id))
        if (file.stored_at === null) return yield* new Problem({ code: "file_unfinished" })
        const expiresS = Math.ceil((yield* Clock.currentTimeMillis) / 1000) + limits.downloadLinkTtlS
        const base = publicBase(env, yield* HttpServerRequest.HttpServerRequest)
        const query = new URLSearchParams({ expires: String(expiresS), signature: links.sign(file.id, expiresS) })
        const linked = { key: file.key, mime: file.mime, disposition: contentDisposition(file) }
        const direct = yield* storage.link(linked, limits.downloadLinkTtlS)
        return {
          url: direct ?? `${base}/v1/files/${publicId("file", file.id)}/content?${query}`,
          expires_at: new Date(expiresS * 1000)
        }
      })
    })
  })
)
