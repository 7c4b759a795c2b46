import { Context } from "effect"

/** What a node can be asked to do; all of it unless `serve --roles` says otherwise. */
export const serverRoles = ["gateway", "api", "worker", "actors"] as const
export type ServerRole = (typeof serverRoles)[number]

/** The roles of this process. */
export const ServerRoles = Context.Reference<ReadonlySet<ServerRole>>("dropmate/cli/ServerRoles", {
  defaultValue: () => new Set(serverRoles)
})

/** Reads `gateway,api`; undefined when a word is not a role. */
export const readServerRoles = (text: string): ReadonlySet<ServerRole> | undefined => {
  const words = text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "")
  const known = words.filter((word): word is ServerRole => serverRoles.some((role) => role === word))
  return known.length === words.length && known.length > 0 ? new Set(known) : undefined
}

/**
 * Why a node cannot have just these roles; undefined when it can. Commands are decided where they arrive, on the database, whose
 * compare-and-set makes any number of deciding nodes safe (ADR 0070): a node of actors alone would wait for commands for ever.
 */
export const rolesRefusal = (roles: ReadonlySet<ServerRole>): string | undefined =>
  roles.has("actors") && !roles.has("gateway") && !roles.has("api")
    ? "the role actors decides commands where they arrive, which is at gateway and api: add one of them, or leave actors out"
    : undefined
