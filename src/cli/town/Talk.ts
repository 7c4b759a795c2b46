import type { MessagesRest } from "../../client/MessagesRest.ts"
import type { PlacedOrder } from "./PlacedOrder.ts"
import type { TownLedger } from "./TownLedger.ts"

/** What customers and the desk write in an order's thread; drivers answer by themselves. */
export class Talk {
  private readonly desk: MessagesRest
  private readonly ledger: TownLedger
  /** By order and role: one after the other, so that their order is known. */
  private readonly last = new Map<string, Promise<void>>()

  constructor(desk: MessagesRest, ledger: TownLedger) {
    this.desk = desk
    this.ledger = ledger
  }

  /** A guest writes nothing: only whoever has an account has a part in the thread. */
  async customerSays(order: PlacedOrder, text: string): Promise<void> {
    if (!order.isGuest) await this.say(order, order.customer.messages, "customer", text)
  }

  deskSays(order: PlacedOrder, text: string): Promise<void> {
    return this.say(order, this.desk, "staff", text)
  }

  private say({ orderId }: PlacedOrder, rest: MessagesRest, role: "customer" | "staff", text: string): Promise<void> {
    const author = `${role} of ${orderId}`
    const before = this.last.get(author) ?? Promise.resolve()
    const said = before.then(() => this.write(orderId, rest, role, text))
    // Whoever asked for this one hears of its failure; the next one is another's.
    this.last.set(
      author,
      said.catch(() => undefined)
    )
    return said
  }

  private async write(orderId: string, rest: MessagesRest, role: "customer" | "staff", text: string): Promise<void> {
    const threadId = this.ledger.threads.get(orderId) ?? (await rest.threadOf(orderId))
    this.ledger.threads.set(orderId, threadId)
    const [id, author] = [`msg_${crypto.randomUUID()}`, `${role} of ${orderId}`]
    const message = { id, threadId, role, text }
    this.ledger.write(message, author, false)
    await rest.write(threadId, { id, text })
    this.ledger.write(message, author, true)
  }
}
