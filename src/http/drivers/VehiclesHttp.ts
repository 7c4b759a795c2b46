import { Effect, type Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { VehicleRepo, type VehicleRow } from "../../persistence/drivers/VehicleRepo.ts"
import { newId } from "../../persistence/NewId.ts"
import { Api } from "../Api.ts"
import { idCursor } from "../Cursor.ts"
import { etagOf, expectedVersion, versioned } from "../ETag.ts"
import { Idempotency } from "../Idempotency.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Vehicle, type VehicleInput } from "./VehiclesApi.ts"

const vehicleCursor = idCursor("vehicles")

/** A vehicle as the API shows one. */
export const showVehicle = (vehicle: VehicleRow): typeof Vehicle.Type => ({
  id: vehicle.id,
  type: vehicle.type,
  plate: vehicle.plate,
  colour: vehicle.colour,
  capacity: vehicle.capacity as Schema.Json,
  created_at: vehicle.created_at,
  updated_at: vehicle.updated_at
})

/** A new vehicle from what a client said of it. */
export const newVehicle = (input: typeof VehicleInput.Type) =>
  Effect.map(newId, (id) => ({
    id,
    type: input.type,
    plate: input.plate ?? null,
    colour: input.colour ?? null,
    capacity: input.capacity ?? {}
  }))

/** Handlers of VehiclesApi. */
export const VehiclesHttp = HttpApiBuilder.group(
  Api,
  "vehicles",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const vehicles = yield* VehicleRepo

    return handlers.handleAll({
      list: Effect.fn("VehiclesHttp.list")(function* ({ query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const after = yield* vehicleCursor.read(query.cursor)
        const rows = yield* scope.run(vehicles.list(query.type, after, limit + 1))
        return vehicleCursor.page(rows, limit, (row) => row.id, showVehicle)
      }),
      create: Effect.fn("VehiclesHttp.create")(function* ({ payload }) {
        const made = Effect.flatMap(newVehicle(payload), vehicles.insert)
        const headers = () => ({ etag: etagOf(1) })
        return yield* idempotency.once({ status: 201, success: Vehicle, headers }, Effect.map(made, showVehicle))
      }),
      get: Effect.fn("VehiclesHttp.get")(function* ({ params }) {
        const vehicle = yield* scope.run(vehicles.get(params.id))
        return versioned(vehicle.version, showVehicle(vehicle))
      }),
      update: Effect.fn("VehiclesHttp.update")(function* ({ params, payload, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        const vehicle = yield* scope.run(vehicles.update(params.id, payload, version))
        return versioned(vehicle.version, showVehicle(vehicle))
      }),
      remove: Effect.fn("VehiclesHttp.remove")(function* ({ params, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        yield* scope.run(vehicles.remove(params.id, version))
      })
    })
  })
)
