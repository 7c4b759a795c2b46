import { useEffect, useRef, useState } from "react"
import { Problem } from "../../../src/client/Problem.ts"
import type { Page } from "../../../src/client/RestClient.ts"
import type { Money } from "../../../src/domain/Money.ts"
import type { FleetMap } from "../fleet/FleetMap.ts"
import { go } from "../fleet/Route.ts"
import type { Session } from "../fleet/Session.ts"
import {
  type DraftFaults,
  emptyDraft,
  faultsOf,
  faultsOfServer,
  type OrderDraft,
  orderBody,
  placeOf
} from "./OrderDraft.ts"
import { isUndecided, problemWords } from "./ProblemWords.ts"

/** A product that can be ordered. */
export interface ProductChoice {
  readonly id: string
  readonly name: string
  readonly price: Money
  readonly stock: number
}

/** Products, as far as they are known. */
export type Products = ReadonlyArray<ProductChoice> | "loading" | "failed"

const productsMax = 200
/** A place that was clicked is given to about a decimetre. */
const placeDigits = 6

const useProducts = (session: Session): Products => {
  const [products, setProducts] = useState<Products>("loading")
  useEffect(() => {
    let isCurrent = true
    session.rest.get<Page<ProductChoice>>("/v1/products", { limit: productsMax }).then(
      ({ data }) => {
        if (isCurrent) setProducts(data)
      },
      () => {
        if (isCurrent) setProducts("failed")
      }
    )
    return () => {
      isCurrent = false
    }
  }, [session])
  return products
}

/** Which of the two places the next click on the map is. */
export type PlaceName = "dropoff" | "pickup"

const usePlacing = (
  map: FleetMap | undefined,
  draft: OrderDraft,
  placing: PlaceName,
  change: (part: Partial<OrderDraft>) => void
): void => {
  const latest = useRef(change)
  latest.current = change
  useEffect(() => {
    map?.place(({ lat, lng }) => {
      const [north, east] = [lat.toFixed(placeDigits), lng.toFixed(placeDigits)]
      latest.current(placing === "dropoff" ? { lat: north, lng: east } : { pickupLat: north, pickupLng: east })
    })
    return () => map?.place(undefined)
  }, [map, placing])
  const { lat, lng, pickupLat, pickupLng } = draft
  useEffect(() => {
    map?.mark({ dropoff: placeOf(lat, lng), pickup: placeOf(pickupLat, pickupLng) })
    return () => map?.mark(undefined)
  }, [map, lat, lng, pickupLat, pickupLng])
}

/** The form for a new order. */
export const useNewOrder = (session: Session, map: FleetMap | undefined, onPlaced: () => void) => {
  const [draft, setDraft] = useState(emptyDraft)
  const [placing, setPlacing] = useState<PlaceName>("dropoff")
  const [faults, setFaults] = useState<DraftFaults>({})
  const [problem, setProblem] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const sent = useRef({ content: "", key: "" })
  const products = useProducts(session)
  const change = (part: Partial<OrderDraft>): void => setDraft((before) => ({ ...before, ...part }))
  usePlacing(map, draft, placing, change)

  const send = async (): Promise<void> => {
    const found = faultsOf(draft)
    setFaults(found)
    setProblem(undefined)
    if (Object.keys(found).length > 0 || isBusy) return
    const body = orderBody(draft)
    const content = JSON.stringify(body)
    // The same order sent again, after no answer came, is the same order.
    if (sent.current.content !== content) sent.current = { content, key: crypto.randomUUID() }
    setBusy(true)
    try {
      const { id } = await session.rest.post<{ readonly id: string }>("/v1/orders", body, sent.current.key)
      onPlaced()
      go({ page: "orders", orderId: id })
    } catch (cause) {
      if (!isUndecided(cause)) sent.current = { content: "", key: "" }
      const told = cause instanceof Problem ? faultsOfServer(cause.errors) : {}
      setFaults(told)
      if (Object.keys(told).length === 0) setProblem(problemWords(cause))
      setBusy(false)
    }
  }
  return { draft, change, placing, setPlacing, faults, problem, isBusy, products, send }
}

/** What the parts of the form share. */
export type NewOrder = ReturnType<typeof useNewOrder>
