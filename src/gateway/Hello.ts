import type { Limits } from "../config/Limits.ts"
import type { SessionRequest } from "../persistence/drivers/DriverSessionRepo.ts"
import type { Frame } from "../protocol/FrameCodec.ts"
import { protocolVersion } from "../protocol/FrameType.ts"

/** HELLO of a protocol version that this server does not speak. */
export class OtherVersion {
  readonly _tag = "OtherVersion"
}

/** HELLO, read: who asks is not yet known. */
export type Hello = Omit<SessionRequest, "driverId"> & { readonly token: string | undefined }

const platforms = ["ios", "android", "web", "other"] as const
const isPlatform = (value: unknown): value is (typeof platforms)[number] =>
  platforms.some((platform) => platform === value)

const isText = (value: unknown, max: number): value is string =>
  typeof value === "string" && value.length <= max && value.isWellFormed() && !value.includes("\0")

/** Reads `[1, version, token, deviceId, platform, appVersion, capabilities, attempt]`. Undefined when it is malformed. */
export const readHello = (frame: Frame, limits: Limits): Hello | OtherVersion | undefined => {
  const [, version, token, deviceId, platform, appVersion, capabilities, attempt] = frame
  if (typeof version !== "number") return undefined
  // Another version may have other fields: it is answered by its number alone.
  if (version !== protocolVersion) return new OtherVersion()
  if (token !== null && token !== undefined && typeof token !== "string") return undefined
  if (!isText(deviceId, limits.deviceIdBytesMax) || deviceId.length === 0 || !isPlatform(platform)) return undefined
  if (appVersion !== null && appVersion !== undefined && !isText(appVersion, limits.appVersionBytesMax))
    return undefined
  if (attempt !== null && attempt !== undefined && !(Number.isSafeInteger(attempt) && (attempt as number) >= 0))
    return undefined
  const list = capabilities ?? []
  if (
    !Array.isArray(list) ||
    list.length > limits.capabilitiesMax ||
    !list.every((item) => isText(item, limits.appVersionBytesMax))
  )
    return undefined
  return {
    token: token ?? undefined,
    deviceId,
    platform,
    appVersion: typeof appVersion === "string" ? appVersion : "",
    capabilities: list,
    attempt: typeof attempt === "number" ? attempt : undefined
  }
}
