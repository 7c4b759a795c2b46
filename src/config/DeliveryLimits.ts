/** The bounds of orders, shipments, offers, payments, proofs and tracking; part of `Limits`. */
export const deliveryLimits = {
  // Orders
  itemsPerOrderMax: 100,
  itemQuantityMax: 10_000,
  stockMax: 1_000_000_000,
  addressesPerCustomerMax: 100,
  /** Times that a shipment's command is decided again when somebody was faster. */
  shipmentDecisionsMax: 5,
  /** Commands that may wait for one shipment; more are answered "busy" at once. */
  shipmentMailboxMax: 256,
  /** Shipments that one node has at a time: 15 kB each. */
  shipmentsResidentMax: 20_000,
  /** A shipment that nobody asks anything of this long is forgotten until somebody does. */
  shipmentIdleMs: 2 * 60_000,
  shipmentRestartsPerMinuteMax: 5,
  shipmentParkedMs: 60_000,
  /** How long whoever asks a shipment waits for its answer. */
  shipmentAskMs: 10_000,
  /** What somebody is told to wait who found a shipment busy. */
  shipmentRetryMs: 1_000,
  /** How long a shipment that has to leave a node may finish what it has begun. */
  shipmentDrainMs: 3_000,

  // Nodes that share shipments
  clusterConnectionsMax: 3,
  /** A node that has not refreshed its locks this long has lost its shipments to the others. */
  clusterLockMs: 5_000,
  clusterLockRefreshMs: 1_000,
  /** How often nodes look who else there is. */
  clusterRefreshMs: 500,
  clusterHealthMs: 5_000,
  /** Assignments that one TASKS frame lists. */
  tasksPerDriverMax: 40,
  /** Assignments whose shipment a node knows without asking the database, when their phones report. */
  assignmentsRememberedMax: 50_000,
  runShipmentsMax: 40,
  runStopsMax: 100,
  /** How long whoever gave a run to a driver has to ask its shipments before the server does. */
  runGivingMs: 30_000,
  runRepairEveryMs: 10_000,
  /** Runs that one sweep repairs. */
  runsRepairedMax: 20,
  breakSMin: 60,
  breakSMax: 8 * 3_600,
  /** How soon after a change the loads of drivers are read again for the fleet map. */
  driverLoadsEveryMs: 100,

  // Offers
  /** How long a driver has to answer, when neither the request nor `dispatch.offer_ttl_s` says. */
  offerTtlS: 30,
  offerTtlSMin: 5,
  offerTtlSMax: 3_600,
  /** Drivers that one request may ask by name. */
  offerDriversMax: 50,
  /** Drivers that are asked when none is named: the nearest who have time. */
  offerNearestMax: 5,
  /** Drivers near the parcel among whom those are looked for, and how far away they may be. */
  offerCandidatesMax: 500,
  offerRadiusM: 20_000,
  /** An older position says nothing about who is near. */
  offerPositionMs: 5 * 60_000,
  /** Whoever has as many deliveries is not asked unless named. */
  offerCarriedMax: 3,
  openOffersPerDriverMax: 10,
  /** How long after its end a phone that comes back is told of it. */
  offerToldMs: 10 * 60_000,
  /** Offers of one driver that are read at once, open or ended. */
  offersReadMax: 40,
  /** How often at least it is looked whose time is over; the time of the next one is known and kept. */
  offerSweepMs: 1_000,
  offersSweptMax: 200,

  // Payments
  /** One question to a processor. An authorization takes two: the reference, and the authorization itself. */
  paymentCallMs: 5_000,
  /** How long an operation is one node's; after it somebody else asks what became of it. */
  paymentLeaseMs: 20_000,
  /** How long somebody who crashed before the processor was asked has to come back with the same Idempotency-Key. */
  paymentAbandonMs: 120_000,
  /** The first inquiry after an answer that did not come; each later one after twice the time, up to the bound. */
  paymentInquiryMs: 1_000,
  paymentInquiryMsMax: 5 * 60_000,
  /** When what the server itself wanted was refused by the processor. */
  paymentFollowRetryMs: 3_600_000,
  paymentSweepEveryMs: 1_000,
  paymentSweepRowsMax: 100,
  /** Operations that one sweep carries out at once. */
  paymentsAtOnceMax: 8,
  paymentTokenLengthMax: 255,
  /** How long the sandbox takes over `tok_slow`. */
  sandboxSlowMs: 3_000,
  // Files and proofs
  fileBytesMax: 20 * 1024 * 1024,
  /** Bytes of one PATCH of an upload: what a phone sends again at most when it was cut off. */
  uploadChunkBytesMax: 1024 * 1024,
  /** Parts of one upload: none but the last may be smaller than the file divided by this. */
  uploadPartsMax: 1_000,
  downloadLinkTtlS: 5 * 60,
  /** How much of a file is read at once while it is sent. */
  downloadReadBytes: 64 * 1024,
  /** An upload that has not gone on for this long is given up. Longer for proofs: a phone may be offline for days. */
  attachmentUploadMs: 24 * 3_600_000,
  proofUploadMs: 14 * 24 * 3_600_000,
  fileSweepEveryMs: 60_000,
  fileSweepRowsMax: 100,
  /** The parts of an upload that has ended are left alone for this long: one that was on its way then has landed. */
  partsGraceMs: 5 * 60_000,
  /** Uploads that are joined at once; each is in memory twice meanwhile. */
  uploadEndsAtOnceMax: 4,
  /** One attempt at the bucket, and beside it a second for each so many bytes. */
  bucketTryMs: 4_000,
  bucketBytesPerSMin: 1024 * 1024,
  bucketTries: 3,
  /** Before the second attempt; doubled after each, and varied by a fifth. */
  bucketRetryMs: 150,
  /** Parts that are read from the bucket at once when a file is joined. */
  bucketReadsAtOnceMax: 4,
  bucketReadBytes: 1024 * 1024,
  wrongPinsMax: 5,
  attachmentsPerMessageMax: 10,
  /** Unread messages that a phone is sent with its tasks, the oldest first; the others are read over REST. */
  unreadMessagesMax: 200,
  /** A proof whose file has not come for this long is listed as missing. */
  proofMissingMs: 3_600_000,

  // Tracking
  /** The driver is nearby within this distance of the drop-off. */
  nearbyM: 400,
  trackingSessionTtlS: 24 * 3_600,
  trackingSessionTtlSMax: 14 * 24 * 3_600,
  trackingSessionsPerOrderMax: 100,
  /** How often a connection that hears PostgreSQL's notices is tried, and how long after its loss another one is made. */
  noticeHeartbeatMs: 5_000,
  noticeReconnectMs: 1_000
}
