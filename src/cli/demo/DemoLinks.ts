import type { DeliveryRest } from "../../client/DeliveryRest.ts"
import { pause } from "../fleet/ClientFleet.ts"
import type { Delivery, DeliveryStage } from "./Delivery.ts"

interface Link {
  readonly delivery: Delivery
  readonly url: string
}

const linksMax = 3
const lookEveryMs = 500
/** The first list waits this long for as many different stages as it has lines; on a quiet machine they are there in 15 s. */
const firstListWithinMs = 45_000
/** Two lists are at least this far apart. */
const listEveryMsMin = 10_000
/** What is worth watching most comes first. */
const stages: ReadonlyArray<DeliveryStage> = ["on the way", "being picked up", "waiting for a driver", "at the door"]

const rank = ({ stage }: Delivery): number => stages.indexOf(stage)

/** A few orders that whoever runs the demo can follow as their customers do; printed, and again when one of them is over. */
export class DemoLinks {
  private readonly rest: DeliveryRest
  private readonly print: (text: string) => void
  private readonly offered = new Set<Delivery>()
  private links: ReadonlyArray<Link> = []

  /** `print` gets whole lines. */
  constructor(rest: DeliveryRest, print: (text: string) => void) {
    this.rest = rest
    this.print = print
  }

  /** A delivery that may be followed. */
  offer(delivery: Delivery): void {
    this.offered.add(delivery)
  }

  /** Keeps `linksMax` links (of `orders` orders) current until the signal fires. */
  async keepCurrent(orders: number, signal: AbortSignal): Promise<void> {
    const wanted = Math.min(linksMax, orders)
    try {
      await this.awaitStages(wanted, signal)
      while (!signal.aborted) {
        const isFirst = this.links.length === 0
        if (await this.renew(wanted)) {
          this.print(this.list(isFirst))
          await pause(listEveryMsMin, signal)
        }
        await pause(lookEveryMs, signal)
      }
    } catch (cause) {
      if (!signal.aborted) throw cause
    }
  }

  private async awaitStages(wanted: number, signal: AbortSignal): Promise<void> {
    const worthSeeing = stages.slice(0, wanted)
    const seen = (): number =>
      worthSeeing.filter((stage) => [...this.offered].some((delivery) => delivery.stage === stage)).length
    for (let waitedMs = 0; seen() < wanted && waitedMs < firstListWithinMs; waitedMs += lookEveryMs)
      await pause(lookEveryMs, signal)
  }

  /** Replaces what is over. True when something changed. */
  private async renew(wanted: number): Promise<boolean> {
    for (const delivery of this.offered) if (delivery.isOver) this.offered.delete(delivery)
    const kept = this.links.filter(({ delivery }) => !delivery.isOver)
    const made: Array<Link> = []
    while (kept.length + made.length < wanted) {
      const delivery = this.choose([...kept, ...made].map((link) => link.delivery))
      if (delivery === undefined) break
      made.push({ delivery, url: (await this.rest.createTrackingLink(delivery.orderId)).url })
    }
    this.links = [...kept, ...made]
    return made.length > 0
  }

  /** One at a stage that no other link shows, if there is one; of those the youngest, which lasts longest. */
  private choose(taken: ReadonlyArray<Delivery>): Delivery | undefined {
    const shown = new Set(taken.map(({ stage }) => stage))
    const free = [...this.offered].filter((delivery) => !delivery.isOver && !taken.includes(delivery)).reverse()
    const order = (delivery: Delivery): number => rank(delivery) + (shown.has(delivery.stage) ? stages.length : 0)
    return free.sort((a, b) => order(a) - order(b))[0]
  }

  private list(isFirst: boolean): string {
    const width = Math.max(...stages.map((stage) => stage.length))
    const lines = [...this.links]
      .sort((a, b) => rank(a.delivery) - rank(b.delivery))
      .map(({ delivery, url }) => `    ${delivery.stage.padEnd(width)}   ${url}`)
    const heading = isFirst
      ? "  Follow an order as its customer does:"
      : "  A delivery is over; these can be followed now:"
    return `${[heading, ...lines, ""].join("\n")}\n`
  }
}
