import { type Effect, Layer, type Redacted, type Scope } from "effect"
import type { HttpRouter } from "effect/http"
import { HttpApiBuilder, HttpApiScalar } from "effect/http-api"
import type { SqlClient } from "effect/sql"
import { FileUploads } from "../actors/files/FileUploads.ts"
import type { Offers } from "../actors/offers/Offers.ts"
import type { Orders } from "../actors/orders/Orders.ts"
import type { Payments } from "../actors/payments/Payments.ts"
import type { Runs } from "../actors/runs/Runs.ts"
import type { Shipments } from "../actors/shipments/Shipments.ts"
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
import { AddressRepo } from "../persistence/customers/AddressRepo.ts"
import { CustomerRepo } from "../persistence/customers/CustomerRepo.ts"
import type { SystemDatabase } from "../persistence/Database.ts"
import { DriverProfileRepo } from "../persistence/drivers/DriverProfileRepo.ts"
import { DriverRepo } from "../persistence/drivers/DriverRepo.ts"
import { LocationRepo } from "../persistence/drivers/LocationRepo.ts"
import { MarkerRepo } from "../persistence/drivers/MarkerRepo.ts"
import { VehicleRepo } from "../persistence/drivers/VehicleRepo.ts"
import { FileRepo } from "../persistence/files/FileRepo.ts"
import type { FileStorage } from "../persistence/files/FileStorage.ts"
import { IdempotencyRepo } from "../persistence/IdempotencyRepo.ts"
import { AuthSessionRepo } from "../persistence/identity/AuthSessionRepo.ts"
import { UserRepo } from "../persistence/identity/UserRepo.ts"
import { MessageRepo } from "../persistence/messages/MessageRepo.ts"
import { BoardRepo } from "../persistence/orders/BoardRepo.ts"
import { OrderRepo } from "../persistence/orders/OrderRepo.ts"
import { ProductRepo } from "../persistence/orders/ProductRepo.ts"
import { EventLogRepo } from "../persistence/outbox/EventLogRepo.ts"
import { PaymentOperationRepo } from "../persistence/payments/PaymentOperationRepo.ts"
import { PaymentRepo } from "../persistence/payments/PaymentRepo.ts"
import { RefundRepo } from "../persistence/payments/RefundRepo.ts"
import { RunRepo } from "../persistence/runs/RunRepo.ts"
import { SettingRepo } from "../persistence/SettingRepo.ts"
import { OfferRepo } from "../persistence/shipments/OfferRepo.ts"
import { ProofRepo } from "../persistence/shipments/ProofRepo.ts"
import { ShipmentEventRepo } from "../persistence/shipments/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../persistence/shipments/ShipmentRepo.ts"
import { TrackingRepo } from "../persistence/tracking/TrackingRepo.ts"
import { TrackingSessionRepo } from "../persistence/tracking/TrackingSessionRepo.ts"
import type { StripeEvents } from "../processors/StripeProcessor.ts"
import type { EventBell } from "../realtime/EventBell.ts"
import { TrackGate } from "../realtime/TrackGate.ts"
import { Api } from "./Api.ts"
import { Authentication } from "./Authenticated.ts"
import { AuthenticatedLive } from "./AuthenticatedLive.ts"
import { AddressesHttp } from "./customers/AddressesHttp.ts"
import { CustomersHttp } from "./customers/CustomersHttp.ts"
import { DriverLocationsHttp } from "./drivers/DriverLocationsHttp.ts"
import { DriverProfilesHttp } from "./drivers/DriverProfilesHttp.ts"
import { DriversHttp } from "./drivers/DriversHttp.ts"
import { DriverTokensHttp } from "./drivers/DriverTokensHttp.ts"
import { VehiclesHttp } from "./drivers/VehiclesHttp.ts"
import { EventsHttp } from "./events/EventsHttp.ts"
import { FileContentHttp } from "./files/FileContentHttp.ts"
import { FilesHttp } from "./files/FilesHttp.ts"
import { ProofsHttp } from "./files/ProofsHttp.ts"
import { Idempotency } from "./Idempotency.ts"
import { AuthHttp } from "./identity/AuthHttp.ts"
import { MeHttp } from "./identity/MeHttp.ts"
import { UsersHttp } from "./identity/UsersHttp.ts"
import { ThreadsHttp } from "./messages/ThreadsHttp.ts"
import { OpsHttp } from "./ops/OpsHttp.ts"
import type { Readiness } from "./ops/Readiness.ts"
import { BoardHttp } from "./orders/BoardHttp.ts"
import { OrdersHttp } from "./orders/OrdersHttp.ts"
import { ProductsHttp } from "./orders/ProductsHttp.ts"
import { PrincipalScope } from "./PrincipalScope.ts"
import { ProblemBoundaryLive } from "./ProblemBoundary.ts"
import { PaymentsHttp } from "./payments/PaymentsHttp.ts"
import { StripeEventsHttp } from "./payments/StripeEventsHttp.ts"
import { type RequestHandler, requestHandlerOf } from "./RequestHandler.ts"
import { docsPath, openApiPath } from "./RouteTable.ts"
import { RunsHttp } from "./runs/RunsHttp.ts"
import { AssignmentsHttp } from "./shipments/AssignmentsHttp.ts"
import { ShipmentsHttp } from "./shipments/ShipmentsHttp.ts"
import { TrackingHttp } from "./tracking/TrackingHttp.ts"
import { TrackingSessionsHttp } from "./tracking/TrackingSessionsHttp.ts"

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
  | SystemDatabase
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
