import { DriverServerFrame } from "./FrameType.ts"

const bytes = new Uint8Array(11)
const view = new DataView(bytes.buffer)
bytes[0] = 0x92
bytes[1] = DriverServerFrame.ack

/**
 * ACK as MessagePack. One for every device of every commit, so it is written by hand into one buffer: the answer is valid
 * until the next call.
 */
export const ackFrame = (seq: number): Uint8Array => {
  if (seq < 0x80) {
    bytes[2] = seq
    return bytes.subarray(0, 3)
  }
  if (seq <= 0xffff) {
    bytes[2] = 0xcd
    view.setUint16(3, seq)
    return bytes.subarray(0, 5)
  }
  if (seq <= 0xffff_ffff) {
    bytes[2] = 0xce
    view.setUint32(3, seq)
    return bytes.subarray(0, 7)
  }
  bytes[2] = 0xcf
  view.setUint32(3, Math.floor(seq / 4_294_967_296))
  view.setUint32(7, seq % 4_294_967_296)
  return bytes
}
