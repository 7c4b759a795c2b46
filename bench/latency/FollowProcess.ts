import { answer } from "../process/Answering.ts"
import { Followers } from "./Followers.ts"
import type { FollowOperations } from "./FollowOperations.ts"

let followers: Followers | undefined

const opened = (): Followers => {
  if (followers === undefined) throw new Error("nobody follows anything")
  return followers
}

answer({
  open: async (plan) => {
    followers?.close()
    followers = new Followers(plan)
    await followers.connect()
  },
  begin: ({ hz }) => opened().begin(hz),
  measure: () => opened().measure(),
  drain: ({ timeoutMs }) => opened().drain(timeoutMs),
  close: () => followers?.close()
} satisfies FollowOperations)
