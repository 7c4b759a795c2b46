import { type Effect, Layer, type Redacted, type Scope } from "effect"
import type { HttpRouter } from "effect/http"
import { HttpApiBuilder, HttpApiScalar } from "effect/http-api"
import type { SqlClient } from "effect/sql"
import { FileUploads } from "../actors/FileUploads.ts"
import type { Offers } from "../actors/Offers.ts"
import type { Orders } from "../actors/Orders.ts"
import type { Payments } from "../actors/Payments.ts"
import type { Runs } from "../actors/Runs.ts"
import type { Shipments } from "../actors/Shipments.ts"
import type { Env } from "../config/Env.ts"
import type { AccessTokens } from "../identity/AccessTokens.ts"
import { Accounts } from "../identity/Accounts.ts"
import { DeliveryPins } from "../identity/DeliveryPins.ts"
import { FileLinks } from "../identity/FileLinks.ts"
import { Passwords } from "../identity/Passwords.ts"
import { RefreshTokens } from "../identity/RefreshTokens.ts"
import type { Revocations } from "../identity/Revocations.ts"
import type { Secret } from "../identity/Secret.ts"
import { TrackingTokens } from "../identity/TrackingTokens.ts"
import { AddressRepo } from "../persistence/AddressRepo.ts"
import { AuthSessionRepo } from "../persistence/AuthSessionRepo.ts"
import { BoardRepo } from "../persistence/BoardRepo.ts"
import { CustomerRepo } from "../persistence/CustomerRepo.ts"
import { DriverProfileRepo } from "../persistence/DriverProfileRepo.ts"
import { DriverRepo } from "../persistence/DriverRepo.ts"
import { EventLogRepo } from "../persistence/EventLogRepo.ts"
import { FileRepo } from "../persistence/FileRepo.ts"
import type { FileStorage } from "../persistence/FileStorage.ts"
import { IdempotencyRepo } from "../persistence/IdempotencyRepo.ts"
import { LocationRepo } from "../persistence/LocationRepo.ts"
import { MarkerRepo } from "../persistence/MarkerRepo.ts"
import { MessageRepo } from "../persistence/MessageRepo.ts"
import { OfferRepo } from "../persistence/OfferRepo.ts"
import { OrderRepo } from "../persistence/OrderRepo.ts"
import { PaymentOperationRepo } from "../persistence/PaymentOperationRepo.ts"
import { PaymentRepo } from "../persistence/PaymentRepo.ts"
import { ProductRepo } from "../persistence/ProductRepo.ts"
import { ProofRepo } from "../persistence/ProofRepo.ts"
import { RefundRepo } from "../persistence/RefundRepo.ts"
import { RunRepo } from "../persistence/RunRepo.ts"
import { SettingRepo } from "../persistence/SettingRepo.ts"
import { ShipmentEventRepo } from "../persistence/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../persistence/ShipmentRepo.ts"
import { TrackingRepo } from "../persistence/TrackingRepo.ts"
import { TrackingSessionRepo } from "../persistence/TrackingSessionRepo.ts"
import { UserRepo } from "../persistence/UserRepo.ts"
import { VehicleRepo } from "../persistence/VehicleRepo.ts"
import type { StripeEvents } from "../processors/StripeProcessor.ts"
import type { EventBell } from "../realtime/EventBell.ts"
import { TrackGate } from "../realtime/TrackGate.ts"
import { AddressesHttp } from "./AddressesHttp.ts"
import { Api } from "./Api.ts"
import { AssignmentsHttp } from "./AssignmentsHttp.ts"
import { AuthenticatedLive, Authentication } from "./Authenticated.ts"
import { AuthHttp } from "./AuthHttp.ts"
import { BoardHttp } from "./BoardHttp.ts"
import { CustomersHttp } from "./CustomersHttp.ts"
import { DriverLocationsHttp } from "./DriverLocationsHttp.ts"
import { DriverProfilesHttp } from "./DriverProfilesHttp.ts"
import { DriversHttp } from "./DriversHttp.ts"
import { DriverTokensHttp } from "./DriverTokensHttp.ts"
import { EventsHttp } from "./EventsHttp.ts"
import { FileContentHttp } from "./FileContentHttp.ts"
import { FilesHttp } from "./FilesHttp.ts"
import { Idempotency } from "./Idempotency.ts"
import { MeHttp } from "./MeHttp.ts"
import { OpsHttp } from "./OpsHttp.ts"
import { OrdersHttp } from "./OrdersHttp.ts"
import { PaymentsHttp } from "./PaymentsHttp.ts"
import { PrincipalScope } from "./PrincipalScope.ts"
import { ProblemBoundaryLive } from "./ProblemBoundary.ts"
import { ProductsHttp } from "./ProductsHttp.ts"
import { ProofsHttp } from "./ProofsHttp.ts"
import type { Readiness } from "./Readiness.ts"
import { type RequestHandler, requestHandlerOf } from "./RequestHandler.ts"
import { docsPath, openApiPath } from "./RouteTable.ts"
import { RunsHttp } from "./RunsHttp.ts"
import { ShipmentsHttp } from "./ShipmentsHttp.ts"
import { StripeEventsHttp } from "./StripeEventsHttp.ts"
import { ThreadsHttp } from "./ThreadsHttp.ts"
import { TrackingHttp } from "./TrackingHttp.ts"
import { TrackingSessionsHttp } from "./TrackingSessionsHttp.ts"
import { UsersHttp } from "./UsersHttp.ts"
import { VehiclesHttp } from "./VehiclesHttp.ts"

