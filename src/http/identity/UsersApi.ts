import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { roles } from "../../identity/Principal.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { EmailField, idempotencyHeader, idField, ifMatchHeader, pageOf, pageQuery, withETag } from "../Field.ts"
import { User } from "./MeApi.ts"

const id = { id: idField("user") }
const reads = { permission: "users.read" } as const
const writes = { permission: "users.write", knownTo: "users.read" } as const

/** Accounts and their grants, for administrators. */
export class UsersApi extends HttpApiGroup.make("users")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: {
        ...pageQuery,
        role: Schema.optionalKey(Schema.Literals(roles)),
        status: Schema.optionalKey(Schema.Literals(["active", "invited", "disabled"])),
        email: Schema.optionalKey(EmailField)
      },
      success: pageOf(User)
    }).annotate(Access, reads),
    HttpApiEndpoint.get("get", "/:id", { params: id, success: withETag(User) }).annotate(Access, {
      ...reads,
      knownTo: "users.read"
    }),
    HttpApiEndpoint.patch("update", "/:id", {
      params: id,
      headers: ifMatchHeader,
      payload: Schema.Struct({ status: Schema.Literals(["active", "disabled"]) }),
      success: withETag(User)
    }).annotate(Access, writes),
    HttpApiEndpoint.post("grant", "/:id/roles", {
      params: id,
      headers: idempotencyHeader,
      payload: Schema.Struct({ role: Schema.Literals(["dispatcher", "admin", "support"]) }),
      success: User
    }).annotate(Access, writes),
    HttpApiEndpoint.delete("revokeGrant", "/:id/roles/:role", {
      params: { ...id, role: Schema.Literals(["dispatcher", "admin", "support"]) },
      success: User
    }).annotate(Access, writes)
  )
  .middleware(Authenticated)
  .prefix("/users") {}
