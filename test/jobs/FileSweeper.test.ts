import { Effect, Layer, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { defaultLimits, Limits } from "../../src/config/Limits.ts"
import { bareId } from "../../src/domain/Ids.ts"
import { sweepFiles } from "../../src/jobs/FileSweeper.ts"
import { DatabaseUrl, JobsDatabase } from "../../src/persistence/Database.ts"
import { FileStorage, StorageFailed } from "../../src/persistence/files/FileStorage.ts"
import { type FilePlace, filePlaces } from "../kit/FilePlaces.ts"
import { newShipment } from "../kit/PlacedOrder.ts"
import { adminToken, call, newDriver } from "../kit/RestCaller.ts"
import { type RestServer, startRest } from "../kit/RestServer.ts"
import { beginUpload, hashOf, newPicture, sendPart, upload } from "../kit/Uploads.ts"

describe.each(filePlaces)("over %s, a round of the sweeper", (_, openPlace) => {
  let place: FilePlace
  let rest: RestServer
  let owner: pg.Client
  let admin: string
  let token: string

  beforeAll(async () => {
    place = await openPlace()
    rest = await startRest({ files: place.storage })
    admin = await adminToken(rest.url)
    token = (await newDriver(rest.url, admin)).token
    owner = new pg.Client({ connectionString: rest.databaseUrl })
    await owner.connect()
  })
  afterAll(async () => {
    await owner.end()
    await rest.stop()
    await place.close()
  })

  /** One node's round, with its own connections. `broken` names what its storage fails at. */
  const sweep = (broken?: "forget" | "remove"): Promise<number> => {
    const failing = () => Effect.fail(new StorageFailed({ reason: "away" }))
    const storage =
      broken === undefined
        ? place.storage
        : Layer.effect(
            FileStorage,
            Effect.map(FileStorage, (real) => FileStorage.of({ ...real, [broken]: failing }))
          ).pipe(Layer.provide(place.storage))
    const layers = Layer.mergeAll(JobsDatabase.layer, storage).pipe(
      Layer.provide(Layer.mergeAll(Layer.succeed(DatabaseUrl, Redacted.make(rest.databaseUrl)), Reactivity.layer))
    )
    return Effect.runPromise(
      sweepFiles.pipe(Effect.provide(layers), Effect.provideService(Limits, defaultLimits), Effect.scoped)
    )
  }

  const keysOf = (id: string) => {
    const bare = bareId("file", id) ?? ""
    return {
      parts: place.keys(`uploads/${bare}/`).length,
      stored: place.keys("stored/").filter((key) => key.endsWith(bare)).length
    }
  }

  const hasRow = async (id: string): Promise<boolean> =>
    ((await owner.query("SELECT FROM files WHERE id = $1", [bareId("file", id)])).rowCount ?? 0) > 0

  /** Lets what happened to a file have happened earlier. */
  const ago = (id: string, column: "received_at" | "stored_at" | "deleted_at", interval: string) =>
    owner.query(`UPDATE files SET ${column} = now() - $2::interval WHERE id = $1`, [bareId("file", id), interval])

  const started = async (purpose: "proof" | "attachment"): Promise<string> => {
    const picture = newPicture()
    const { id } = (await beginUpload(rest.url, token, picture, { purpose })).body
    await sendPart(rest.url, token, id, 0, picture.subarray(0, 400))
    return id
  }

  const deletedFile = async (): Promise<string> => {
    const { id } = await upload(rest.url, token, newPicture())
    await ago(id, "deleted_at", "1 hour")
    return id
  }

  it("takes the parts of a stored file, later, and never the file", async () => {
    const picture = newPicture()
    const { id } = await upload(rest.url, token, picture)
    await sweep()
    expect(keysOf(id)).toEqual({ parts: 1, stored: 1 })
    await ago(id, "stored_at", "1 hour")
    await sweep()
    expect(keysOf(id)).toEqual({ parts: 0, stored: 1 })
    expect((await upload(rest.url, token, picture)).id).toBe(id)
    const link = await call<{ url: string }>(rest.url, "GET", `/v1/files/${id}/download`, { token })
    expect(hashOf(new Uint8Array(await (await fetch(link.body.url)).arrayBuffer()))).toBe(hashOf(picture))
  })

  it("gives up uploads that stood still for too long, a proof's after longer, and takes them when nothing is on its way any more", async () => {
    const [proof, oldProof, attachment, fresh] = [
      await started("proof"),
      await started("proof"),
      await started("attachment"),
      await started("attachment")
    ]
    for (const id of [proof, attachment]) await ago(id, "received_at", "2 days")
    await ago(oldProof, "received_at", "15 days")
    await sweep()
    expect((await call(rest.url, "GET", `/v1/files/${attachment}`, { token })).status).toBe(404)
    for (const id of [attachment, oldProof]) expect(keysOf(id).parts).toBe(1)
    for (const id of [attachment, oldProof]) await ago(id, "deleted_at", "1 hour")
    await sweep()
    for (const id of [attachment, oldProof]) expect([await hasRow(id), keysOf(id).parts]).toEqual([false, 0])
    for (const id of [proof, fresh]) expect([await hasRow(id), keysOf(id).parts]).toEqual([true, 1])
    expect((await sendPart(rest.url, token, proof, 400, newPicture(100))).body.offset).toBe(500)
  })

  it("removes deleted files with their rows", async () => {
    const id = await deletedFile()
    const kept = await upload(rest.url, token, newPicture())
    expect(await sweep()).toBeGreaterThanOrEqual(1)
    expect([await hasRow(id), keysOf(id)]).toEqual([false, { parts: 0, stored: 0 }])
    expect([await hasRow(kept.id), keysOf(kept.id).stored]).toEqual([true, 1])
    expect(await sweep()).toBe(0)
  })

  it.each(["forget", "remove"] as const)("that breaks off at %s is finished by the next one", async (broken) => {
    const ids = [await deletedFile(), await deletedFile()]
    await expect(sweep(broken)).rejects.toThrow("away")
    for (const id of ids) expect(await hasRow(id)).toBe(true)
    await sweep()
    for (const id of ids) expect([await hasRow(id), keysOf(id)]).toEqual([false, { parts: 0, stored: 0 }])
  })

  it("on several nodes at once takes each file once, and nothing else", async () => {
    const ids: Array<string> = []
    for (let files = 0; files < 12; files++) ids.push(await deletedFile())
    const kept = await Promise.all(Array.from({ length: 4 }, () => upload(rest.url, token, newPicture())))
    await Promise.all([sweep(), sweep(), sweep()])
    for (const id of ids) expect([await hasRow(id), keysOf(id)]).toEqual([false, { parts: 0, stored: 0 }])
    for (const { id } of kept) expect([await hasRow(id), keysOf(id).stored]).toEqual([true, 1])
  })

  it("takes the bytes of a deleted file that a message still names, keeps its row, and lets it stand in nobody's way", async () => {
    const named = await deletedFile()
    const bare = bareId("file", named)
    const {
      rows: [thread]
    } = await owner.query<{ id: string }>(
      `INSERT INTO message_threads (id, context_type, context_id, channel)
       SELECT gen_random_uuid(), 'order', $1, (enum_range(NULL::message_channel))[1] RETURNING id`,
      [bareId("order", (await newShipment(rest.url, admin)).orderId)]
    )
    await owner.query(
      `WITH m AS (INSERT INTO messages (id, thread_id, body) VALUES (gen_random_uuid(), $1, 'see') RETURNING id)
       INSERT INTO message_attachments (message_id, position, file_id) SELECT id, 1, $2 FROM m`,
      [thread?.id, bare]
    )
    const other = await deletedFile()
    await sweep()
    expect([await hasRow(named), keysOf(named)]).toEqual([true, { parts: 0, stored: 0 }])
    expect(await hasRow(other)).toBe(false)
  })
})
