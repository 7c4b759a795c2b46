/**
 * Why the server closes a socket. 4000..4499 say "come back" (with jitter, after the GOODBYE's retryAfterMs), 4500..4999 say
 * "stay away": the number alone is enough to act on.
 */
export const CloseCode = {
  draining: 4000,
  tooSlow: 4001,
  timeout: 4002,
  serverError: 4003,
  tokenExpired: 4004,
  rateExceeded: 4005,
  databaseUnavailable: 4006,
  malformedFrame: 4500,
  tokenInvalid: 4501,
  notAuthenticatedInTime: 4502,
  replaced: 4503,
  notPermitted: 4504,
  versionNotSupported: 4505,
  trackingFinished: 4506,
  trackingExpired: 4507,
  trackingRevoked: 4508,
  tooManyConnections: 4509
} as const

export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode]

/** The reason sent with each code, in GOODBYE and in the close frame; also the label in metrics. */
export const closeReason: Readonly<Record<CloseCode, string>> = {
  4000: "draining",
  4001: "too_slow",
  4002: "timeout",
  4003: "server_error",
  4004: "token_expired",
  4005: "rate_exceeded",
  4006: "database_unavailable",
  4500: "malformed_frame",
  4501: "token_invalid",
  4502: "not_authenticated_in_time",
  4503: "replaced",
  4504: "not_permitted",
  4505: "version_not_supported",
  4506: "tracking_finished",
  4507: "tracking_expired",
  4508: "tracking_revoked",
  4509: "too_many_connections"
}

/** Whether a client should connect again after this code. Codes of the WebSocket layer itself (1006 and the like) mean yes. */
export const comesBack = (code: number): boolean => code < 4500
