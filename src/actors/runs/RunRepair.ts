import { Clock, Duration, Effect, Layer, Metric } from "effect"
import { Limits } from "../../config/Limits.ts"
import { systemActor } from "../../domain/Actor.ts"
import { systemScope } from "../../persistence/RowScope.ts"
import { RunRepo } from "../../persistence/runs/RunRepo.ts"
import { Runs } from "./Runs.ts"

const repaired = Metric.counter("dropmate_runs_repaired_total", {
  incremental: true,
  description: "Runs whose shipments were given by the server, since whoever changed the run did not come to it"
})

/**
 * Gives runs whose shipments were to be asked and were not: the node died between the commit and the asking, or a shipment could not
 * answer. On every node that has actors, from what is committed. Two nodes that repair a run at once do no harm: a driver who has a
 * shipment already is given it again in vain.
 */
export const RunRepair = Layer.effectDiscard(
  Effect.gen(function* () {
    const limits = yield* Limits
    const repo = yield* RunRepo
    const runs = yield* Runs

    const repair = Effect.fnUntraced(function* (runId: string, nowMs: number) {
      const origin = { actor: systemActor, cause: "run repair", occurredAt: new Date(nowMs) }
      yield* runs.give(runId, { origin, scope: systemScope })
      yield* Metric.update(repaired, 1)
    })

    const sweep = Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      const due = yield* repo.notGivenSince(new Date(nowMs - limits.runGivingMs), limits.runsRepairedMax)
      yield* Effect.forEach(
        due,
        (runId) => Effect.catch(repair(runId, nowMs), (error) => Effect.logDebug("run_not_repaired", { runId, error })),
        { discard: true }
      )
    }).pipe(
      Effect.catch((error) => Effect.logDebug("runs_not_repaired", error)),
      Effect.andThen(Effect.sleep(Duration.millis(limits.runRepairEveryMs)))
    )
    yield* sweep.pipe(Effect.forever, Effect.forkScoped)
  })
)
