/** One cursor's move as the ingest transaction asks for it on the wire. Times in Unix milliseconds; undefined is NULL. */
export interface RequestedMove {
  readonly driverId: string
  readonly deviceNo: number
  readonly sessionId: string
  readonly expectedSeq: number
  readonly lastSeq: number
  readonly lastRecordedAt: number | undefined
  readonly marker: RequestedMarker | undefined
}

/** Where a move puts the device's marker. */
export interface RequestedMarker {
  readonly recordedAt: number
  readonly receivedAt: number
  readonly latE7: number
  readonly lngE7: number
}

/** One row of COPY. */
export interface RequestedRow extends RequestedMarker {
  readonly driverId: string
  readonly deviceNo: number
  readonly sessionId: string
  readonly seq: number
  readonly flags: number
  readonly battery: number | undefined
}

export interface RequestedQuarantine {
  readonly driverId: string
  readonly deviceNo: number
  readonly seq: number
  readonly code: string
}

/** An ingest transaction as PostgreSQL reads it from the bytes it is sent. */
export interface IngestRequest {
  readonly moves: ReadonlyArray<RequestedMove>
  /** What the fence compares the moved cursors with. */
  readonly movesExpected: number
  readonly rows: ReadonlyArray<RequestedRow>
  readonly quarantined: ReadonlyArray<RequestedQuarantine>
}

const postgresEpochMs = 946_684_800_000
const arrayHeaderBytes = 20
const copyHeaderBytes = 19

type Field = Buffer | undefined

/** Reads length-prefixed values one after the other; a negative length is NULL. */
const fieldsOf = (
  bytes: Buffer,
  from: number,
  count: number
): { readonly fields: Array<Field>; readonly end: number } => {
  const fields: Array<Field> = []
  let at = from
  for (let i = 0; i < count; i++) {
    const length = bytes.readInt32BE(at)
    at += 4
    fields.push(length < 0 ? undefined : bytes.subarray(at, at + length))
    at += Math.max(0, length)
  }
  return { fields, end: at }
}

const uuid = (field: Field): string => {
  const hex = present(field).toString("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
const present = (field: Field): Buffer => {
  if (field === undefined) throw new Error("NULL where the schema has NOT NULL")
  return field
}
const int4 = (field: Field): number => present(field).readInt32BE()
const int8 = (field: Field): number => Number(present(field).readBigInt64BE())
const time = (field: Field): number => int8(field) / 1_000 + postgresEpochMs
const degreesE7 = (field: Field): number => Math.round(present(field).readDoubleBE() * 1e7)
const isNull = (field: Field): boolean => field === undefined

/** The elements of an array parameter. */
const elements = (parameter: Field): ReadonlyArray<Field> => {
  const bytes = present(parameter)
  return bytes.readInt32BE(0) === 0 ? [] : fieldsOf(bytes, arrayHeaderBytes, bytes.readInt32BE(12)).fields
}

const movesOf = (parameters: ReadonlyArray<Field>): ReadonlyArray<RequestedMove> => {
  const columns = parameters.slice(0, 13).map(elements)
  const at = (column: number, i: number): Field => columns[column]?.[i]
  return (columns[0] ?? []).map((_, i) => ({
    driverId: uuid(at(0, i)),
    deviceNo: int4(at(1, i)),
    sessionId: uuid(at(2, i)),
    expectedSeq: int8(at(3, i)),
    lastSeq: int8(at(4, i)),
    lastRecordedAt: isNull(at(5, i)) ? undefined : time(at(5, i)),
    marker: isNull(at(6, i))
      ? undefined
      : {
          recordedAt: time(at(6, i)),
          receivedAt: time(at(7, i)),
          latE7: degreesE7(at(8, i)),
          lngE7: degreesE7(at(9, i))
        }
  }))
}

const quarantinedOf = (parameters: ReadonlyArray<Field>): ReadonlyArray<RequestedQuarantine> => {
  const columns = parameters.map(elements)
  return (columns[0] ?? []).map((driver, i) => ({
    driverId: uuid(driver),
    deviceNo: int4(columns[1]?.[i]),
    seq: int8(columns[3]?.[i]),
    code: present(columns[4]?.[i]).toString()
  }))
}

const rowsOf = (copy: Buffer): ReadonlyArray<RequestedRow> => {
  const rows: Array<RequestedRow> = []
  let at = copyHeaderBytes
  for (let count = copy.readInt16BE(at); count !== -1; count = copy.readInt16BE(at)) {
    const { fields, end } = fieldsOf(copy, at + 2, count)
    rows.push({
      driverId: uuid(fields[0]),
      recordedAt: time(fields[1]),
      receivedAt: time(fields[2]),
      seq: int8(fields[3]),
      latE7: degreesE7(fields[4]),
      lngE7: degreesE7(fields[5]),
      sessionId: uuid(fields[6]),
      deviceNo: int4(fields[7]),
      flags: int4(fields[11]),
      battery: isNull(fields[15]) ? undefined : present(fields[15]).readInt16BE()
    })
    at = end
  }
  return rows
}

/** Name and parameters of a Bind message; its formats are those that `execute` writes. */
const boundOf = (body: Buffer): { readonly statement: string; readonly parameters: ReadonlyArray<Field> } => {
  const portalEnd = body.indexOf(0)
  const nameEnd = body.indexOf(0, portalEnd + 1)
  const formats = body.readInt16BE(nameEnd + 1)
  const at = nameEnd + 3 + 2 * formats
  return {
    statement: body.toString("latin1", portalEnd + 1, nameEnd),
    parameters: fieldsOf(body, at + 2, body.readInt16BE(at)).fields
  }
}

/** Reads the messages of one pipelined ingest transaction, byte for byte as PostgreSQL would. Fails when they are no such thing. */
export const readIngestRequest = (messages: ReadonlyArray<Uint8Array>): IngestRequest => {
  const bytes = Buffer.concat(messages)
  let request: IngestRequest = { moves: [], movesExpected: 0, rows: [], quarantined: [] }
  const statements: Array<string> = []
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    const type = String.fromCharCode(bytes[at] as number)
    const body = bytes.subarray(at + 5, at + 1 + bytes.readInt32BE(at + 1))
    if (type === "d") request = { ...request, rows: rowsOf(body) }
    if (type !== "B") continue
    const { statement, parameters } = boundOf(body)
    statements.push(statement)
    if (statement === "move") {
      request = { ...request, moves: movesOf(parameters), movesExpected: int8(parameters[13]) }
    }
    if (statement === "quarantine") request = { ...request, quarantined: quarantinedOf(parameters) }
  }
  if (!/^begin move (copy )?(quarantine )?commit$/.test(statements.join(" ")))
    throw new Error(`not an ingest transaction: ${statements.join(" ")}`)
  return request
}
