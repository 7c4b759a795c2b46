import { Context } from "effect"
import type { Limits } from "../config/Limits.ts"

/** An endpoint that takes bytes instead of JSON, and reads them itself. Written on the endpoint, read by ProblemBoundary. */
export class RawBody extends Context.Service<
  RawBody,
  {
    /** The bound of its bytes. */
    readonly bytesMax: keyof Limits
  }
>()("dropmate/http/RawBody") {}
