import { fieldRange } from "../domain/TelemetryRules.ts"
import { DriverClientFrame } from "./FrameType.ts"
import type { PointBlock } from "./PointBlock.ts"

/**
 * Reads POINT and BATCH straight from MessagePack bytes into a block, for the frames that honest apps send: every number in
 * range. Anything else (other frame types, extra fields, any fault) is left to `FrameCodec` and `readPointFrame`, which know
 * every rule; a property test holds that where this reader answers, it answers as they do.
 * Measured on 10-point frames: see bench/decode.
 */
export class PointReader {
  private bytes: Uint8Array = new Uint8Array(0)
  private at = 0
  private readonly scratch = new DataView(new ArrayBuffer(8))
  private readonly block: PointBlock

  constructor(block: PointBlock) {
    this.block = block
  }

  /** Whether the frame was read into the block. False says nothing about the frame: read it the long way. */
  read(bytes: Uint8Array): boolean {
    this.bytes = bytes
    this.at = 0
    const length = bytes.length
    if (length < 2) return false
    const head = bytes[0] as number
    let fields: number
    if ((head & 0xf0) === 0x90) {
      fields = head & 0x0f
      this.at = 1
    } else if (head === 0xdc && length > 3) {
      fields = ((bytes[1] as number) << 8) | (bytes[2] as number)
      this.at = 3
    } else return false
    const type = bytes[this.at++]
    const done =
      type === DriverClientFrame.point
        ? this.readPoint(fields)
        : type === DriverClientFrame.batch
          ? this.readBatch(fields)
          : false
    return done && this.at === length
  }

  private readPoint(fields: number): boolean {
    if (fields < 5 || fields > 10) return false
    const block = this.block
    const seq = this.number()
    if (!(seq >= 1 && seq <= Number.MAX_SAFE_INTEGER)) return false
    const recordedAt = this.number()
    const lat = this.number()
    const lng = this.number()
    if (!isTime(recordedAt) || !isLat(lat) || !isLng(lng)) return false
    const speed = fields > 5 ? this.numberOrNil() : Number.NaN
    const heading = fields > 6 ? this.numberOrNil() : Number.NaN
    const accuracy = fields > 7 ? this.numberOrNil() : Number.NaN
    if (!isSpeed(speed) || !isHeading(heading) || !isAccuracy(accuracy)) return false
    if (!this.readTail(fields - 8)) return false
    block.count = 1
    block.firstSeq = seq
    block.recordedAt[0] = recordedAt
    block.latE7[0] = lat
    block.lngE7[0] = lng
    block.speedCms[0] = speed
    block.headingCdeg[0] = heading
    block.accuracyCm[0] = accuracy
    return true
  }

  private readBatch(fields: number): boolean {
    if (fields < 6 || fields > 11) return false
    const block = this.block
    const firstSeq = this.number()
    const t0 = this.number()
    if (!(firstSeq >= 1 && firstSeq <= Number.MAX_SAFE_INTEGER) || !isTime(t0)) return false
    const count = this.arrayHeader()
    if (count < 1 || count > block.capacity || firstSeq + (count - 1) > Number.MAX_SAFE_INTEGER) return false
    let time = t0
    for (let i = 0; i < count; i++) {
      const dt = this.number()
      if (!(dt >= 0 && dt <= Number.MAX_SAFE_INTEGER)) return false
      time += dt
      if (!isTime(time)) return false
      block.recordedAt[i] = time
    }
    if (this.arrayHeader() !== count) return false
    let lat = 0
    for (let i = 0; i < count; i++) {
      lat += this.number()
      if (!isLat(lat)) return false
      block.latE7[i] = lat
    }
    if (this.arrayHeader() !== count) return false
    let lng = 0
    for (let i = 0; i < count; i++) {
      lng += this.number()
      if (!isLng(lng)) return false
      block.lngE7[i] = lng
    }
    if (!this.optionalColumn(fields > 6, count, block.speedCms, fieldRange.speedCms.min, fieldRange.speedCms.max))
      return false
    if (
      !this.optionalColumn(fields > 7, count, block.headingCdeg, fieldRange.headingCdeg.min, fieldRange.headingCdeg.max)
    )
      return false
    if (!this.optionalColumn(fields > 8, count, block.accuracyCm, fieldRange.accuracyCm.min, fieldRange.accuracyCm.max))
      return false
    if (!this.readTail(fields - 9)) return false
    block.count = count
    block.firstSeq = firstSeq
    return true
  }

