import { Effect, Redacted } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { Passwords } from "../../identity/Passwords.ts"
import { type DriverChange, DriverRepo, type DriverRow } from "../../persistence/drivers/DriverRepo.ts"
import { VehicleRepo } from "../../persistence/drivers/VehicleRepo.ts"
import { AuthSessionRepo } from "../../persistence/identity/AuthSessionRepo.ts"
import { newId } from "../../persistence/NewId.ts"
import { Api } from "../Api.ts"
import { CurrentPrincipal } from "../Authenticated.ts"
import { idCursor } from "../Cursor.ts"
import { etagOf, expectedVersion, versioned } from "../ETag.ts"
import { Idempotency } from "../Idempotency.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Driver } from "./DriversApi.ts"
import { newVehicle } from "./VehiclesHttp.ts"

const driverCursor = idCursor("drivers")

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
        // Outside the transaction: a connection of the pool must not wait for argon2.
        const passwordHash = password === undefined ? undefined : yield* passwords.hash(Redacted.make(password))
        const made = Effect.gen(function* () {
          const vehicleId =
            vehicle === undefined ? null : (yield* Effect.flatMap(newVehicle(vehicle), vehicles.insert)).id
          const id = yield* newId
          const userId = yield* newId
          yield* drivers.insert({ id, userId, email, name, phone: phone ?? null, passwordHash, vehicleId, grantedBy })
          return showDriver(yield* drivers.get(id))
        })
        const headers = (driver: { readonly id: string }) => ({
          etag: etagOf(1),
          location: `/v1/drivers/drv_${driver.id}`
        })
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
      endSessions: Effect.fn("DriversHttp.endSessions")(function* ({ params }) {
        yield* scope.run(
          Effect.flatMap(drivers.get(params.id), (driver) => sessions.revokeAll(driver.user_id, "revoked"))
        )
      })
    })
  })
)
