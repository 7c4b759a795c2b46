import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { filePurposes } from "../../persistence/files/FileRepo.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idempotencyHeader, idField, intField, TimeField, textField } from "../Field.ts"
import { RawBody } from "../RawBody.ts"

/** Pictures that every browser shows and none runs. */
export const fileMimes = ["image/jpeg", "image/png", "image/webp", "image/heic"] as const

/** SHA-256, as 64 lower-case hexadecimal digits. */
export const HashField = Schema.String.check(
  Schema.isPattern(/^[0-9a-f]{64}$/, {
    message: "is 64 lower-case hexadecimal digits",
    description: "is 64 lower-case hexadecimal digits"
  })
)

/** A file as the API shows one. `offset` is how much of it is safe. */
export const File = Schema.Struct({
  id: idField("file"),
  mime: Schema.String,
  bytes: Schema.Int,
  sha256: Schema.String,
  name: Schema.NullOr(Schema.String),
  purpose: Schema.String,
  offset: Schema.Int,
  upload_url: Schema.String,
  chunk_bytes_max: Schema.Int,
  created_at: TimeField,
  stored_at: Schema.NullOr(TimeField)
}).annotate({ identifier: "File" })

/** A file, and where its upload stands in the headers of tus. */
export const FileWithOffset = HttpApiSchema.WithHeaders(File, {
  "upload-offset": Schema.String,
  "upload-length": Schema.String
})

const id = { id: idField("file") }
const everybody = { permission: "me.use", knownTo: "me.use" } as const

/** Files: uploaded in parts, read by whoever they concern. */
export class FilesApi extends HttpApiGroup.make("files")
  .add(
    HttpApiEndpoint.post("begin", "/", {
      headers: idempotencyHeader,
      payload: Schema.Struct({
        mime: Schema.Literals(fileMimes),
        bytes: intField(1, defaultLimits.fileBytesMax),
        sha256: HashField,
        name: Schema.optionalKey(textField(1, 255)),
        purpose: Schema.Literals(filePurposes)
      }),
      success: File.pipe(HttpApiSchema.status(201))
    })
      .annotate(Access, { permission: "me.use" })
      .annotate(
        OpenApi.Description,
        "Begins an upload. The same hash from the same person is the same file: go on at its `offset`; it is done when `stored_at` is set."
      ),
    HttpApiEndpoint.get("get", "/:id", { params: id, success: FileWithOffset })
      .annotate(Access, everybody)
      .annotate(OpenApi.Description, "Also as HEAD, for Upload-Offset alone."),
    HttpApiEndpoint.patch("append", "/:id", {
      params: id,
      headers: { "upload-offset": Schema.optionalKey(Schema.String) },
      success: FileWithOffset
    })
      .annotate(Access, everybody)
      .annotate(RawBody, { bytesMax: "uploadChunkBytesMax" })
      .annotate(
        OpenApi.Description,
        "The next part, as bytes (`application/offset+octet-stream`), at `Upload-Offset`. No part but the last may be smaller than a thousandth of the file. The part that completes the file stores it, when its hash agrees."
      ),
    HttpApiEndpoint.get("download", "/:id/download", {
      params: id,
      success: Schema.Struct({ url: Schema.String, expires_at: TimeField })
    })
      .annotate(Access, everybody)
      .annotate(OpenApi.Description, "A link that needs no token and lives for minutes.")
  )
  .middleware(Authenticated)
  .prefix("/files") {}

/** What a download link opens, for whoever holds one. */
export class FileContentApi extends HttpApiGroup.make("fileContent").add(
  HttpApiEndpoint.get("read", "/files/:id/content", {
    params: id,
    query: { expires: intField(0, 100_000_000_000), signature: textField(1, 100) },
    success: HttpApiSchema.StreamUint8Array()
  }).annotate(OpenApi.Description, "The bytes; one Range is honoured.")
) {}