  private readTail(fields: number): boolean {
    const block = this.block
    const battery = fields > 0 ? this.numberOrNil() : Number.NaN
    const source = fields > 1 ? this.numberOrNil() : Number.NaN
    if (battery < fieldRange.battery.min || battery > fieldRange.battery.max || battery === Number.POSITIVE_INFINITY)
      return false
    if (source < fieldRange.source.min || source > fieldRange.source.max) return false
    block.battery = battery
    block.source = Number.isNaN(source) ? 0 : source
    block.faulty = false
    block.raw = undefined
    return true
  }

  private optionalColumn(present: boolean, count: number, column: Float64Array, min: number, max: number): boolean {
    if (!present || this.bytes[this.at] === 0xc0) {
      if (present) this.at++
      column.fill(Number.NaN, 0, count)
      return true
    }
    if (this.arrayHeader() !== count) return false
    for (let i = 0; i < count; i++) {
      const value = this.numberOrNil()
      if (value < min || value > max) return false
      column[i] = value
    }
    return true
  }

  private arrayHeader(): number {
    const bytes = this.bytes
    const byte = bytes[this.at++] as number
    if ((byte & 0xf0) === 0x90) return byte & 0x0f
    if (byte !== 0xdc) return -1
    const count = ((bytes[this.at] as number) << 8) | (bytes[this.at + 1] as number)
    this.at += 2
    return count
  }

  /** NaN for nil; positive infinity, which no range holds, for what is not an integral number. */
  private numberOrNil(): number {
    if (this.bytes[this.at] === 0xc0) {
      this.at++
      return Number.NaN
    }
    return this.number()
  }

  /** An integral number of any MessagePack encoding; positive infinity for anything else. Running off the end ends in `at > length`. */
  private number(): number {
    const bytes = this.bytes
    const byte = bytes[this.at++]
    if (byte === undefined) return Number.POSITIVE_INFINITY
    if (byte < 0x80) return byte
    if (byte >= 0xe0) return byte - 256
    const at = this.at
    switch (byte) {
      case 0xcc:
        this.at = at + 1
        return bytes[at] as number
      case 0xcd:
        this.at = at + 2
        return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
      case 0xce:
        this.at = at + 4
        return this.uint32(at)
      case 0xcf:
        this.at = at + 8
        return this.uint32(at) * 4_294_967_296 + this.uint32(at + 4)
      case 0xd0:
        this.at = at + 1
        return ((bytes[at] as number) << 24) >> 24
      case 0xd1:
        this.at = at + 2
        return (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16)) >> 16
      case 0xd2:
        this.at = at + 4
        return this.uint32(at) | 0
      case 0xd3:
        this.at = at + 8
        return (this.uint32(at) | 0) * 4_294_967_296 + this.uint32(at + 4)
      case 0xca: {
        this.at = at + 4
        this.scratch.setUint32(0, this.uint32(at))
        const value = this.scratch.getFloat32(0)
        return Number.isInteger(value) ? value : Number.POSITIVE_INFINITY
      }
      case 0xcb: {
        this.at = at + 8
        this.scratch.setUint32(0, this.uint32(at))
        this.scratch.setUint32(4, this.uint32(at + 4))
        const value = this.scratch.getFloat64(0)
        return Number.isInteger(value) ? value : Number.POSITIVE_INFINITY
      }
      default:
        return Number.POSITIVE_INFINITY
    }
  }

  private uint32(at: number): number {
    const bytes = this.bytes
    return (
      (((bytes[at] as number) << 24) |
        ((bytes[at + 1] as number) << 16) |
        ((bytes[at + 2] as number) << 8) |
        (bytes[at + 3] as number)) >>>
      0
    )
  }
}

const isTime = (value: number): boolean => value >= fieldRange.time.min && value <= fieldRange.time.max
const isLat = (value: number): boolean => value >= fieldRange.latE7.min && value <= fieldRange.latE7.max
const isLng = (value: number): boolean => value >= fieldRange.lngE7.min && value <= fieldRange.lngE7.max
// Written so that NaN, which stands for unknown, passes.
const isSpeed = (value: number): boolean => !(value < fieldRange.speedCms.min || value > fieldRange.speedCms.max)
const isHeading = (value: number): boolean =>
  !(value < fieldRange.headingCdeg.min || value > fieldRange.headingCdeg.max)
const isAccuracy = (value: number): boolean => !(value < fieldRange.accuracyCm.min || value > fieldRange.accuracyCm.max)
