import { Context } from "effect"
import { deliveryLimits } from "./DeliveryLimits.ts"

/**
 * Every bound of the product, with its unit in its name. At a bound something named happens: a close code, a 429, REFUSED,
 * quarantine; never silence. LimitRelations.ts holds the relations that the rest of the code leans on.
 */
export const defaultLimits = {
  ...deliveryLimits,

  // Wire
  frameBytesMax: 16 * 1024,
  frameDepthMax: 4,
  batchPointsMax: 500,
  firstFrameMs: 5_000,
  pingEveryMs: 25_000,
  socketSilentMs: 60_000,
  /** Malformed frames that are answered; the next one closes with 4500. */
  malformedFramesMax: 2,
  socketBackpressureBytesMax: 64 * 1024,
  /** How long a peer may take to answer a close frame. */
  closeAnswerMs: 5_000,
  /** How often deadlines of sockets are looked at; a tracking link must die within a second. */
  socketTickMs: 250,
  /** Frames one socket may send a second before it is closed with 4005. Far above a phone that empties its queue point by point. */
  framesPerSecondMax: 20_000,
  addressConnectionsMax: 20_000,
  driverConnectionsMax: 8,
  connectionsMax: 100_000,

  // Telemetry
  clockFutureMs: 2 * 60_000,
  clockPastMs: 72 * 3_600_000,
  lateAfterMs: 60_000,
  beaconEveryMs: 1_000,
  /** Unacknowledged points one device may have on the way. */
  windowPoints: 1_000,
  /** A window that was granted still counts for this long after it was lowered. */
  windowGraceMs: 10_000,
  creditRefusalsMax: 10,
  creditRefusalsSpanMs: 60_000,
  refusedRepeatMs: 1_000,
  refusedRetryAfterMs: 250,
  /** Points held for the database on this node, all drivers together. */
  bufferedPointsMax: 200_000,
  /** Above this share of bufferedPointsMax every window is closed; below the lower one it opens again. */
  bufferedPointsHighPct: 75,
  bufferedPointsLowPct: 50,
  ingestLanes: 2,
  flushPointsMax: 16_000,
  flushPointsMin: 2_000,
  flushAfterMs: 10,
  ingestRetryMs: 250,
  /** After a failure that neither data nor time explains (a missing grant): seldom, and loudly. */
  ingestAlarmRetryMs: 5_000,
  ingestStatementTimeoutMs: 30_000,
  /** A lane that cannot commit for this long closes credit on every socket. */
  creditCloseAfterMs: 750,
  creditWatchMs: 100,
  retryAfterMs: 2_000,

  // Cadence that WELCOME asks of an app
  cadenceMovingMs: 2_000,
  cadenceIdleMs: 20_000,
  cadenceBatchPoints: 1,

  // Partitions (UTC days)
  partitionDaysBack: 4,
  partitionDaysAhead: 7,
  /** Of every table that is partitioned by month. */
  partitionMonthsBack: 2,
  partitionMonthsAhead: 2,
  partitionCheckEveryMs: 10 * 60_000,
  /** How long retention waits for readers of a partition before it leaves it to the next round. */
  partitionDetachMs: 60_000,
  /** A drop that cannot have its lock at once must not make others queue behind it. */
  partitionDropLockMs: 100,
  partitionDropRetryMs: 500,
  partitionDropTries: 20,

  // Actors
  dutyChangesMax: 256,
  driverMailboxMax: 64,
  driverIdleMs: 15 * 60_000,
  driverSweepMs: 30_000,
  driverRestartsPerMinuteMax: 5,
  driverParkedMs: 60_000,
  commandMs: 10_000,
  deviceIdBytesMax: 128,
  appVersionBytesMax: 64,
  capabilitiesMax: 32,
  devicesPerDriverMax: 20,
  sessionTouchMs: 30_000,
  helloConcurrencyMax: 64,
  markerStaleMs: 60_000,
  markerTtlMs: 24 * 3_600_000,

  // Live map and tracking
  /** How often views are looked at; no interval is shorter. */
  fleetTickMs: 50,
  fleetIntervalMsDefault: 1_000,
  fleetIntervalMsMin: 200,
  fleetHistoryEventsMax: 4_096,
  fleetSilentMs: 15 * 60_000,
  /** A snapshot of ten thousand drivers is 600 KB in one frame. */
  fleetBackpressureBytesMax: 8 * 1024 * 1024,
  /** Waiting bytes from which positions are skipped for a reader. */
  behindBytes: 16 * 1024,
  trackIntervalMsDefault: 1_000,
  trackIntervalMsMin: 200,
  trackTickMs: 50,
  /** Frames that wait for a reader of the event stream before it is closed with 4001. */
  trackStreamFramesMax: 256,
  /** How long an order nobody watches is kept ready for a watcher who returns. */
  trackLingerMs: 60_000,
  trackRemotePollMs: 1_000,
  /** Sockets and event streams that one tracking link may hold on a node: a family and its devices, not a crowd. */
  trackWatchersPerLinkMax: 64,
  trackingGraceMs: 5 * 60_000,
  /** Links, or orders, that are read in one statement when many pages come at once. */
  trackingGatheredMax: 100,

  // Arrival estimates
  /** How often the estimate of a watched order is made anew. */
  etaEveryMs: 5_000,
  /** While a driver is under way nobody is told an arrival sooner than this. */
  etaFloorMs: 60_000,
  /** Estimates are rounded up to multiples of this. */
  etaStepMs: 15_000,
  /** A position that was heard longer ago says nothing about an arrival. */
  etaSilentMs: 5 * 60_000,
  /** Watchers are not told of smaller changes, nor more often. */
  etaToldMs: 60_000,
  etaToldEveryMs: 60_000,
  /** How often the stops before a watched drop-off are read again. */
  etaStopsEveryMs: 5_000,
  /** How often told estimates are compared with the committed ones. */
  etaKeepEveryMs: 10_000,
  /** A committed estimate is replaced when it has moved by more than this, and is older than `etaKeptEveryMs`. */
  etaKeptMs: 5 * 60_000,
  etaKeptEveryMs: 3 * 60_000,

  // Between nodes
  /** How often a node that others listen to tells them of its drivers that changed: all of them in one batch. */
  peerTickMs: 200,
  /** A node that has nothing to tell says so this often, so that silence means something. */
  peerHeartbeatMs: 250,
  /** Silence of a node from which on what is committed of its drivers is read instead. */
  peerSilentMs: 1_000,
  /** Within this time every connected driver is told again, moved or not: what was lost on the way heals. */
  peerRefreshMs: 10_000,
  /** How often a node asks Redis whether anybody listens to it. */
  peerCheckMs: 5_000,
  /** Drivers in one batch; the others wait for the next. */
  peerBatchRowsMax: 20_000,
  /** How often a node that hears no other one reads what is committed of their drivers, while a dispatcher watches. */
  fleetPollMs: 1_000,
  /** How long no transaction that adds events lasts, so that those of the last such time are looked through after a break. */
  fleetEventsSlackMs: 60_000,
  /** Between two readings of what consoles are told of; events of a busy city are read together. */
  fleetNewsGatherMs: 50,

  // Outbox and the public log
  /** Events that are numbered, or put into the queue, at once. */
  outboxBatchMax: 500,
  /** How often the outbox is looked at without having been rung. */
  outboxPollMs: 1_000,
  /** Between two rounds of numbering or relaying. */
  outboxGatherMs: 50,
  /** How long the relay rests after a failure. */
  outboxRetryMs: 1_000,
  /** An event that nobody has settled for this long is put into the queue again: Redis may have lost it. */
  outboxRetellMs: 15_000,
  /** How often what waits is counted. */
  outboxWatchMs: 5_000,
  /** How long a settled event can still be pulled. */
  eventsKeptMs: 14 * 24 * 3_600_000,
  eventsTrimEveryMs: 10 * 60_000,
  eventsLimitDefault: 100,
  eventsLimitMax: 1_000,
  /** Events that one request for some types looks through. */
  eventsScanMax: 5_000,
  /** How long a request may wait for the next event. */
  eventsWaitSMax: 30,
  /** How often a waiting request looks again when the log grows by what it did not ask for. */
  eventsLookEveryMs: 200,
  /** Requests that wait on one node; the next ones are answered at once. */
  eventsWaitersMax: 500,

  // Jobs
  jobMs: 20_000,
  jobAttemptsMax: 5,
  /** Before the second attempt; twice as long before each further one. */
  jobBackoffMs: 1_000,
  /** How long a job rests whose failure could not be written down. It costs no attempt. */
  jobPostponeMs: 2_000,
  /** A job whose worker has not been heard of for this long is given to another one. Running workers say so twice in this time. */
  jobLockMs: 15_000,
  /** How often such jobs are looked for. */
  jobStalledEveryMs: 5_000,
  /** Jobs of one queue that run at once on one node. */
  jobsAtOnceMax: 4,
  /** How long a closing node waits for its jobs; another one does them again. */
  jobsCloseMs: 2_000,
  /** Characters of a failure that are kept. */
  jobErrorLengthMax: 2_000,
  /** How long the day's summary waits for more events before it is made anew. */
  dailySummaryDelayMs: 30_000,

  // Redis
  redisCommandMs: 2_000,
  redisMarkersPerFlushMax: 10_000,
  markerCacheEveryMs: 1_000,

  // Identity
  accessTokenTtlS: 15 * 60,
  provisionedTokenTtlS: 24 * 3_600,
  refreshTokenTtlS: 30 * 24 * 3_600,
  tokenGraceMs: 30_000,
  tokenBytesMax: 4 * 1024,
  clockSkewS: 5,
  /** DROPMATE_SECRET, in UTF-8. */
  secretBytesMin: 32,
  /** How often the connection that hears of revocations is tried, and how long it may take to answer. */
  revocationHeartbeatMs: 5_000,
  revocationReconnectMsMax: 1_000,
  passwordBytesMin: 8,
  passwordBytesMax: 200,
  loginAttemptsPerAddressPerMinute: 30,
  loginAttemptsPerAccountPerMinute: 10,
  argon2MemoryKiB: 19_456,
  argon2Passes: 2,
  passwordHashesAtOnceMax: 2,
  sessionsPerUserMax: 50,

  // HTTP
  bodyBytesMax: 256 * 1024,
  jsonDepthMax: 32,
  headerBytesMax: 16 * 1024,
  requestsPerPrincipalPerMinute: 3_000,
  requestsPerAddressPerMinute: 12_000,
  /** Orders that one customer may ask for, refused ones included; staff order for many and are not counted here. */
  ordersPerCustomerPerMinute: 120,
  readinessCheckMs: 2_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
  httpConnectionsMax: 10_000,
  listLimitDefault: 50,
  listLimitMax: 200,
  /** How long an order that ended stays on the board: what ended today, in any time zone. */
  boardEndedMs: 90_000_000,
  trailPointsDefault: 1_000,
  trailPointsMax: 5_000,
  nearbyRadiusMMax: 100_000,
  nearbyDriversMax: 200,
  tokensPerRequestMax: 1_000,
  simplifyMMax: 10_000,
  /** JSON of one free-form object (licence, capacity, service region). */
  objectBytesMax: 16 * 1024,
  /** Callers that one node counts the requests of; beyond it the one that was quiet longest is forgotten. */
  rateKeysMax: 100_000,
  idempotencyKeyBytesMax: 200,
  idempotencyKeyTtlMs: 24 * 3_600_000,

  // Database pools (connections)
  appConnectionsMax: 10,
  /** Of the server's own reads: tracking pages, the fleet, places. */
  systemConnectionsMax: 4,
  /** Statements that one connection keeps planned: all that the product has. */
  preparedStatementsMax: 512,
  sessionConnectionsMax: 4,
  jobsConnectionsMax: 12,
  databaseConnectMs: 5_000,
  /** How long a starting server waits for a database that does not answer. */
  databaseStartMs: 60_000,
  databaseStartRetryMs: 1_000,
  databaseCloseMs: 1_000,
  /** How long a node waits for another one that migrates. */
  migrationLockMs: 60_000,

  // Embedded PostgreSQL and Redis
  embeddedReadyMs: 120_000,
  embeddedStopMs: 10_000,
  embeddedKillMs: 10_000,
  embeddedPortTriesMax: 5,
  embeddedLogBytesMax: 10 * 1024 * 1024,
  embeddedDownloadMs: 120_000,
  /** Work that lasts longer than this says so on stderr. */
  progressAfterMs: 1_000,
  progressEveryMs: 5_000,

  // Shut-down
  drainMs: 6_000,
  httpDrainMs: 2_000,
  drainRetryAfterMsMax: 5_000
} as const

export type Limits = { readonly [K in keyof typeof defaultLimits]: number }

/** The limits in force. A reference with a default, so that a test can lower one bound without a layer. */
export const Limits = Context.Reference<Limits>("dropmate/config/Limits", { defaultValue: () => defaultLimits })
