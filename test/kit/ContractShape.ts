import { OpenApi } from "effect/http-api"
import { Api } from "../../src/http/Api.ts"
import type { TriedRoute } from "./RouteTrials.ts"

/** As much of JSON Schema as the contract is written in. */
export interface ShapeSchema {
  readonly $ref?: string
  readonly type?: string
  readonly properties?: Readonly<Record<string, ShapeSchema>>
  readonly additionalProperties?: boolean | ShapeSchema
  readonly items?: ShapeSchema
  readonly anyOf?: ReadonlyArray<ShapeSchema>
  readonly oneOf?: ReadonlyArray<ShapeSchema>
  readonly allOf?: ReadonlyArray<ShapeSchema>
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: ShapeSchema }>>
}

interface Operation {
  readonly parameters?: ReadonlyArray<{ readonly name: string; readonly in: string }>
  readonly requestBody?: Content
  readonly responses: Readonly<Record<string, Content>>
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, ShapeSchema>> }
}

const document: Document = JSON.parse(JSON.stringify(OpenApi.fromApi(Api)))

const operationOf = (route: TriedRoute): Operation => {
  const path = route.template.replace(/:(\w+)/g, "{$1}")
  const found = document.paths[path]?.[route.method.toLowerCase()]
  if (found === undefined) throw new Error(`${route.method} ${path} is not in the OpenAPI document`)
  return found
}

/** The schema of a route's body; undefined when it takes none. */
export const bodyShapeOf = (route: TriedRoute): ShapeSchema | undefined =>
  operationOf(route).requestBody?.content?.["application/json"]?.schema

/** Whether a route has query parameters; only such a route refuses others. */
export const takesQuery = (route: TriedRoute): boolean =>
  operationOf(route).parameters?.some((parameter) => parameter.in === "query") === true

/** The schema of an answer by its status and type; undefined when the contract has none. */
export const answerShapeOf = (route: TriedRoute, status: number, type: string): ShapeSchema | undefined =>
  operationOf(route).responses[String(status)]?.content?.[type]?.schema

const resolved = (shape: ShapeSchema): ShapeSchema => {
  const name = shape.$ref?.replace("#/components/schemas/", "")
  return name === undefined ? shape : resolved(document.components.schemas[name] ?? {})
}

const waysOf = (shape: ShapeSchema): ReadonlyArray<ShapeSchema> => {
  const whole = resolved(shape)
  const ways = whole.anyOf ?? whole.oneOf
  if (ways !== undefined) return ways.flatMap(waysOf)
  return whole.allOf === undefined ? [whole] : whole.allOf.flatMap(waysOf)
}

// Such as `{}`: any JSON, which the product keeps and shows as it is.
const isAny = ({ type, properties, items }: ShapeSchema): boolean =>
  type === undefined && properties === undefined && items === undefined

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const fewest = (candidates: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
  candidates.reduce((best, each) => (each.length < best.length ? each : best))

/** Members of a value that its schema does not name, as JSON pointers. A schema that says nothing of a value's kind names none. */
export const unnamedIn = (shape: ShapeSchema, value: unknown, at = ""): ReadonlyArray<string> => {
  if (waysOf(shape).some(isAny)) return []
  if (Array.isArray(value)) {
    const lists = waysOf(shape).filter(({ items }) => items !== undefined)
    if (lists.length === 0) return value.length === 0 ? [] : [`${at}/0`]
    return fewest(lists.map(({ items = {} }) => value.flatMap((each, i) => unnamedIn(items, each, `${at}/${i}`))))
  }
  if (!isObject(value)) return []
  const ways = waysOf(shape).filter(({ type }) => type === "object")
  if (ways.length === 0) return Object.keys(value).map((name) => `${at}/${name}`)
  return fewest(ways.map((way) => unnamedMembers(way, value, at)))
}

const unnamedMembers = (
  shape: ShapeSchema,
  value: Readonly<Record<string, unknown>>,
  at: string
): ReadonlyArray<string> =>
  Object.entries(value).flatMap(([name, member]) => {
    const { properties = {}, additionalProperties = false } = shape
    const named = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (named !== undefined) return unnamedIn(named, member, `${at}/${name}`)
    if (isFree(shape)) return []
    return typeof additionalProperties === "object"
      ? unnamedIn(additionalProperties, member, `${at}/${name}`)
      : [`${at}/${name}`]
  })

// `{type: "object"}` alone: a JSON object that the product keeps and does not interpret.
const isFree = ({ properties, additionalProperties }: ShapeSchema): boolean =>
  additionalProperties === true || (properties === undefined && additionalProperties === undefined)

/** An object inside a body where only the names of the contract may stand. */
export interface ClosedPlace {
  /** Its members' JSON pointers begin with this. */
  readonly pointer: string
  readonly names: ReadonlySet<string>
  readonly object: Record<string, unknown>
}

/** Every such object of a body; a body that fits its schema in two ways has the names of both. */
export const closedPlacesIn = (shape: ShapeSchema, body: unknown, pointer = ""): ReadonlyArray<ClosedPlace> => {
  const ways = waysOf(shape)
  if (Array.isArray(body)) {
    return body.flatMap((each, i) =>
      ways.flatMap(({ items }) => (items === undefined ? [] : closedPlacesIn(items, each, `${pointer}/${i}`)))
    )
  }
  if (!isObject(body) || ways.some(isAny)) return []
  const objects = ways.filter(({ type }) => type === "object")
  if (objects.some(isFree)) return []
  const names = new Set(objects.flatMap(({ properties = {} }) => Object.keys(properties)))
  const inner = objects.flatMap(({ properties = {} }) =>
    Object.entries(body).flatMap(([name, member]) =>
      properties[name] === undefined ? [] : closedPlacesIn(properties[name], member, `${pointer}/${name}`)
    )
  )
  return [{ pointer, names, object: body }, ...inner]
}
