import type { HttpServerRequest } from "effect/http"
import type { Env } from "../config/Env.ts"

/** How the outside reaches this server, without a slash at the end: PUBLIC_URL, else the address the client used itself. */
export const publicBase = (env: Env, request: HttpServerRequest.HttpServerRequest): string => {
  const own = env.publicUrl ?? `http://${request.headers.host ?? `${env.host}:${env.httpPort}`}`
  return own.replace(/\/+$/, "")
}
