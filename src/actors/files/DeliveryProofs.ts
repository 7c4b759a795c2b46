import { Effect } from "effect"
import { Limits } from "../../config/Limits.ts"
import { awaitsFile, givenProofs, isWrongPin, judgeProofs } from "../../domain/Proof.ts"
import type { ShipmentCommand } from "../../domain/ShipmentDecision.ts"
import type { GivenProof } from "../../domain/TaskPayload.ts"
import { DeliveryPins } from "../../identity/DeliveryPins.ts"
import { newId } from "../../persistence/NewId.ts"
import { type NewProof, ProofRepo } from "../../persistence/shipments/ProofRepo.ts"
import { type EventOrigin, ShipmentEventRepo } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { type CommandRefused, refusal } from "../CommandRefused.ts"
import { makeProofSettling, proofAdded } from "./ProofSettling.ts"

type Delivery = Pick<Extract<ShipmentCommand, { readonly _tag: "Task" }>, "action" | "payload">

const proofsOf = ({ action, payload }: Delivery): ReadonlyArray<GivenProof> =>
  action === "delivered" ? givenProofs(payload) : []

const hashesOf = (given: ReadonlyArray<GivenProof>): ReadonlyArray<string> =>
  given.flatMap(({ sha256 }) => (sha256 === undefined ? [] : [sha256]))

const fileIdsOf = (given: ReadonlyArray<GivenProof>): ReadonlyArray<string> =>
  given.flatMap(({ file_id, sha256 }) => (file_id === undefined || sha256 !== undefined ? [] : [file_id]))

/**
 * Proofs of deliveries: judged before a delivery is kept, and kept with it in one transaction.
 *
 * Tricky interleavings
 * - The upload of a photo ends while its delivery is decided: each takes the hash first (`hold`, FileUploads), so the second one
 *   sees the first one's commit, and the proof is added exactly once.
 *   Test: "whatever the order of deliveries and uploads, every proof is added once".
 * - Wrong PINs come at once, on several nodes: each is judged and counted under the shipment's row, which its verdict's transaction holds.
 */
export const makeDeliveryProofs = Effect.gen(function* () {
  const limits = yield* Limits
  const pins = yield* DeliveryPins
  const rows = yield* ProofRepo
  const log = yield* ShipmentEventRepo
  const { claimFile } = yield* makeProofSettling

  /** What is taken before anything of the order is: the hashes of a delivery's files. */
  const hold = Effect.fnUntraced(function* (command: ShipmentCommand) {
    if (command._tag !== "Task") return
    const given = proofsOf(command)
    const ids = fileIdsOf(given)
    const named = ids.length === 0 ? [] : yield* rows.uploadsOf(command.driverId, [], ids)
    yield* rows.holdHashes([...hashesOf(given), ...named.map(({ hash }) => hash)])
  })

  /** Refuses a delivery without the proofs that its drop-off requires; answers what `keep` keeps of them. */
  const judge = Effect.fnUntraced(function* (orderId: string, shipmentId: string, command: ShipmentCommand) {
    if (command._tag !== "Task" || command.action !== "delivered") return []
    const given = proofsOf(command)
    const terms = yield* rows.termsOf(shipmentId)
    const uploads = given.some(awaitsFile)
      ? yield* rows.uploadsOf(command.driverId, hashesOf(given), fileIdsOf(given))
      : []
    const byId = new Map(uploads.map((upload) => [upload.id, upload]))
    const refused = judgeProofs({
      ...terms,
      given,
      pin: pins.pinOf(orderId),
      wrongPinsMax: limits.wrongPinsMax,
      unknownFiles: new Set(fileIdsOf(given).filter((id) => !byId.has(id)))
    })
    if (refused !== undefined) return yield* refusal(refused)
    const stored = new Map(uploads.flatMap(({ hash, id, is_stored }) => (is_stored ? [[hash, id]] : [])))
    return given.map((proof) => {
      const hash = proof.sha256 ?? byId.get(proof.file_id ?? "")?.hash
      const isFile = awaitsFile(proof)
      const fileId = isFile && hash !== undefined ? stored.get(hash) : undefined
      return {
        type: proof.type,
        value: proof.type === "pin" ? undefined : proof.value,
        sha256: isFile && hash !== undefined ? new Uint8Array(Buffer.from(hash, "hex")) : undefined,
        fileId,
        isAdded: !isFile || fileId !== undefined
      }
    })
  })

  /** Keeps the proofs of a delivery that was taken, and tells those that wait for nothing. */
  const keep = Effect.fnUntraced(function* (
    orderId: string,
    shipmentId: string,
    command: ShipmentCommand,
    judged: ReadonlyArray<Pick<NewProof, "type" | "value" | "sha256" | "fileId" | "isAdded">>,
    origin: EventOrigin
  ) {
    if (command._tag !== "Task" || judged.length === 0) return
    const { assignmentId, driverId } = command
    const kept: Array<NewProof> = []
    for (const [index, proof] of judged.entries()) {
      const row = { ...proof, id: yield* newId, orderId, shipmentId, assignmentId, driverId, position: index + 1 }
      kept.push({ ...row, capturedAt: origin.occurredAt })
    }
    yield* Effect.forEach(kept, rows.insert, { discard: true })
    const added = kept.filter(({ isAdded }) => isAdded)
    for (const { fileId } of added) if (fileId !== undefined) yield* claimFile(orderId, fileId)
    const events = added.map(({ id, type, fileId }) => proofAdded({ id, type, file_id: fileId ?? null }))
    if (events.length > 0) yield* log.append(orderId, events, origin)
  })

  /** Counts a try with a wrong PIN; nothing else that is refused. */
  const countTry = (shipmentId: string, refused: CommandRefused) =>
    isWrongPin(refused) ? rows.countWrongPin(shipmentId) : Effect.void

  return { hold, judge, keep, countTry }
})
