import { expect, it } from "vitest"
import { readServerRoles, rolesRefusal } from "../../../src/cli/serve/ServerRoles.ts"
import { TrackingServerFrame } from "../../../src/protocol/FrameType.ts"
import { DeliveryByRest, Phone } from "../../kit/DeliveryByRest.ts"
import { EventSource } from "../../kit/EventSource.ts"
import { call } from "../../kit/RestCaller.ts"
import { ServerProcess } from "../../kit/ServerProcess.ts"
import { serverServices } from "../../kit/ServerServices.ts"
import { watchOrder } from "../../kit/TrackingWatch.ts"
import { until } from "../../kit/Until.ts"
import { UpgradeRefused, WireClient } from "../../kit/WireClient.ts"

it("takes every set of roles in which somebody can reach the actors", () => {
  const alone = { cluster: "alone", clusterAddress: undefined } as const
  const shared = { cluster: "shared", clusterAddress: { host: "10.0.0.5", port: 34_431 } } as const
  const refusalOf = (text: string) => rolesRefusal(readServerRoles(text) ?? new Set(), alone)
  const taken = [
    "gateway",
    "api",
    "worker",
    "gateway,api",
    "gateway,worker",
    "api,worker",
    "gateway,actors",
    "api,actors"
  ]
  expect(taken.map(refusalOf)).toEqual(taken.map(() => undefined))
  expect(["actors", "actors,worker"].map(refusalOf)).toEqual([
    expect.stringContaining("the role actors"),
    expect.stringContaining("the role actors")
  ])
  const inCluster = (text: string, env: Parameters<typeof rolesRefusal>[1]) =>
    rolesRefusal(readServerRoles(text) ?? new Set(), env)
  expect(["actors", "actors,worker", "gateway", "api,actors"].map((text) => inCluster(text, shared))).toEqual(
    Array.from({ length: 4 }, () => undefined)
  )
  expect(inCluster("actors", { ...shared, clusterAddress: undefined })).toContain("CLUSTER_ADDRESS")
  expect(inCluster("api", { ...shared, clusterAddress: undefined })).toBeUndefined()
})

const probes = async ({ url }: ServerProcess) => {
  const readyz = await call<{ checks: ReadonlyArray<{ name: string; ok: boolean }> }>(url, "GET", "/readyz")
  const metrics = await call(url, "GET", "/metrics")
  return {
    livez: (await call(url, "GET", "/livez")).body,
    checks: readyz.body.checks.map(({ name, ok }) => `${name} ${ok}`),
    metrics: new Set([...metrics.text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)),
    contentType: metrics.headers.get("content-type")
  }
}

const refused = async (url: string) => {
  const answer = await WireClient.open(url).catch((error: unknown) => error)
  return answer instanceof UpgradeRefused ? [answer.status, answer.body.code] : answer
}

it("a delivery goes through a gateway node, an api node and a worker node on one database and Redis", {
  timeout: 240_000
}, async () => {
  const { environment } = await serverServices()
  const start = (role: string) => ServerProcess.start({ ...environment, NODE_NAME: role }, ["--roles", role])
  const [gateway, api, worker] = [await start("gateway"), await start("api"), await start("worker")]
  const staff = await DeliveryByRest.open(api.url)
  const driver = await staff.driver()
  const phone = await Phone.connect(gateway.url.replace("http", "ws"), driver.token)
  const { orderId, shipmentId } = await staff.order()
  const token = await staff.link(orderId)
  const page = await watchOrder(gateway.url.replace("http", "ws"), { token })
  const stream = await EventSource.open(`${api.url}/v1/tracking/events`, { authorization: `Bearer ${token}` })
  if (!(stream instanceof EventSource)) throw new Error(`no stream but ${JSON.stringify(stream)}`)
  await page.next(TrackingServerFrame.snapshot)
  await stream.next("snapshot")

  await staff.assign(shipmentId, driver.id)
  await phone.work("en_route_to_pickup", "at_pickup", "picked_up", "en_route")
  await phone.move(48.201, 16.361)
  const place = [482_010_000, 163_610_000]
  await until(
    "the place on the gateway's socket",
    () => page.of(TrackingServerFrame.position).map((frame) => frame.slice(2, 4)),
    (places) => places.some(([lat, lng]) => lat === place[0] && lng === place[1])
  )
  await until(
    "the place on the api node's stream",
    () => stream.events.filter(({ name }) => name === "position").map(({ data }) => [data.latE7, data.lngE7]),
    (places) => places.some(([lat, lng]) => lat === place[0] && lng === place[1])
  )
  await phone.work("arrived", "delivered")
  const isDelivered = (types: ReadonlyArray<unknown>) => types.includes("shipment.delivered")
  await until("the end on the socket", () => page.of(TrackingServerFrame.event).map((frame) => frame[2]), isDelivered)
  await until("the end on the stream", () => stream.events.map(({ data }) => data.type), isDelivered)

  const [onGateway, onApi, onWorker] = [await probes(gateway), await probes(api), await probes(worker)]
  for (const probe of [onGateway, onApi, onWorker]) {
    expect(probe.livez).toEqual({ status: "ok" })
    expect(probe.contentType).toContain("application/openmetrics-text")
  }
  expect(onGateway.checks).toEqual(["database true", "revocations true"])
  expect(onApi.checks).toEqual(["database true", "revocations true"])
  expect(onWorker.checks).toEqual(["database true"])
  const measured = ["dropmate_sockets", "dropmate_ingest_points_committed", "dropmate_order_channels"]
  expect(measured.map((name) => onGateway.metrics.has(name))).toEqual([true, true, true])
  expect(measured.map((name) => onApi.metrics.has(name))).toEqual([false, false, true])
  expect(measured.map((name) => onWorker.metrics.has(name))).toEqual([false, false, false])

  for (const node of [api, worker]) {
    const url = node.url.replace("http", "ws")
    for (const path of ["/v1/driver", "/v1/track", "/v1/fleet"])
      expect(await refused(`${url}${path}`)).toEqual([421, "not_served_here"])
    expect(await refused(`${url}/v1/elsewhere`)).toEqual([404, "not_found"])
  }
  expect((await call(api.url, "GET", "/console")).status).toBe(200)
  for (const node of [gateway, worker]) {
    const answer = await call<{ code: string; detail: string }>(node.url, "GET", "/v1/orders", { token: staff.token })
    expect([answer.status, answer.body.code]).toEqual([421, "not_served_here"])
    expect(answer.body.detail).toContain("ask one that has the role api")
    expect(answer.headers.get("content-type")).toContain("application/problem+json")
  }
})
