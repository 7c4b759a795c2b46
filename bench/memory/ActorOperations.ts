/** How many actors to make; `connected` adds what one connected phone holds. */
export interface ActorPlan {
  readonly actors: number
  readonly connected: boolean
}

/** What the actors process can be asked; once, for its heap is not emptied again. */
export type ActorOperations = {
  readonly bytesPerActor: (plan: ActorPlan) => number
}
