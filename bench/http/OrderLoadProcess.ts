import { randomUUID } from "node:crypto"
import { answer } from "../process/Answering.ts"
import { HttpSocket } from "./HttpSocket.ts"
import { orderedBy, orderedItems, placeOf } from "./OrderedThings.ts"
import type { Buyer, OrderOperations, OrderPlan, OrderResult, OrderSpan } from "./OrderOperations.ts"
import { placeOrders } from "./OrderPace.ts"

let plan: OrderPlan | undefined
const free: Array<HttpSocket> = []
const waiting: Array<(socket: HttpSocket) => void> = []

const take = (): Promise<HttpSocket> => {
  const socket = free.pop()
  return socket === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(socket)
}

const giveBack = (socket: HttpSocket): void => {
  const next = waiting.shift()
  if (next === undefined) free.push(socket)
  else next(socket)
}

// Each customer comes from an address of their own, as they do, so that no quota of one address is met.
const requestOf = (n: number, buyer: Buyer, productIds: ReadonlyArray<string>): Buffer => {
  const items = orderedItems(n, productIds).map(({ productId, quantity }) => ({
    product_id: `prd_${productId}`,
    quantity
  }))
  const body = JSON.stringify({ items, ...placeOf(n), channel: "app", submit: true })
  const address = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
  return Buffer.from(
    `POST /v1/orders HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${buyer.token}\r\ncontent-type: application/json\r\n` +
      `idempotency-key: ${randomUUID()}\r\nx-forwarded-for: ${address}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

const place = async (n: number): Promise<string | undefined> => {
  if (plan === undefined) return "not opened"
  const { buyers, productIds } = plan
  const socket = await take()
  try {
    const status = await socket.ask(requestOf(n, orderedBy(n, buyers), productIds))
    return status === 201 ? undefined : `status ${status}`
  } finally {
    giveBack(socket)
  }
}

// The server ends connections that are silent for some seconds, as they are while the other contestant has its turn.
const run = async (span: OrderSpan): Promise<OrderResult> => {
  if (plan === undefined) throw new Error("not opened")
  const { atOnce, port } = plan
  const sockets = await Promise.all(Array.from({ length: atOnce }, () => HttpSocket.connect(port)))
  free.splice(0, free.length, ...sockets)
  const result = await placeOrders(place, atOnce, span)
  for (const socket of sockets) socket.end()
  return result
}

answer({
  open: async (opened) => {
    plan = opened
  },
  run,
  close: async () => {}
} satisfies OrderOperations)
