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

/** A phone's socket, its actor and REST share memory for now: they run on one node, with or without the worker. */
export const canServe = (roles: ReadonlySet<ServerRole>): boolean =>
  roles.has("gateway") && roles.has("api") && roles.has("actors")

/** What is said to whoever asks for less. */
export const rolesTogether =
  "the roles gateway, api and actors cannot run apart yet: give --roles gateway,api,actors (with or without worker)"
