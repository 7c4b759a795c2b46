import { Context } from "effect"
import type { Place } from "../../actors/shipments/ShipmentCluster.ts"
import type { Env } from "../../config/Env.ts"

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

/** What the environment says of the nodes that share shipments. */
type ClusterEnv = Pick<Env, "cluster" | "clusterAddress">

/**
 * Why a node cannot have just these roles; undefined when it can. Alone, a node of actors would wait for commands for ever: they are decided
 * where they arrive, which is at gateway and api (ADR 0070). In a shared cluster the other nodes ask it, and must know where.
 */
export const rolesRefusal = (
  roles: ReadonlySet<ServerRole>,
  { cluster, clusterAddress }: ClusterEnv
): string | undefined => {
  if (!roles.has("actors")) return undefined
  if (cluster === "alone")
    return roles.has("gateway") || roles.has("api")
      ? undefined
      : "the role actors decides commands where they arrive, which is at gateway and api: add one of them, leave actors out, or share shipments between nodes with CLUSTER=shared"
  return clusterAddress === undefined
    ? "CLUSTER=shared needs CLUSTER_ADDRESS (host:port) on a node with the role actors: there the other nodes reach its shipments"
    : undefined
}

/** Where a node with these roles stands among those that share shipments. */
export const placeOf = (roles: ReadonlySet<ServerRole>, { cluster, clusterAddress }: ClusterEnv): Place => {
  if (cluster === "alone") return { _tag: "Alone" }
  return roles.has("actors") && clusterAddress !== undefined
    ? { _tag: "Runner", ...clusterAddress }
    : { _tag: "Client" }
}
