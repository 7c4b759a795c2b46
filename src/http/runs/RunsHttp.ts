import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Runs } from "../../actors/runs/Runs.ts"
import { Limits } from "../../config/Limits.ts"
import type { RunCommand } from "../../domain/Run.ts"
import { newId } from "../../persistence/NewId.ts"
import { type NewRun, RunRepo } from "../../persistence/runs/RunRepo.ts"
import { Api } from "../Api.ts"
import { idCursor } from "../Cursor.ts"
import { etagOf, expectedVersion, versioned } from "../ETag.ts"
import { Idempotency } from "../Idempotency.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { requestOrigin } from "../RequestOrigin.ts"
import { Run, type RunInput } from "./RunsApi.ts"
import { showRun, showRunSummary } from "./ShownRun.ts"

const runCursor = idCursor("runs")

type Change<E, R> = Effect.Effect<string, E, R>

/** How the changes of runs are made for a request: in its scope, once for its key, and the shipments given after the commit. */
const makeRunRequests = Effect.gen(function* () {
  const limits = yield* Limits
  const scope = yield* PrincipalScope
  const idempotency = yield* Idempotency
  const runs = yield* Runs

  const shownAfter = <E, R>(change: Change<E, R>) =>
    Effect.gen(function* () {
      const { actor } = yield* requestOrigin
      return yield* runs.detail(yield* change, actor.kind)
    })
  const again = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.retry(effect, { times: limits.shipmentDecisionsMax - 1, while: (error: E) => error._tag === "RunMoved" })

  const give = Effect.fnUntraced(function* (runId: string) {
    yield* runs.give(runId, { origin: yield* requestOrigin, scope: yield* scope.current })
  })

  /** A POST: its answer is kept with its effect. A replay gives nothing to anybody. */
  const posted = <E extends { readonly _tag: string }, R>(status: 200 | 201, change: Change<E, R>, gives = false) =>
    Effect.gen(function* () {
      const made: { runId?: string; version: number } = { version: 0 }
      const shown = Effect.map(shownAfter(change), (detail) => {
        made.runId = detail.run.id
        made.version = detail.run.version
        return showRun(detail)
      })
      const headers = () => ({ etag: etagOf(made.version) })
      const answer = yield* again(idempotency.once({ status, success: Run, headers }, shown))
      if (gives && made.runId !== undefined) yield* give(made.runId)
      return answer
    })

  /** Any other change; answers the run with its ETag. */
  const changed = <E extends { readonly _tag: string }, R>(change: Change<E, R>) =>
    Effect.map(again(scope.run(shownAfter(change))), (detail) => versioned(detail.run.version, showRun(detail)))

  return { posted, changed, give }
})

const newRun = (input: typeof RunInput.Type): Effect.Effect<NewRun> =>
  Effect.map(newId, (id) => ({
    id,
    driverId: input.driver_id ?? null,
    vehicleId: input.vehicle_id ?? null,
    name: input.name ?? null,
    plannedStartAt: input.planned_start_at ?? null
  }))

/** Handlers of RunsApi. */
export const RunsHttp = HttpApiBuilder.group(
  Api,
  "runs",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const rows = yield* RunRepo
    const runs = yield* Runs
    const { posted, changed, give } = yield* makeRunRequests

    const moved = (command: RunCommand) =>
      Effect.fnUntraced(function* (runId: string, ifMatch: string | undefined) {
        const version = yield* expectedVersion(ifMatch)
        return yield* posted(200, Effect.as(runs.move(runId, command, version), runId))
      })
    const [start, complete, cancel] = [moved("start"), moved("complete"), moved("cancel")]

    return handlers.handleAll({
      list: Effect.fn("RunsHttp.list")(function* ({ query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const beforeId = yield* runCursor.read(query.cursor)
        const filter = { status: query.status, driverId: query.driver_id, beforeId, limit: limit + 1 }
        return runCursor.page(yield* scope.run(rows.list(filter)), limit, (row) => row.id, showRunSummary)
      }),
      create: Effect.fn("RunsHttp.create")(function* ({ payload }) {
        const run = yield* newRun(payload)
        const made = Effect.as(runs.create(run, payload.shipment_ids ?? [], payload.stop_ids), run.id)
        return yield* posted(201, made, true)
      }),
      get: Effect.fn("RunsHttp.get")(function* ({ params }) {
        return yield* changed(Effect.succeed(params.id))
      }),
      update: Effect.fn("RunsHttp.update")(function* ({ params: { id }, payload: { reason, ...change }, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        const updated = yield* changed(Effect.as(runs.update(id, change, version, reason), id))
        if (change.driver_id === undefined) return updated
        yield* give(id)
        return yield* changed(Effect.succeed(id))
      }),
      addShipments: Effect.fn("RunsHttp.addShipments")(function* ({ params: { id }, payload, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        return yield* posted(200, Effect.as(runs.add(id, payload.shipment_ids, payload.stop_ids, version), id), true)
      }),
      takeOut: Effect.fn("RunsHttp.takeOut")(function* ({ params: { id, shipmentId }, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        return yield* changed(Effect.as(runs.takeOut(id, shipmentId, version), id))
      }),
      reorder: Effect.fn("RunsHttp.reorder")(function* ({ params: { id }, payload, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        return yield* changed(Effect.as(runs.reorder(id, payload.stop_ids, version), id))
      }),
      addBreak: Effect.fn("RunsHttp.addBreak")(function* ({ params: { id }, payload, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        const { lat, lng, address = null, duration_s: durationS, after_stop_id: after } = payload
        const added = runs.addBreak(id, { lat, lng, address, durationS }, after, version)
        return yield* posted(200, Effect.as(added, id))
      }),
      dropBreak: Effect.fn("RunsHttp.dropBreak")(function* ({ params: { id, stopId }, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        return yield* changed(Effect.as(runs.dropBreak(id, stopId, version), id))
      }),
      start: ({ params, headers }) => start(params.id, headers["if-match"]),
      complete: ({ params, headers }) => complete(params.id, headers["if-match"]),
      cancel: ({ params, headers }) => cancel(params.id, headers["if-match"])
    })
  })
)
