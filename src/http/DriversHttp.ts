import { Effect, Redacted, type Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../config/Limits.ts"
import { Passwords } from "../identity/Passwords.ts"
import { AuthSessionRepo } from "../persistence/AuthSessionRepo.ts"
import {
  type DeviceRow,
  type DriverChange,
  type DriverProfileRow,
  DriverRepo,
  type DriverRow,
  type DriverSessionRow
} from "../persistence/DriverRepo.ts"
import { newId } from "../persistence/NewId.ts"
import { RowAbsent } from "../persistence/RowVersion.ts"
import { VehicleRepo } from "../persistence/VehicleRepo.ts"
import { Api } from "./Api.ts"
import { CurrentPrincipal } from "./Authenticated.ts"
import { idCursor } from "./Cursor.ts"
import { Driver } from "./DriversApi.ts"
import { Idempotency } from "./Idempotency.ts"
import { PrincipalScope } from "./PrincipalScope.ts"
import { Problem } from "./Problem.ts"
import { newVehicle, showVehicle } from "./VehiclesHttp.ts"
import { etagOf, expectedVersion, versioned } from "./Versions.ts"

const driverCursor = idCursor("drivers")
const sessionCursor = idCursor("drivers.sessions")

const showDriver = (driver: DriverRow) => ({
  id: driver.id,
  user_id: driver.user_id,
  name: driver.name,
  email: driver.email,
  phone: driver.phone,
  status: driver.employment_status,
  duty: driver.duty,
  duty_changed_at: driver.duty_changed_at,
  vehicle_id: driver.vehicle_id,
  created_at: driver.created_at,
  updated_at: driver.updated_at
})

const showProfile = (profile: DriverProfileRow) => ({
  driver_id: profile.driver_id,
  vehicle_id: profile.vehicle_id,
  vehicle_preference: profile.vehicle_preference,
  license: profile.license as Schema.Json,
  service_region: profile.service_region as Schema.Json,
  updated_at: profile.updated_at
})

const showDevice = (device: DeviceRow) => device

const showSession = ({ last_seen, ...session }: DriverSessionRow) => ({ ...session, last_seen_at: last_seen })

const vehicleUnknown = new Problem({
  code: "invalid_body",
  errors: [{ pointer: "/vehicle_id", code: "not_found", detail: "names no vehicle" }]
})

/** Handlers of DriversApi. */
export const DriversHttp = HttpApiBuilder.group(
  Api,
  "drivers",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const drivers = yield* DriverRepo
    const vehicles = yield* VehicleRepo
    const sessions = yield* AuthSessionRepo
    const passwords = yield* Passwords

    const knownVehicle = (id: string) => Effect.catchTag(vehicles.get(id), "RowAbsent", () => Effect.fail(vehicleUnknown))

    return handlers.handleAll({
      list: Effect.fn("DriversHttp.list")(function* ({ query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const afterId = yield* driverCursor.read(query.cursor)
        const filter = { employmentStatus: query.status, duty: query.duty, text: query.q, afterId, limit: limit + 1 }
        return driverCursor.page(yield* scope.run(drivers.list(filter)), limit, (row) => row.id, showDriver)
      }),
      create: Effect.fn("DriversHttp.create")(function* ({ payload }) {
        const { userId: grantedBy } = yield* CurrentPrincipal
        const { email, name, phone, password, vehicle } = payload
        const made = Effect.gen(function* () {
          const vehicleId = vehicle === undefined ? null : (yield* Effect.flatMap(newVehicle(vehicle), vehicles.insert)).id
          // Inside, so that a replay does not pay for argon2 and its answer is that of the first password.
          const passwordHash = password === undefined ? undefined : yield* passwords.hash(Redacted.make(password))
          const id = yield* newId
          const userId = yield* newId
          yield* drivers.insert({ id, userId, email, name, phone: phone ?? null, passwordHash, vehicleId, grantedBy })
          return showDriver(yield* drivers.get(id))
        })
        const headers = (driver: { readonly id: string }) => ({ etag: etagOf(1), location: `/v1/drivers/drv_${driver.id}` })
        return yield* idempotency.once({ status: 201, success: Driver, headers }, made)
      }),
      get: Effect.fn("DriversHttp.get")(function* ({ params }) {
        const driver = yield* scope.run(drivers.get(params.id))
        return versioned(driver.version, showDriver(driver))
      }),
      update: Effect.fn("DriversHttp.update")(function* ({ params, payload, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        const { status, ...person } = payload
        const change: DriverChange = { ...person, ...(status === undefined ? {} : { employment_status: status }) }
        const driver = yield* scope.run(
          Effect.gen(function* () {
            const changed = yield* drivers.update(params.id, change, version)
            if (status === "suspended") yield* sessions.revokeAll(changed.user_id, "revoked")
            return changed
          })
        )
        return versioned(driver.version, showDriver(driver))
      }),
      remove: Effect.fn("DriversHttp.remove")(function* ({ params, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        yield* scope.run(
          Effect.flatMap(drivers.remove(params.id, version), (userId) => sessions.revokeAll(userId, "role_removed"))
        )
      }),
      profile: Effect.fn("DriversHttp.profile")(function* ({ params }) {
        const profile = yield* scope.run(drivers.profile(params.id))
        return versioned(profile.version, showProfile(profile))
      }),
      updateProfile: Effect.fn("DriversHttp.updateProfile")(function* ({ params, payload, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        const profile = yield* scope.run(
          Effect.gen(function* () {
            if (typeof payload.vehicle_id === "string") yield* knownVehicle(payload.vehicle_id)
            return yield* drivers.updateProfile(params.id, payload, version)
          })
        )
        return versioned(profile.version, showProfile(profile))
      }),
      vehicle: Effect.fn("DriversHttp.vehicle")(function* ({ params }) {
        const vehicle = yield* scope.run(
          Effect.flatMap(drivers.profile(params.id), ({ vehicle_id: id }) =>
            id === null ? Effect.fail(new RowAbsent({ kind: "vehicle", id: params.id })) : vehicles.get(id)
          )
        )
        return versioned(vehicle.version, showVehicle(vehicle))
      }),
      assignVehicle: Effect.fn("DriversHttp.assignVehicle")(function* ({ params, payload }) {
        const vehicle = yield* scope.run(
          Effect.andThen(drivers.profile(params.id), knownVehicle(payload.vehicle_id)).pipe(
            Effect.tap((found) => drivers.updateProfile(params.id, { vehicle_id: found.id }))
          )
        )
        return versioned(vehicle.version, showVehicle(vehicle))
      }),
      releaseVehicle: Effect.fn("DriversHttp.releaseVehicle")(function* ({ params }) {
        yield* scope.run(drivers.updateProfile(params.id, { vehicle_id: null }))
      }),
      devices: Effect.fn("DriversHttp.devices")(function* ({ params }) {
        const rows = yield* scope.run(Effect.andThen(drivers.get(params.id), drivers.devices(params.id)))
        return { data: rows.map(showDevice), next_cursor: null, has_more: false }
      }),
      sessions: Effect.fn("DriversHttp.sessions")(function* ({ params, query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const after = yield* sessionCursor.read(query.cursor)
        const rows = yield* scope.run(
          Effect.andThen(drivers.get(params.id), drivers.sessions(params.id, after, limit + 1))
        )
        return sessionCursor.page(rows, limit, (row) => row.id, showSession)
      }),
      endSessions: Effect.fn("DriversHttp.endSessions")(function* ({ params }) {
        yield* scope.run(
          Effect.flatMap(drivers.get(params.id), (driver) => sessions.revokeAll(driver.user_id, "revoked"))
        )
      })
    })
  })
)
