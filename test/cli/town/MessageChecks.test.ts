import { describe, expect, it } from "vitest"
import { keptMessages, truthfulMessages } from "../../../src/cli/town/checks/KeptMessages.ts"
import { delivered, deliveredLog } from "./TownStories.ts"

describe("a message", () => {
  const message = (id: string, role: "customer" | "driver", text: string) => ({ id, threadId: "thr_1", role, text })
  const kept = ({ id, role, text }: ReturnType<typeof message>) => ({
    ...{ id, thread_id: "thr_1", author_role: role, text },
    ...{ attachments: [], created_at: "2026-01-12T10:00:00.000Z", deleted_at: null }
  })
  const asked = message("msg_1", "customer", "when?")
  const asks = message("msg_2", "customer", "at last?")
  const answer = message("msg_3", "driver", "soon")
  const all = [asked, asks, answer]
  const written = new Map(
    all.map((each) => [each.id, { message: each, author: each.role, isKept: each !== answer }] as const)
  )
  const created = (count: number) =>
    Array.from(
      { length: count },
      () => ({ ...deliveredLog[0], type: "message.created" }) as (typeof deliveredLog)[number]
    )
  const check = (messages: ReadonlyArray<ReturnType<typeof message>>, logged = messages.length) =>
    keptMessages([delivered({ messages: messages.map(kept) })], written, created(logged))

  it("is there once, and those of different people in any order", () => {
    expect(check(all)).toEqual([])
    expect(check([answer, asked, asks])).toEqual([])
  })

  it("may be gone when nobody was told that it is kept", () => expect(check([asked, asks])).toEqual([]))

  it.each([
    ["is gone", [asks, answer]],
    ["is there twice", [asked, asked, asks, answer]],
    ["overtook another of the same person", [asks, asked, answer]],
    ["has other words", [asked, asks, { ...answer, text: "never" }]],
    ["is another's", [asked, asks, { ...answer, role: "customer" as const }]],
    ["was written by nobody", [asked, asks, answer, message("msg_9", "driver", "hm")]]
  ])("is found when it %s", (_, messages) => {
    expect(check(messages).length).toBeGreaterThan(0)
  })

  it("is found when the log does not tell it", () => expect(check(all, 2)).toMatchObject([{ id: "ord_1" }]))

  it("is what the driver's phone was told", () => {
    const facts = delivered({ messages: all.map(kept) })
    expect(truthfulMessages([facts], [asked, asked])).toEqual([])
    expect(truthfulMessages([facts], [{ ...asked, text: "never" }])).toMatchObject([{ id: "thr_1" }])
    expect(truthfulMessages([facts], [message("msg_9", "customer", "hm")])).toHaveLength(1)
  })
})
