import { describe, expect, it } from "vitest"
import type { DriverClient } from "../../src/client/DriverClient.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { clientUnderTest } from "./ClientUnderTest.ts"

/** A client that is welcomed, with what its app heard of offers. `offer` is one that lasts for so many milliseconds from now. */
const listening = async () => {
  const { server, clock, client, start } = clientUnderTest()
  const heard: Array<string> = []
  client.on("offer", ({ offerId }) => heard.push(offerId))
  client.on("offerGone", ({ offerId, reason }) => heard.push(`${offerId} ${reason}`))
  await start()
  const offer = (id: string, lastsMs: number): ReadonlyArray<unknown> => [
    DriverServerFrame.offer,
    `ofr_${id}`,
    `asg_${id}`,
    { shipment_id: `shp_${id}` },
    1,
    clock.unixMs() + lastsMs
  ]
  const tell = async (...frames: ReadonlyArray<ReadonlyArray<unknown>>): Promise<void> => {
    for (const frame of frames) server.tell(frame)
    await clock.advance(10)
  }
  const comeBack = async (): Promise<void> => {
    server.drop()
    await clock.advance(2_000)
  }
  return { server, clock, client, heard, offer, tell, comeBack }
}

const openIds = (client: DriverClient): ReadonlyArray<string> => client.offers.map(({ offerId }) => offerId)

describe("open offers", () => {
  it("are listed, the soonest to end first, and leave the list as the server says why", async () => {
    const { client, heard, offer, tell } = await listening()
    await tell(offer("b", 60_000), offer("a", 30_000), offer("c", 90_000))
    expect(openIds(client)).toEqual(["ofr_a", "ofr_b", "ofr_c"])
    expect(client.offers[0]).toMatchObject({ assignmentId: "asg_a", fencingToken: 1 })
    await tell([DriverServerFrame.offerGone, "ofr_b", "taken"])
    expect(openIds(client)).toEqual(["ofr_a", "ofr_c"])
    expect(heard).toEqual(["ofr_b", "ofr_a", "ofr_c", "ofr_b taken"])
  })

  it("are told once, though the server repeats them after each welcome, and outlive a lost connection", async () => {
    const { server, client, heard, offer, tell, comeBack } = await listening()
    const lasting = offer("a", 600_000)
    await tell(lasting)
    server.withWelcome = [lasting, [DriverServerFrame.offerGone, "ofr_unknown", "taken"]]
    await comeBack()
    expect(client.counters.welcomes).toBe(2)
    expect(openIds(client)).toEqual(["ofr_a"])
    expect(heard).toEqual(["ofr_a"])
  })

  it("end by the server's clock, connected or not, however wrong the phone's is", async () => {
    const { server, clock, client, heard, offer, tell } = await listening()
    await tell(offer("a", 65_000), offer("b", 120_000))
    server.drop()
    server.isAway = true
    await clock.advance(64_000)
    expect(openIds(client)).toEqual(["ofr_a", "ofr_b"])
    await clock.advance(1_000)
    expect(openIds(client)).toEqual(["ofr_b"])
    expect(heard).toEqual(["ofr_a", "ofr_b", "ofr_a expired"])
    server.isAway = false
    server.aheadMs = 3_600_000
    client.online()
    await clock.advance(100)
    expect(client.serverTimeMs).toBeGreaterThan(clock.unixMs() + 3_500_000)
    expect(heard.at(-1)).toBe("ofr_b expired")
  })

  it("that the server does not repeat after a welcome are over once all that comes with it is here", async () => {
    const { server, client, heard, offer, tell, comeBack } = await listening()
    const kept = offer("kept", 3_000_000)
    await tell(kept, offer("lost", 3_000_000))
    server.withWelcome = [kept]
    await comeBack()
    expect(openIds(client)).toEqual(["ofr_kept"])
    expect(heard).toEqual(["ofr_kept", "ofr_lost", "ofr_lost expired"])
  })
})

describe("open offers that are over", () => {
  it("that were answered leave the list with the RESULT, whatever it says of them", async () => {
    const { server, client, heard, offer, tell } = await listening()
    server.answersCommands = false
    await tell(...["yes", "no", "late", "odd"].map((id) => offer(id, 60_000)))
    const answer = async (id: string, accepted: boolean, ok: boolean, code?: string): Promise<void> => {
      const answered = client.answerOffer(`ofr_${id}`, 1, accepted)
      await tell()
      const sent = server.link.frames.findLast((frame) => frame[0] === DriverClientFrame.offerReply)
      await tell([DriverServerFrame.result, sent?.[1], ok, code === undefined ? null : { code }])
      await answered
    }
    await answer("yes", true, true)
    await answer("no", false, true)
    await answer("late", true, false, "shipment_already_taken")
    await answer("odd", true, false, "stale_fencing_token")
    expect(heard.slice(4)).toEqual(["ofr_yes accepted", "ofr_no declined", "ofr_late taken"])
    expect(openIds(client)).toEqual(["ofr_odd"])
  })

  it("that another device of the driver accepted are tasks now", async () => {
    const { client, heard, offer, tell } = await listening()
    await tell(offer("a", 60_000), [DriverServerFrame.tasks, 3, [{ assignment_id: "asg_a" }]])
    expect(openIds(client)).toEqual([])
    expect(heard).toEqual(["ofr_a", "ofr_a accepted"])
  })

  it("are none once the client stopped, and nothing is told of them any more", async () => {
    const { clock, client, heard, offer, tell } = await listening()
    await tell(offer("a", 60_000))
    await client.stop()
    await clock.advance(100_000)
    expect([openIds(client), heard, clock.armed]).toEqual([[], ["ofr_a"], 0])
  })
})
