import { Clock, Effect, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { boxAround } from "../../domain/GeoBox.ts"
import { geoJsonLine } from "../../domain/GeoJsonLine.ts"
import { publicId } from "../../domain/Ids.ts"
import { simplify } from "../../domain/Simplify.ts"
import { flagNames } from "../../domain/TelemetryRules.ts"
import { DriverRepo } from "../../persistence/drivers/DriverRepo.ts"
import { LocationRepo, type MarkerRow, type TrailRow } from "../../persistence/drivers/LocationRepo.ts"
import { Api } from "../Api.ts"
import { cursorOf, type Page } from "../Cursor.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Problem } from "../Problem.ts"

const Micros = Schema.String.check(Schema.isPattern(/^-?\d{1,17}$/))
const trailCursor = cursorOf(
  "drivers.trail",
  Schema.Struct({ recordedUs: Micros, deviceNo: Schema.Int, seq: Schema.Int, receivedUs: Micros })
)

// Speed, heading and accuracy are stored as real: more than two decimals are noise of the conversion.
const rounded = (value: number | null): number | null => (value === null ? null : Math.round(value * 100) / 100)

const showMeasured = (row: MarkerRow | TrailRow) => ({
  lat: row.lat,
  lng: row.lng,
  recorded_at: row.recorded_at,
  speed_mps: rounded(row.speed),
  heading_deg: rounded(row.heading),
  accuracy_m: rounded(row.accuracy)
})

const showMarker = (row: MarkerRow, staleBeforeMs: number) => ({
  driver_id: row.driver_id,
  ...showMeasured(row),
  received_at: row.received_at,
  stale: row.recorded_at.getTime() < staleBeforeMs
})

const showPoint = (row: TrailRow) => ({
  seq: row.seq,
  ...showMeasured(row),
  flags: flagNames.filter(([bit]) => (row.flags & bit) !== 0).map(([, name]) => name)
})

type ShownPoint = ReturnType<typeof showPoint>

const wantsGeoJson = (accept: string | undefined): boolean => /(?:^|,)\s*application\/geo\+json\b/i.test(accept ?? "")

const geoJsonAnswer = (driverId: string, page: Page<ShownPoint>): HttpServerResponse.HttpServerResponse => {
  const body = {
    ...geoJsonLine(page.data),
    driver_id: publicId("driver", driverId),
    recorded_at: page.data.map((point) => point.recorded_at.toISOString()),
    next_cursor: page.next_cursor,
    has_more: page.has_more
  }
  return HttpServerResponse.text(JSON.stringify(body), { contentType: "application/geo+json" })
}

const nearbyRadiusMDefault = 5_000
const nearbyLimitDefault = 50

/** Handlers of DriverLocationsApi. */
export const DriverLocationsHttp = HttpApiBuilder.group(
  Api,
  "driverLocations",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const drivers = yield* DriverRepo
    const locations = yield* LocationRepo
    const staleBefore = Effect.map(Clock.currentTimeMillis, (nowMs) => nowMs - limits.markerStaleMs)

    return handlers.handleAll({
      location: Effect.fn("DriverLocationsHttp.location")(function* ({ params }) {
        const row = yield* scope.run(Effect.andThen(drivers.get(params.id), locations.marker(params.id)))
        if (row === undefined) return yield* new Problem({ code: "location_unknown" })
        return showMarker(row, yield* staleBefore)
      }),
      trail: Effect.fn("DriverLocationsHttp.trail")(function* ({ params, query, headers }) {
        const limit = query.limit ?? limits.trailPointsDefault
        const after = yield* trailCursor.read(query.cursor)
        const range = { driverId: params.id, from: query.from, to: query.to, after, limit: limit + 1 }
        const rows = yield* scope.run(Effect.andThen(drivers.get(params.id), locations.trail(range)))
        const positionOf = (row: TrailRow) => ({
          recordedUs: row.recorded_us,
          deviceNo: row.device_no,
          seq: row.seq ?? 0,
          receivedUs: row.received_us
        })
        const whole = trailCursor.page(rows, limit, positionOf, showPoint)
        const page = query.simplify_m === undefined ? whole : { ...whole, data: simplify(whole.data, query.simplify_m) }
        return wantsGeoJson(headers.accept) ? geoJsonAnswer(params.id, page) : page
      }),
      nearby: Effect.fn("DriverLocationsHttp.nearby")(function* ({ query }) {
        const { lat, lng } = query
        const radiusM = query.radius_m ?? nearbyRadiusMDefault
        const limit = query.limit ?? nearbyLimitDefault
        const staleBeforeMs = yield* staleBefore
        const recordedAfter = query.include_stale === "true" ? undefined : new Date(staleBeforeMs)
        const box = boxAround(lat, lng, radiusM)
        const rows = yield* scope.run(locations.near({ lat, lng, radiusM, box, recordedAfter, limit: limit + 1 }))
        const data = rows.slice(0, limit).map((row) => ({
          ...showMarker(row, staleBeforeMs),
          name: row.name,
          duty: row.duty,
          distance_m: Math.round(row.distance_m * 10) / 10
        }))
        return { data, next_cursor: null, has_more: rows.length > limit }
      })
    })
  })
)
