import type { Limits } from "./Limits.ts"

/** Relations between bounds that other code relies on, each with what would break. */
const limitRelations: ReadonlyArray<readonly [holds: (limits: Limits) => boolean, otherwise: string]> = [
  [
    (l) => l.batchPointsMax <= l.windowPoints,
    "a full BATCH would not fit the window and the phone could never send it"
  ],
  [(l) => l.windowPoints <= l.bufferedPointsMax, "one device could fill the server's whole buffer bound"],
  [
    (l) => l.bufferedPointsLowPct < l.bufferedPointsHighPct && l.bufferedPointsHighPct < 100,
    "credit would flap or never close"
  ],
  [(l) => l.flushPointsMin <= l.flushPointsMax, "a lane would never have enough rows to flush early"],
  [(l) => l.batchPointsMax <= l.flushPointsMax, "one BATCH would not fit one commit"],
  [(l) => l.frameBytesMax <= l.socketBackpressureBytesMax, "one frame could close its own reader"],
  [(l) => l.pingEveryMs * 2 < l.socketSilentMs, "one lost ping would close a healthy connection"],
  [(l) => l.partitionDaysBack * 86_400_000 > l.clockPastMs, "an accepted point could lie before the oldest partition"],
  [
    (l) => l.partitionDaysAhead * 86_400_000 > l.clockFutureMs,
    "an accepted point could lie after the newest partition"
  ],
  [
    (l) => Math.min(l.partitionMonthsBack, l.partitionMonthsAhead) * 28 >= 40,
    "a database whose clock is set forty days off would find a month without its table"
  ],
  [
    (l) => l.trackWatchersPerLinkMax <= l.addressConnectionsMax,
    "one link could use up all that an address may hold, so its own bound would never be met"
  ],
  [(l) => l.etaStepMs <= l.etaFloorMs, "an estimate could be rounded up to beyond what is worth telling"],
  [(l) => l.uploadChunkBytesMax <= l.fileBytesMax, "one PATCH could carry more than any file may have"],
  [
    (l) => l.fileBytesMax <= l.uploadPartsMax * l.uploadChunkBytesMax,
    "no part of a large file would be both large enough and small enough"
  ],
  [
    (l) =>
      l.bucketTries *
        (l.bucketTryMs +
          (l.uploadChunkBytesMax / l.bucketBytesPerSMin) * 1_000 +
          2 ** l.bucketTries * l.bucketRetryMs) +
        l.requestTimeoutMs <
      l.partsGraceMs,
    "a part could land after its upload was swept away"
  ],
  [(l) => l.clockPastMs < l.proofUploadMs, "an accepted delivery's upload could be given up before the phone is back"],
  [(l) => l.accessTokenTtlS <= l.provisionedTokenTtlS, "a provisioned token would end before an ordinary one"],
  [(l) => l.peerHeartbeatMs * 2 <= l.peerSilentMs, "a node that is well would be taken for a silent one"],
  [(l) => l.peerTickMs <= l.peerRefreshMs, "a node's drivers could not all be told again in time"],
  [
    (l) => Math.max(l.commandMs, l.requestTimeoutMs) < l.fleetEventsSlackMs,
    "an event could be committed too late to be looked for"
  ],
  [
    (l) => l.ordersPerCustomerPerMinute <= l.requestsPerPrincipalPerMinute,
    "the quota of orders would never be the one that is met"
  ],
  [
    (l) => l.outboxRetellMs + l.outboxPollMs + l.jobBackoffMs < 30_000,
    "an event that Redis lost would not be delivered within thirty seconds of its return"
  ],
  [
    (l) => l.jobLockMs + l.jobStalledEveryMs < 30_000,
    "what a dying worker held would be done more than half a minute later"
  ],
  [
    // Two queues, and the relay's three fibers.
    (l) => 2 * l.jobsAtOnceMax + 3 < l.jobsConnectionsMax,
    "jobs could take every connection, and the relay would wait for them"
  ],
  [(l) => l.eventsLimitMax <= l.eventsScanMax, "a full page of events could not be looked through"],
  [(l) => l.jobsCloseMs < l.drainMs, "jobs would outlast the shut-down"],
  [(l) => l.runShipmentsMax <= l.tasksPerDriverMax, "a phone would not be told of the whole run"],
  [(l) => 2 * l.runShipmentsMax <= l.runStopsMax, "a run's shipments would not fit it with their stops"],
  [(l) => l.shipmentAskMs < l.runGivingMs, "a run would be repaired while its first shipment is still asked"],
  [(l) => l.offerSweepMs < l.offerTtlSMin * 1_000, "an offer could be over before anybody knew when"],
  [(l) => l.openOffersPerDriverMax <= l.offersReadMax, "a phone would not be told of all its offers"],
  [
    (l) => l.offerTtlSMin <= l.offerTtlS && l.offerTtlS <= l.offerTtlSMax,
    "the time to answer would not be one that may be asked for"
  ],
  [(l) => l.paymentCallMs * 3 < l.paymentLeaseMs, "an operation could be taken from a node that still carries it out"],
  [(l) => l.paymentCallMs * 2 < l.requestTimeoutMs, "a payment's answer could come after its request was given up"],
  [(l) => l.paymentLeaseMs < l.paymentAbandonMs, "nobody could come back to a payment before it is given up"],
  [(l) => l.sandboxSlowMs < l.paymentCallMs, "the sandbox's slow token would not be answered"],
  [(l) => l.drainMs < 10_000, "shut-down would outlast the ten seconds that supervisors grant"]
]

/** The relations that do not hold; empty when the limits are sound. */
export const brokenRelations = (limits: Limits): ReadonlyArray<string> =>
  limitRelations.filter(([holds]) => !holds(limits)).map(([, otherwise]) => otherwise)
