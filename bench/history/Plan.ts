import { Effect } from "effect"
import { SqlClient, Statement } from "effect/sql"
import type pg from "pg"

/** A node of EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON), as far as it is looked at. */
export interface PlanNode {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Index Name"?: string
  readonly "Actual Loops"?: number
  readonly "Shared Hit Blocks"?: number
  readonly "Shared Read Blocks"?: number
  readonly Plans?: ReadonlyArray<PlanNode>
}

/** A statement's plan as it ran. */
export interface Plan {
  readonly Plan: PlanNode
}

/** A query was answered by other means than its index. */
export class WrongPlan extends Error {
  readonly _tag = "WrongPlan"
  constructor(what: string, wanted: string, plan: Plan) {
    super(`${what}: expected ${wanted}, but the plan is ${JSON.stringify(plan)}`)
  }
}

/** Indexes of partitions, whose names PostgreSQL makes up, and the partitioned index that each belongs to. */
export type IndexParents = ReadonlyMap<string, string>

export const indexParents = async (client: pg.Client): Promise<IndexParents> => {
  const { rows } = await client.query<{ child: string; parent: string }>(
    `SELECT child.relname AS child, parent.relname AS parent
     FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent
     WHERE child.relkind = 'i'`
  )
  return new Map(rows.map(({ child, parent }) => [child, parent]))
}

const nodesUnder = (node: PlanNode): ReadonlyArray<PlanNode> => [node, ...(node.Plans ?? []).flatMap(nodesUnder)]

/** The nodes that did something; what run-time pruning skipped has no loops. */
const executed = (plan: Plan): ReadonlyArray<PlanNode> =>
  nodesUnder(plan.Plan).filter((node) => (node["Actual Loops"] ?? 0) > 0)

const distinct = (names: ReadonlyArray<string | undefined>): ReadonlyArray<string> =>
  [...new Set(names.filter((name) => name !== undefined))].sort()

/** Indexes that were used; that of a partition by the name which the schema gives its parent. */
export const indexesOf = (plan: Plan, parents: IndexParents): ReadonlyArray<string> =>
  distinct(
    executed(plan)
      .map((node) => node["Index Name"])
      .map((name) => parents.get(name ?? "") ?? name)
  )

/** Tables and partitions that were read, by an index or from end to end. */
export const tablesOf = (plan: Plan): ReadonlyArray<string> =>
  distinct(executed(plan).map((node) => node["Relation Name"]))

const blocksOfNode = (node: PlanNode): number => (node["Shared Hit Blocks"] ?? 0) + (node["Shared Read Blocks"] ?? 0)

/** Tables that were read from end to end; an empty one (tomorrow's partition) has no blocks and is none of them. */
export const scannedOf = (plan: Plan): ReadonlyArray<string> =>
  distinct(
    executed(plan)
      .filter((node) => node["Node Type"] === "Seq Scan" && blocksOfNode(node) > 0)
      .map((node) => node["Relation Name"])
  )

/** Blocks of 8 kB that were looked at, and those of them that PostgreSQL did not have in its own memory. */
export const blocksOf = ({ Plan: top }: Plan): { readonly blocks: number; readonly blocksRead: number } => ({
  blocks: blocksOfNode(top),
  blocksRead: top["Shared Read Blocks"] ?? 0
})

interface Explained {
  readonly "QUERY PLAN": ReadonlyArray<Plan>
}

/** Runs an effect and explains each statement of it before it runs, on the same connection and in the same transaction. */
export const explained = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<ReadonlyArray<Plan>, E, R | SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const client = yield* SqlClient.SqlClient
    const plans: Array<Plan> = []
    const explain: Statement.Transformer = (statement) =>
      client<Explained>`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement}`.pipe(
        Effect.provideService(Statement.CurrentTransformer, undefined),
        Effect.map(([row]) => plans.push(...(row?.["QUERY PLAN"] ?? []))),
        Effect.orDie,
        Effect.as(statement)
      )
    yield* Effect.provideService(effect, Statement.CurrentTransformer, explain)
    return plans
  })

/** What auto_explain says of one statement. */
const noticed = (message: string | undefined): Plan | undefined => {
  const json = /plan:\s*(\{[\s\S]*\})\s*$/.exec(message ?? "")?.[1]
  return json === undefined ? undefined : (JSON.parse(json) as Plan)
}

/** Runs something on a superuser's connection and collects the plans of all statements, also of those inside functions. */
export const explainedInside = async (client: pg.Client, run: () => Promise<unknown>): Promise<ReadonlyArray<Plan>> => {
  const plans: Array<Plan> = []
  const listen = (notice: { readonly message?: string | undefined }): void => {
    const plan = noticed(notice.message)
    if (plan !== undefined) plans.push(plan)
  }
  await client.query("LOAD 'auto_explain'")
  for (const [name, value] of Object.entries({
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_min_duration": "0",
    client_min_messages: "log"
  }))
    await client.query("SELECT set_config($1, $2, false)", [name, value])
  client.on("notice", listen)
  try {
    await run()
  } finally {
    client.off("notice", listen)
    await client.query("SET auto_explain.log_min_duration = -1; SET client_min_messages = notice")
  }
  return plans
}