const Repos = Layer.mergeAll(
  UserRepo.layer,
  AuthSessionRepo.layer,
  DriverRepo.layer,
  FileRepo.layer,
  MessageRepo.layer,
  OfferRepo.layer,
  ProofRepo.layer,
  DriverProfileRepo.layer,
  VehicleRepo.layer,
  LocationRepo.layer,
  IdempotencyRepo.layer,
  AddressRepo.layer,
  BoardRepo.layer,
  CustomerRepo.layer,
  EventLogRepo.layer,
  MarkerRepo.layer,
  OrderRepo.layer,
  PaymentOperationRepo.layer,
  PaymentRepo.layer,
  ProductRepo.layer,
  RefundRepo.layer,
  RunRepo.layer,
  SettingRepo.layer,
  ShipmentEventRepo.layer,
  ShipmentRepo.layer,
  TrackingSessionRepo.layer,
  TrackGate.layer.pipe(Layer.provideMerge(TrackingRepo.layer))
)

const Identity = Accounts.layer.pipe(
  Layer.provideMerge(
    Layer.mergeAll(Passwords.layer, RefreshTokens.layer, TrackingTokens.layer, FileLinks.layer, DeliveryPins.layer)
  )
)

const Services = Layer.mergeAll(Idempotency.layer, Authentication.layer, FileUploads.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(PrincipalScope.layer, Identity)),
  Layer.provideMerge(Repos)
)

const Handlers = Layer.mergeAll(
  AuthHttp,
  MeHttp,
  UsersHttp,
  DriversHttp,
  DriverProfilesHttp,
  DriverTokensHttp,
  DriverLocationsHttp,
  VehiclesHttp,
  AddressesHttp,
  CustomersHttp,
  ProductsHttp,
  OrdersHttp,
  PaymentsHttp,
  StripeEventsHttp,
  ShipmentsHttp,
  AssignmentsHttp,
  BoardHttp,
  FilesHttp,
  FileContentHttp,
  ProofsHttp,
  ThreadsHttp,
  RunsHttp,
  TrackingSessionsHttp,
  TrackingHttp,
  EventsHttp,
  OpsHttp
).pipe(Layer.provide(AuthenticatedLive), Layer.provide(ProblemBoundaryLive), Layer.provide(Services))

/** Every route of REST, for a router. */
export const HttpRoutes = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: openApiPath }),
  HttpApiScalar.layer(Api, { path: docsPath })
).pipe(Layer.provide(Handlers))

/** What the application needs from whoever builds the server. */
export type HttpAppNeeds =
  | Env
  /** DatabaseUrl. */
  | Redacted.Redacted
  | SqlClient.SqlClient
  | Secret
  | AccessTokens
  | Revocations
  | Readiness
  | Orders
  | Offers
  | Payments
  | StripeEvents
  | Runs
  | Shipments
  | EventBell
  | FileStorage
  | Scope.Scope

/**
 * A handler of REST and `extraRoutes` for a server that its owner bounds (`headersTimeoutMs`, `requestTimeoutMs`, `headerBytesMax`)
 * and whose `upgrade` events stay the owner's. The scope's end interrupts what is under way.
 */
export const makeRequestHandler = (
  extraRoutes: Layer.Layer<never, never, HttpRouter.HttpRouter> = Layer.empty
): Effect.Effect<RequestHandler, never, HttpAppNeeds> => requestHandlerOf(Layer.mergeAll(HttpRoutes, extraRoutes))
