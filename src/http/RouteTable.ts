import { HttpApi } from "effect/http-api"
import { Api } from "./Api.ts"

/** One route: its method and its template, such as `/v1/drivers/:id`. */
export interface Route {
  readonly method: string
  readonly template: string
}

/** Where the contract and its page are served. */
export const openApiPath = "/openapi.json"

/** The page that shows the contract. */
export const docsPath = "/docs"

const reflected = (): ReadonlyArray<Route> => {
  const routes: Array<Route> = []
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => void routes.push({ method: endpoint.method, template: endpoint.path })
  })
  return routes
}

/** Every route of REST. */
export const routes: ReadonlyArray<Route> = [
  ...reflected(),
  { method: "GET", template: openApiPath },
  { method: "GET", template: docsPath }
]

const patternOf = (template: string): RegExp => {
  const path = template.length > 1 ? template.replace(/\/$/, "") : template
  return new RegExp(`^${path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:[A-Za-z]+/g, "[^/]+")}/?$`)
}

const compiled = routes.map((route) => ({ ...route, pattern: patternOf(route.template) }))

/** Which methods a path knows; none for a path that no route has. GET answers HEAD, too. */
export const methodsOf = (path: string): ReadonlyArray<string> => {
  const methods = new Set(compiled.filter((route) => route.pattern.test(path)).map((route) => route.method))
  if (methods.has("GET")) methods.add("HEAD")
  return [...methods].sort()
}
