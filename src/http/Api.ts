import { HttpApi, OpenApi } from "effect/http-api"
import { AddressesApi } from "./AddressesApi.ts"
import { AssignmentsApi } from "./AssignmentsApi.ts"
import { AuthApi } from "./AuthApi.ts"
import { BoardApi } from "./BoardApi.ts"
import { CustomersApi } from "./CustomersApi.ts"
import { DriverLocationsApi } from "./DriverLocationsApi.ts"
import { DriverProfilesApi } from "./DriverProfilesApi.ts"
import { DriversApi } from "./DriversApi.ts"
import { DriverTokensApi } from "./DriverTokensApi.ts"
import { EventsApi } from "./EventsApi.ts"
import { FileContentApi, FilesApi } from "./FilesApi.ts"
import { MeApi } from "./MeApi.ts"
import { OpsApi } from "./OpsApi.ts"
import { OrdersApi } from "./OrdersApi.ts"
import { PaymentsApi } from "./PaymentsApi.ts"
import { ProblemBoundary } from "./ProblemBoundary.ts"
import { ProductsApi } from "./ProductsApi.ts"
import { ProofsApi } from "./ProofsApi.ts"
import { RunsApi } from "./RunsApi.ts"
import { ShipmentsApi } from "./ShipmentsApi.ts"
import { StripeEventsApi } from "./StripeEventsApi.ts"
import { ThreadsApi } from "./ThreadsApi.ts"
import { TrackingApi } from "./TrackingApi.ts"
import { TrackingSessionsApi } from "./TrackingSessionsApi.ts"
import { UsersApi } from "./UsersApi.ts"
import { VehiclesApi } from "./VehiclesApi.ts"

const strictly = { errors: "all", onExcessProperty: "error" } as const

/**
 * The contract of REST: handlers, OpenAPI, derived clients and the test of every role on every route are made from this one
 * value. Unknown members of bodies and unknown query parameters are refused; headers are not looked at.
 */
export class Api extends HttpApi.make("dropmate")
  .add(AuthApi.prefix("/v1"))
  .add(MeApi.prefix("/v1"))
  .add(UsersApi.prefix("/v1"))
  .add(DriverTokensApi.prefix("/v1"))
  .add(DriverLocationsApi.prefix("/v1"))
  .add(DriversApi.prefix("/v1"))
  .add(DriverProfilesApi.prefix("/v1"))
  .add(VehiclesApi.prefix("/v1"))
  .add(AddressesApi.prefix("/v1"))
  .add(CustomersApi.prefix("/v1"))
  .add(ProductsApi.prefix("/v1"))
  .add(OrdersApi.prefix("/v1"))
  .add(PaymentsApi.prefix("/v1"))
  .add(StripeEventsApi.prefix("/v1"))
  .add(ShipmentsApi.prefix("/v1"))
  .add(AssignmentsApi.prefix("/v1"))
  .add(BoardApi.prefix("/v1"))
  .add(RunsApi.prefix("/v1"))
  .add(TrackingSessionsApi.prefix("/v1"))
  .add(FilesApi.prefix("/v1"))
  .add(FileContentApi.prefix("/v1"))
  .add(ProofsApi.prefix("/v1"))
  .add(ThreadsApi.prefix("/v1"))
  .add(TrackingApi.prefix("/v1"))
  .add(EventsApi.prefix("/v1"))
  .add(OpsApi)
  .middleware(ProblemBoundary)
  .annotate(HttpApi.PayloadParseOptions, strictly)
  .annotate(HttpApi.QueryParseOptions, strictly)
  .annotate(OpenApi.Title, "DropMate")
  .annotate(OpenApi.Version, "1") {}
