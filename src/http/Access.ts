import { Context } from "effect"
import { publicId } from "../domain/Ids.ts"
import { isPermitted, type Permission, type Principal } from "../identity/Principal.ts"
import { Problem } from "./Problem.ts"

/** Who may use an endpoint. Written on the endpoint, enforced by Authenticated, and read by the test of every role on every route. */
export interface AccessRule {
  readonly permission: Permission
  /** The driver whose id is in the path may, too. */
  readonly orOwnDriver?: boolean
  /**
   * For an endpoint of one resource: who may know that it exists. Anybody else is answered as if it did not (404); who may
   * know, yet lacks `permission`, is refused openly (403).
   */
  readonly knownTo?: Permission
  /** For an endpoint of one order: whoever ordered knows that it exists, too. */
  readonly orKnownToItsCustomer?: boolean
}

/** What the path of a request named. */
export type PathParams = Readonly<Record<string, string | undefined>>

/** The access rule of an endpoint; without one only the principal's own things are reached. */
export class Access extends Context.Service<Access, AccessRule>()("dropmate/http/Access") {}

/** What keeps a principal from an endpoint; undefined when nothing does. */
export const refuseAccess = (rule: AccessRule, principal: Principal, params: PathParams): Problem | undefined => {
  if (isPermitted(principal, rule.permission)) return undefined
  const isSelf = principal.driverId !== undefined && params.id === publicId("driver", principal.driverId)
  if (rule.orOwnDriver === true && isSelf) return undefined
  const knows = rule.knownTo === undefined || isSelf || isPermitted(principal, rule.knownTo)
  return new Problem({ code: knows ? "not_permitted" : "not_found" })
}
