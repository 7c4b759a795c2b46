import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { Limits } from "../../config/Limits.ts"
import { defaultHomeRoot } from "../../embedded/Home.ts"
import { CommandFailed, commandFailed } from "../CommandFailed.ts"
import { type InstanceUrls, instanceUrls, readEnv } from "../InstanceUrls.ts"
import { examineBucket } from "./BucketExamination.ts"
import { examineDatabase } from "./DatabaseExamination.ts"
import { type Finding, fail, ok } from "./Examination.ts"
import { examineMachine } from "./MachineExamination.ts"
import { examineRedis } from "./RedisExamination.ts"

/** `dropmate doctor`: what is wrong, and what to do about it. */
export const doctorCommand = Command.make(
  "doctor",
  { json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("print the findings as JSON")) },
  ({ json }) =>
    Effect.gen(function* () {
      const env = yield* readEnv
      const limits = yield* Limits
      const home = env.home ?? defaultHomeRoot
      const machine = yield* Effect.tryPromise({ try: () => examineMachine(limits, home), catch: commandFailed })
      const findings = [...machine, ...(yield* examineBucket(env, limits)), ...(yield* examineInstance)]
      if (json) yield* Console.log(JSON.stringify(findings))
      else for (const finding of findings) yield* Console.log(lineOf(finding))
      const failed = findings.filter(({ verdict }) => verdict === "fail").map(({ check }) => check)
      if (failed.length > 0) return yield* new CommandFailed({ message: `not well: ${failed.join(", ")}` })
    })
).pipe(
  Command.withDescription(
    "Checks versions, connections, partitions, Redis policy, clocks, limits and the bucket of files, and says what to do."
  )
)

const examineInstance = Effect.gen(function* () {
  const urls = yield* Effect.result(instanceUrls)
  if (urls._tag === "Failure") return [fail("instance", "nothing is running", urls.failure.message)]
  return [ok("instance", urls.success.HTTP_URL), ...(yield* examineServers(urls.success))]
})

const examineServers = (urls: InstanceUrls): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.all([examineDatabase(urls.DATABASE_URL), ...examinedRedis(urls)], { concurrency: 3 }).pipe(
    Effect.map((findings) => findings.flat())
  )

/** One server in both roles, or one for each: only the queue's must keep every key. */
const examinedRedis = ({ REDIS_URL, QUEUE_REDIS_URL }: InstanceUrls) =>
  QUEUE_REDIS_URL === undefined || QUEUE_REDIS_URL === REDIS_URL
    ? [Effect.promise(() => examineRedis("redis", REDIS_URL, ["cache", "queue"]))]
    : [
        Effect.promise(() => examineRedis("redis", REDIS_URL, ["cache"])),
        Effect.promise(() => examineRedis("queue", QUEUE_REDIS_URL, ["queue"]))
      ]

const lineOf = ({ check, verdict, found, advice }: Finding): string =>
  `${verdict.padEnd(4)}  ${check.padEnd(16)}${found}${advice === undefined ? "" : `\n      ${"".padEnd(16)}-> ${advice}`}`
