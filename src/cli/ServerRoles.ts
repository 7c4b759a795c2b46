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
