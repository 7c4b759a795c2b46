import { Clock, Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { SqlClient } from "effect/sql"
import { FileLinks } from "../../identity/FileLinks.ts"
import { FileRepo } from "../../persistence/files/FileRepo.ts"
import { FileStorage } from "../../persistence/files/FileStorage.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { systemOn } from "../../persistence/RowScope.ts"
import { Api } from "../Api.ts"
import { Problem } from "../Problem.ts"
import { byteRange } from "./ByteRange.ts"
import { contentDisposition } from "./ContentDisposition.ts"

/** Handlers of FileContentApi: the signature stands for whoever was given the link. */
export const FileContentHttp = HttpApiBuilder.group(
  Api,
  "fileContent",
  Effect.fnUntraced(function* (handlers) {
    const rows = yield* FileRepo
    const storage = yield* FileStorage
    const links = yield* FileLinks
    const asSystem = systemOn(yield* SqlClient.SqlClient)

    return handlers.handleAll({
      read: Effect.fn("FileContentHttp.read")(function* ({ params, query }) {
        if (!links.isSigned(params.id, query.expires, query.signature))
          return yield* new Problem({ code: "link_invalid" })
        if ((yield* Clock.currentTimeMillis) >= query.expires * 1000)
          return yield* new Problem({ code: "link_expired" })
        const file = yield* asSystem(rows.get(params.id))
        if (file.stored_at === null) return yield* new RowAbsent({ kind: "file", id: params.id })
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        const range = byteRange(headers.range, file.bytes)
        if (range === "unsatisfiable")
          return yield* new Problem({
            code: "range_not_satisfiable",
            headers: { "content-range": `bytes */${file.bytes}` }
          })
        const { from, to } = range ?? { from: 0, to: file.bytes }
        return HttpServerResponse.stream(yield* storage.read(file.key, from, to), {
          status: range === undefined ? 200 : 206,
          contentType: file.mime,
          contentLength: to - from,
          headers: {
            "accept-ranges": "bytes",
            "cache-control": "private, no-store",
            "content-disposition": contentDisposition(file),
            ...(range === undefined ? {} : { "content-range": `bytes ${from}-${to - 1}/${file.bytes}` })
          }
        })
      })
    })
  })
)
