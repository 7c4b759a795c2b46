import type { ActorKind } from "../../../src/domain/Actor.ts"
import type { Session } from "../fleet/Session.ts"

/** The routes that a server has, as `POST /v1/orders/{id}/cancel`. */
export type ApiRoutes = ReadonlySet<string>

/** What this person can do on this server: what it has no route for is not offered, nor what they may not. */
export interface Rights {
  readonly routes: ApiRoutes
  /** Who they are to the machines of orders and shipments; undefined for somebody who only reads. */
  readonly actor: ActorKind | undefined
}

interface Contract {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const routesOf = ({ paths }: Contract): ApiRoutes =>
  new Set(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
    )
  )

/** Asks the server for its contract and for who is signed in. @throws Problem | ServerUnreachable | SignedOut */
export const loadRights = async ({ rest }: Session): Promise<Rights> => {
  const [contract, { roles }] = await Promise.all([
    rest.get<Contract>("/openapi.json"),
    rest.get<{ readonly roles: ReadonlyArray<string> }>("/v1/me")
  ])
  const actor = (["admin", "dispatcher"] as const).find((role) => roles.includes(role))
  return { routes: routesOf(contract), actor }
}

/** Whether they are offered the form for new orders: whoever only reads writes nothing down here. */
export const mayOrder = ({ actor, routes }: Rights): boolean => actor !== undefined && routes.has("POST /v1/orders")
