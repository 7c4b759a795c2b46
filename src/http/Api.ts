import { HttpApi, OpenApi } from "effect/http-api"
import { AddressesApi } from "./customers/AddressesApi.ts"
import { CustomersApi } from "./customers/CustomersApi.ts"
import { DriverLocationsApi } from "./drivers/DriverLocationsApi.ts"
import { DriverProfilesApi } from "./drivers/DriverProfilesApi.ts"
import { DriversApi } from "./drivers/DriversApi.ts"
import { DriverTokensApi } from "./drivers/DriverTokensApi.ts"
import { VehiclesApi } from "./drivers/VehiclesApi.ts"
import { EventsApi } from "./events/EventsApi.ts"
import { FileContentApi, FilesApi } from "./files/FilesApi.ts"
import { ProofsApi } from "./files/ProofsApi.ts"
import { AuthApi } from "./identity/AuthApi.ts"
import { MeApi } from "./identity/MeApi.ts"
import { UsersApi } from "./identity/UsersApi.ts"
import { ThreadsApi } from "./messages/ThreadsApi.ts"
import { OpsApi } from "./ops/OpsApi.ts"
import { BoardApi } from "./orders/BoardApi.ts"
import { OrdersApi } from "./orders/OrdersApi.ts"
import { ProductsApi } from "./orders/ProductsApi.ts"
import { ProblemBoundary } from "./ProblemBoundary.ts"
import { PaymentsApi } from "./payments/PaymentsApi.ts"
import { StripeEventsApi } from "./payments/StripeEventsApi.ts"
import { RunsApi } from "./runs/RunsApi.ts"
import { AssignmentsApi } from "./shipments/AssignmentsApi.ts"
import { ShipmentsApi } from "./shipments/ShipmentsApi.ts"
import { TrackingApi } from "./tracking/TrackingApi.ts"
import { TrackingSessionsApi } from "./tracking/TrackingSessionsApi.ts"

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
