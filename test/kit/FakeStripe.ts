import { createServer, type IncomingMessage, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import type Stripe from "stripe"

/** What the fake answers of a PaymentIntent: the members that are read, in the library's own types. */
export type FakeIntent = Pick<
  Stripe.PaymentIntent,
  "id" | "object" | "amount" | "currency" | "status" | "capture_method" | "metadata" | "cancellation_reason"
> & { last_payment_error: { type: "card_error"; code: string; decline_code: string } | null }

/** What it answers of a refund. */
export type FakeRefund = Pick<Stripe.Refund, "id" | "object" | "amount" | "metadata" | "status"> & {
  payment_intent: string
}

/** One request that reached the fake. */
export interface StripeRequest {
  readonly method: string
  readonly path: string
  readonly key: string | undefined
  readonly form: URLSearchParams
}

interface Reply {
  readonly status: number
  readonly body: unknown
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = ""
  for await (const chunk of request) text += String(chunk)
  return text
}

const cardError = (decline_code: string): Reply => ({
  status: 402,
  body: { error: { type: "card_error", code: "card_declined", decline_code, message: "no" } }
})
const wrongState: Reply = {
  status: 400,
  body: { error: { type: "invalid_request_error", code: "payment_intent_unexpected_state", message: "no" } }
}

/**
 * Enough of Stripe's API for PaymentIntents and refunds, with its idempotency keys: the same key gives the first answer again. `pm_declined` and
 * `pm_action` do not work.
 */
export class FakeStripe {
  readonly requests: Array<StripeRequest> = []
  readonly intents = new Map<string, FakeIntent>()
  readonly refunds: Array<FakeRefund> = []
  private readonly kept = new Map<string, Reply>()
  private readonly lostKeys = new Set<string>()
  private lossAt: string | undefined
  private readonly server: Server

  private constructor() {
    this.server = createServer((request, response) => {
      void bodyOf(request).then((text) => {
        const url = new URL(request.url ?? "/", "http://stripe")
        const key = request.headers["idempotency-key"]
        const asked = {
          method: request.method ?? "",
          path: url.pathname,
          key: typeof key === "string" ? key : undefined,
          form: new URLSearchParams(request.method === "GET" ? url.search : text)
        }
        this.requests.push(asked)
        const reply = this.answer(asked)
        if (this.isLost(asked)) {
          request.socket.destroy()
          return
        }
        response.writeHead(reply.status, { "content-type": "application/json", "request-id": "req_1" })
        response.end(JSON.stringify(reply.body))
      })
    })
  }

  static async start(): Promise<FakeStripe> {
    const fake = new FakeStripe()
    await new Promise<void>((resolve) => fake.server.listen(0, "127.0.0.1", () => resolve()))
    return fake
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** The next request whose path ends so is carried out, and its answer lost. */
  loseAnswerOf(pathEnd: "confirm" | "capture" | "cancel" | "refunds"): void {
    this.lossAt = pathEnd
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  // The library repeats a request once, under its key, when a connection closes on it: that answer is lost, too.
  private isLost({ path, key }: StripeRequest): boolean {
    if (key !== undefined && this.lostKeys.delete(key)) return true
    if (this.lossAt === undefined || !path.endsWith(this.lossAt)) return false
    this.lossAt = undefined
    if (key !== undefined) this.lostKeys.add(key)
    return true
  }

  private answer(asked: StripeRequest): Reply {
    const known = asked.key === undefined ? undefined : this.kept.get(asked.key)
    if (known !== undefined) return known
    const reply = this.act(asked)
    if (asked.key !== undefined) this.kept.set(asked.key, reply)
    return reply
  }

  private act({ method, path, form }: StripeRequest): Reply {
    const [, , resource, id, action] = path.split("/")
    if (resource === "refunds") return method === "GET" ? this.listRefunds(form) : this.refund(form)
    if (id === undefined) return this.create(form)
    const intent = this.intents.get(id)
    if (intent === undefined)
      return {
        status: 404,
        body: { error: { type: "invalid_request_error", code: "resource_missing", message: "no" } }
      }
    if (action === "confirm") return this.confirm(intent, form.get("payment_method") ?? "")
    if (action === "capture") return this.move(intent, "requires_capture", "succeeded")
    if (action === "cancel") {
      if (intent.status === "succeeded") return wrongState
      intent.status = "canceled"
    }
    return { status: 200, body: intent }
  }

  private create(form: URLSearchParams): Reply {
    const intent: FakeIntent = {
      id: `pi_${this.intents.size + 1}`,
      object: "payment_intent",
      amount: Number(form.get("amount")),
      currency: form.get("currency") ?? "",
      capture_method: form.get("capture_method") === "manual" ? "manual" : "automatic",
      metadata: {},
      status: "requires_payment_method",
      cancellation_reason: null,
      last_payment_error: null
    }
    this.intents.set(intent.id, intent)
    return { status: 200, body: intent }
  }

  private confirm(intent: FakeIntent, means: string): Reply {
    if (intent.status !== "requires_payment_method") return wrongState
    if (means === "pm_declined" || means === "pm_action") {
      const decline_code = means === "pm_declined" ? "insufficient_funds" : "authentication_required"
      intent.last_payment_error = { type: "card_error", code: "card_declined", decline_code }
      return cardError(decline_code)
    }
    intent.status = "requires_capture"
    return { status: 200, body: intent }
  }

  private move(intent: FakeIntent, from: FakeIntent["status"], to: FakeIntent["status"]): Reply {
    if (intent.status !== from) return wrongState
    intent.status = to
    return { status: 200, body: intent }
  }

  private refund(form: URLSearchParams): Reply {
    const refund: FakeRefund = {
      id: `re_${this.refunds.length + 1}`,
      object: "refund",
      amount: Number(form.get("amount")),
      payment_intent: form.get("payment_intent") ?? "",
      metadata: { refund_id: form.get("metadata[refund_id]") ?? "" },
      status: "succeeded"
    }
    this.refunds.push(refund)
    return { status: 200, body: refund }
  }

  private listRefunds(form: URLSearchParams): Reply {
    const data = this.refunds.filter((each) => each.payment_intent === form.get("payment_intent"))
    return { status: 200, body: { object: "list", url: "/v1/refunds", has_more: false, data } }
  }
}
