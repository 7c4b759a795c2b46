import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { inRowScope, ScopeOfDriver } from "../RowScope.ts"

/** A driver's command as its phone sent it. */
export interface DutyCommand {
  readonly driverId: string
  readonly commandId: string
  readonly duty: "on" | "off" | "break"
  /** Unix ms, the phone's event time. */
  readonly occurredAt: number
  /** SHA-256 of what the command says, so that the same id with other content is noticed. */
  readonly fingerprint: Uint8Array
}

/** The answer a command has, now or since it was first decided. */
export interface CommandVerdict {
  readonly ok: boolean
  readonly detail: Readonly<Record<string, unknown>> | null
  /** Decided before: nothing was changed now. */
  readonly isRepeated: boolean
  /** Of a repeated command that was done: the event time that was stored for it, Unix ms. */
  readonly decidedAt: number | undefined
}

/** The same command id came before, saying something else. */
export const commandReused: CommandVerdict = {
  ok: false,
  detail: { code: "command_reused", detail: "this commandId was used for another command" },
  isRepeated: true,
  decidedAt: undefined
}

interface StoredCommand {
  readonly fingerprint: Uint8Array
  readonly ok: boolean
  readonly detail: Readonly<Record<string, unknown>> | null
  readonly occurred_at: Date
}

/** Commands of drivers with their one answer each: decided and stored in one transaction, repeated for ever after. */
export class DriverCommandRepo extends Context.Service<
  DriverCommandRepo,
  {
    readonly decideDuty: (command: DutyCommand) => Effect.Effect<CommandVerdict, SqlError.SqlError>
  }
>()("dropmate/persistence/shipments/DriverCommandRepo") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const scopeOf = yield* ScopeOfDriver

      const stored = (command: DutyCommand) =>
        sql<StoredCommand>`SELECT fingerprint, ok, detail, occurred_at FROM driver_commands
          WHERE driver_id = ${command.driverId} AND command_id = ${command.commandId}`.pipe(
          Effect.map(([row]) =>
            row === undefined || Buffer.compare(row.fingerprint, command.fingerprint) !== 0
              ? commandReused
              : {
                  ok: row.ok,
                  detail: row.detail,
                  isRepeated: true,
                  decidedAt: row.ok ? row.occurred_at.getTime() : undefined
                }
          )
        )

      const decideDuty = Effect.fn("DriverCommandRepo.decideDuty")(function* (command: DutyCommand) {
        const occurredAt = new Date(command.occurredAt)
        const claimed =
          yield* sql`INSERT INTO driver_commands (driver_id, command_id, kind, fingerprint, ok, detail, occurred_at)
          VALUES (${command.driverId}, ${command.commandId}, 'duty', ${command.fingerprint}, true, NULL, ${occurredAt})
          ON CONFLICT DO NOTHING RETURNING 1`
        if (claimed.length === 0) return yield* stored(command)
        yield* sql`INSERT INTO driver_duty_changes (driver_id, command_id, duty, occurred_at)
          VALUES (${command.driverId}, ${command.commandId}, ${command.duty}, ${occurredAt})`
        // An offline log arrives late: the newest change by event time is the driver's duty, whatever came last.
        yield* sql`UPDATE drivers SET duty = ${command.duty}, duty_changed_at = ${occurredAt}
          WHERE id = ${command.driverId} AND (duty_changed_at IS NULL OR duty_changed_at <= ${occurredAt})`
        return { ok: true, detail: null, isRepeated: false, decidedAt: undefined } satisfies CommandVerdict
      })

      return {
        decideDuty: (command) =>
          inRowScope(scopeOf(command.driverId), decideDuty(command)).pipe(
            Effect.provideService(SqlClient.SqlClient, sql)
          )
      }
    })
  )
}
