import { useSyncExternalStore } from "react"

/** What the console shows, as its address says it. */
export type Route =
  | { readonly page: "fleet"; readonly driverId: string | undefined }
  | { readonly page: "orders"; readonly orderId: string | undefined }
  | { readonly page: "newOrder" }

const root = "/console"

/** The route of a path; an address that means nothing is the fleet. */
export const readRoute = (path: string): Route => {
  const [page, id] = path
    .slice(root.length + 1)
    .split("/")
    .filter((part) => part !== "")
  if (page === "drivers") return { page: "fleet", driverId: id }
  if (page !== "orders") return { page: "fleet", driverId: undefined }
  return id === "new" ? { page: "newOrder" } : { page: "orders", orderId: id }
}

/** The path of a route. */
export const routePath = (route: Route): string => {
  switch (route.page) {
    case "fleet":
      return route.driverId === undefined ? root : `${root}/drivers/${route.driverId}`
    case "orders":
      return route.orderId === undefined ? `${root}/orders` : `${root}/orders/${route.orderId}`
    case "newOrder":
      return `${root}/orders/new`
  }
}

const listeners = new Set<() => void>()

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  addEventListener("popstate", listener)
  return () => {
    listeners.delete(listener)
    removeEventListener("popstate", listener)
  }
}

/** Goes somewhere, as a step that the browser can take back. */
export const go = (route: Route): void => {
  const path = routePath(route)
  if (path !== location.pathname) history.pushState(null, "", path)
  for (const listener of listeners) listener()
}

let known = { path: "", route: readRoute("") }

const current = (): Route => {
  if (known.path !== location.pathname) known = { path: location.pathname, route: readRoute(location.pathname) }
  return known.route
}

/** Where the console is now. */
export const useRoute = (): Route => useSyncExternalStore(subscribe, current)
