import { Schema } from "effect"

/** One field of a frame, by its place after the type. */
export interface FrameField {
  readonly name: string
  readonly schema: Schema.Decoder<unknown>
  /** What it means, and its unit. */
  readonly description: string
  readonly isNilAllowed: boolean
}

/** One frame of the protocol: the source of the documents, the AsyncAPI document and the tests. The hot path reads by hand. */
export interface FrameDefinition {
  readonly name: string
  readonly type: number
  readonly summary: string
  readonly fields: ReadonlyArray<FrameField>
  /** The whole frame as a positional array with all of its fields. */
  readonly schema: Schema.Decoder<ReadonlyArray<unknown>>
}

/** A field that is always there. */
export const field = (name: string, schema: Schema.Decoder<unknown>, description: string): FrameField => ({
  name,
  schema,
  description,
  isNilAllowed: false
})

/** A field that may be nil, and be left out at the end of a frame. */
export const nilable = (name: string, schema: Schema.Decoder<unknown>, description: string): FrameField => ({
  name,
  schema: Schema.NullOr(schema),
  description,
  isNilAllowed: true
})

/** Defines a frame. */
export const frame = (
  name: string,
  type: number,
  summary: string,
  fields: ReadonlyArray<FrameField>
): FrameDefinition => ({
  name,
  type,
  summary,
  fields,
  schema: Schema.Tuple([
    Schema.Literal(type),
    ...fields.map(({ name: title, schema, description }) => schema.annotate({ title, description }))
  ]).annotate({ title: name, description: summary })
})

/** A received frame with nil where trailing fields were left out, and without fields that this version does not know. */
export const wholeFrame = (definition: FrameDefinition, received: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  const length = definition.fields.length + 1
  return Array.from({ length }, (_, i) => received[i] ?? null)
}

/** Whether a received frame is what its definition says. */
export const isFrame = (definition: FrameDefinition, received: ReadonlyArray<unknown>): boolean =>
  Schema.is(definition.schema)(wholeFrame(definition, received))
