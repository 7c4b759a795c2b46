import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { theRow, theRowAt } from "../RowAbsent.ts"
import { orValueTaken } from "../ValueTaken.ts"

/** A vehicle as its row tells it. */
export interface VehicleRow {
  readonly id: string
  readonly type: string
  readonly plate: string | null
  readonly colour: string | null
  readonly capacity: unknown
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
}

/** What a vehicle is made of. */
export interface NewVehicle {
  readonly id: string
  readonly type: string
  readonly plate: string | null
  readonly colour: string | null
  readonly capacity: Readonly<Record<string, unknown>>
}

/** What may be changed of a vehicle; a key that is absent stays as it is. */
export interface VehicleChange {
  readonly type?: string
  readonly plate?: string | null
  readonly colour?: string | null
  readonly capacity?: Readonly<Record<string, unknown>>
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`id, type, plate, colour, capacity, version::integer AS version, created_at, updated_at`

  const get = Effect.fn("VehicleRepo.get")(function* (id: string) {
    const rows = yield* sql<VehicleRow>`SELECT ${columns} FROM vehicles WHERE id = ${id} AND deleted_at IS NULL`
    return yield* theRow("vehicle", id, rows)
  })

  const list = Effect.fn("VehicleRepo.list")(function* (
    type: string | undefined,
    afterId: string | undefined,
    limit: number
  ) {
    return yield* sql<VehicleRow>`SELECT ${columns} FROM vehicles
      WHERE deleted_at IS NULL AND (${type ?? null}::text IS NULL OR type = ${type ?? null})
        AND (${afterId ?? null}::uuid IS NULL OR id > ${afterId ?? null}::uuid)
      ORDER BY id LIMIT ${limit}`
  })

  const insert = Effect.fn("VehicleRepo.insert")(function* (vehicle: NewVehicle) {
    const rows = yield* sql<VehicleRow>`INSERT INTO vehicles (id, type, plate, colour, capacity)
      VALUES (${vehicle.id}, ${vehicle.type}, ${vehicle.plate}, ${vehicle.colour}, ${JSON.stringify(vehicle.capacity)}::text::jsonb)
      RETURNING ${columns}`
    return yield* theRow("vehicle", vehicle.id, rows)
  }, orValueTaken)

  const lock = (id: string) =>
    sql<{
      version: number
    }>`SELECT version::integer AS version FROM vehicles WHERE id = ${id} AND deleted_at IS NULL FOR UPDATE`

  const update = Effect.fn("VehicleRepo.update")(function* (
    id: string,
    change: VehicleChange,
    expectedVersion?: number
  ) {
    yield* theRowAt("vehicle", id, expectedVersion, yield* lock(id))
    const { capacity, ...plain } = change
    if (Object.keys(plain).length > 0) yield* sql`UPDATE vehicles SET ${sql.update({ ...plain })} WHERE id = ${id}`
    if (capacity !== undefined) {
      yield* sql`UPDATE vehicles SET capacity = ${JSON.stringify(capacity)}::text::jsonb WHERE id = ${id}`
    }
    return yield* get(id)
  }, orValueTaken)

  /** Takes a vehicle out of use and from whoever drives it; the row stays for what refers to it. */
  const remove = Effect.fn("VehicleRepo.remove")(function* (id: string, expectedVersion?: number) {
    yield* theRowAt("vehicle", id, expectedVersion, yield* lock(id))
    yield* sql`UPDATE vehicles SET deleted_at = now() WHERE id = ${id}`
    yield* sql`UPDATE driver_profiles SET vehicle_id = NULL WHERE vehicle_id = ${id}`
  })

  return { get, list, insert, update, remove }
})

/** Keeps vehicles. */
export class VehicleRepo extends Context.Service<VehicleRepo>()("dropmate/persistence/drivers/VehicleRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
