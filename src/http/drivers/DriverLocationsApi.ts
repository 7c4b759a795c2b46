import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idField, intField, numberField, pageOf, TimeField } from "../Field.ts"

const measured = {
  lat: Schema.Finite,
  lng: Schema.Finite,
  recorded_at: TimeField,
  speed_mps: Schema.NullOr(Schema.Finite),
  heading_deg: Schema.NullOr(Schema.Finite),
  accuracy_m: Schema.NullOr(Schema.Finite)
}

/** Where a driver is. `stale` when the point is older than a minute. */
export const DriverLocation = Schema.Struct({
  driver_id: idField("driver"),
  ...measured,
  received_at: TimeField,
  stale: Schema.Boolean
}).annotate({ identifier: "DriverLocation" })

/** One point of a trail. */
export const TrailPoint = Schema.Struct({
  seq: Schema.NullOr(Schema.Int),
  ...measured,
  flags: Schema.Array(Schema.String)
}).annotate({
  identifier: "TrailPoint"
})

const NearbyDriver = Schema.Struct({
  driver_id: idField("driver"),
  name: Schema.String,
  duty: Schema.NullOr(Schema.String),
  ...measured,
  received_at: TimeField,
  stale: Schema.Boolean,
  distance_m: Schema.Finite
}).annotate({ identifier: "NearbyDriver" })

const id = { id: idField("driver") }
const reads = { permission: "driver_locations.read", orOwnDriver: true, knownTo: "drivers.read" } as const

/** Where drivers are and were. */
export class DriverLocationsApi extends HttpApiGroup.make("driverLocations")
  .add(
    HttpApiEndpoint.get("location", "/:id/location", { params: id, success: DriverLocation }).annotate(Access, reads),
    HttpApiEndpoint.get("trail", "/:id/trail", {
      params: id,
      query: {
        from: Schema.optionalKey(TimeField),
        to: Schema.optionalKey(TimeField),
        limit: Schema.optionalKey(intField(1, defaultLimits.trailPointsMax)),
        cursor: Schema.optionalKey(Schema.String),
        simplify_m: Schema.optionalKey(numberField(0, defaultLimits.simplifyMMax))
      },
      headers: { accept: Schema.optionalKey(Schema.String) },
      success: pageOf(TrailPoint)
    })
      .annotate(Access, reads)
      .annotate(
        OpenApi.Description,
        "In the order of recording. `Accept: application/geo+json` gives the page as a LineString (a MultiLineString across the antimeridian). " +
          "`simplify_m` leaves out points that are less than so many metres off the line of their neighbours."
      ),
    HttpApiEndpoint.get("nearby", "/nearby", {
      query: {
        lat: numberField(-90, 90),
        lng: numberField(-180, 180),
        radius_m: Schema.optionalKey(numberField(1, defaultLimits.nearbyRadiusMMax)),
        limit: Schema.optionalKey(intField(1, defaultLimits.nearbyDriversMax)),
        include_stale: Schema.optionalKey(Schema.Literals(["true", "false"]))
      },
      success: Schema.Struct({ data: Schema.Array(NearbyDriver), next_cursor: Schema.Null, has_more: Schema.Boolean })
    })
      .annotate(Access, { permission: "driver_locations.read" })
      .annotate(OpenApi.Description, "The nearest first, within 5,000 m unless said otherwise.")
  )
  .middleware(Authenticated)
  .prefix("/drivers") {}
