import { Effect, type Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import {
  DriverProfileRepo,
  type DriverProfileRow,
  type DriverSessionRow
} from "../../persistence/drivers/DriverProfileRepo.ts"
import { DriverRepo } from "../../persistence/drivers/DriverRepo.ts"
import { VehicleRepo } from "../../persistence/drivers/VehicleRepo.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { Api } from "../Api.ts"
import { idCursor } from "../Cursor.ts"
import { expectedVersion, versioned } from "../ETag.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Problem } from "../Problem.ts"
import { showVehicle } from "./VehiclesHttp.ts"

const sessionCursor = idCursor("drivers.sessions")

const showProfile = (profile: DriverProfileRow) => ({
  driver_id: profile.driver_id,
  vehicle_id: profile.vehicle_id,
  vehicle_preference: profile.vehicle_preference,
  license: profile.license as Schema.Json,
  service_region: profile.service_region as Schema.Json,
  updated_at: profile.updated_at
})

const showSession = ({ last_seen, ...session }: DriverSessionRow) => ({ ...session, last_seen_at: last_seen })

const vehicleUnknown = new Problem({
  code: "invalid_body",
  errors: [{ pointer: "/vehicle_id", code: "not_found", detail: "names no vehicle" }]
})

/** Handlers of DriverProfilesApi. */
export const DriverProfilesHttp = HttpApiBuilder.group(
  Api,
  "driverProfiles",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const drivers = yield* DriverRepo
    const profiles = yield* DriverProfileRepo
    const vehicles = yield* VehicleRepo

    const knownVehicle = (id: string) =>
      Effect.catchTag(vehicles.get(id), "RowAbsent", () => Effect.fail(vehicleUnknown))

    return handlers.handleAll({
      profile: Effect.fn("DriverProfilesHttp.profile")(function* ({ params }) {
        const profile = yield* scope.run(profiles.profile(params.id))
        return versioned(profile.version, showProfile(profile))
      }),
      updateProfile: Effect.fn("DriverProfilesHttp.updateProfile")(function* ({ params, payload, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        const profile = yield* scope.run(
          Effect.gen(function* () {
            if (typeof payload.vehicle_id === "string") yield* knownVehicle(payload.vehicle_id)
            return yield* profiles.updateProfile(params.id, payload, version)
          })
        )
        return versioned(profile.version, showProfile(profile))
      }),
      vehicle: Effect.fn("DriverProfilesHttp.vehicle")(function* ({ params }) {
        const vehicle = yield* scope.run(
          Effect.flatMap(profiles.profile(params.id), ({ vehicle_id: id }) =>
            id === null ? Effect.fail(new RowAbsent({ kind: "vehicle", id: params.id })) : vehicles.get(id)
          )
        )
        return versioned(vehicle.version, showVehicle(vehicle))
      }),
      assignVehicle: Effect.fn("DriverProfilesHttp.assignVehicle")(function* ({ params, payload }) {
        const vehicle = yield* scope.run(
          Effect.andThen(profiles.profile(params.id), knownVehicle(payload.vehicle_id)).pipe(
            Effect.tap((found) => profiles.updateProfile(params.id, { vehicle_id: found.id }))
          )
        )
        return versioned(vehicle.version, showVehicle(vehicle))
      }),
      releaseVehicle: Effect.fn("DriverProfilesHttp.releaseVehicle")(function* ({ params }) {
        yield* scope.run(profiles.updateProfile(params.id, { vehicle_id: null }))
      }),
      devices: Effect.fn("DriverProfilesHttp.devices")(function* ({ params }) {
        const rows = yield* scope.run(Effect.andThen(drivers.get(params.id), profiles.devices(params.id)))
        return { data: rows, next_cursor: null, has_more: false }
      }),
      sessions: Effect.fn("DriverProfilesHttp.sessions")(function* ({ params, query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const after = yield* sessionCursor.read(query.cursor)
        const rows = yield* scope.run(
          Effect.andThen(drivers.get(params.id), profiles.sessions(params.id, after, limit + 1))
        )
        return sessionCursor.page(rows, limit, (row) => row.id, showSession)
      })
    })
  })
)
