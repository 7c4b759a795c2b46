import { expect, it } from "vitest"
import { DeliveryByRest, Phone } from "../../kit/DeliveryByRest.ts"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { call } from "../../kit/RestCaller.ts"
import { quietPort, ServerProcess } from "../../kit/ServerProcess.ts"
import { serverServices } from "../../kit/ServerServices.ts"
import { until } from "../../kit/Until.ts"

const residents = (node: ServerProcess) => node.metric("effect_cluster_entities", 'type="Shipment"')

it("shipments are spread over two nodes of actors, and when one is killed the other has them all", {
  timeout: 240_000
}, async () => {
  const { environment, databaseUrl } = await serverServices()
  const shared = { ...environment, CLUSTER: "shared" }
  const runner = async (name: string) => {
    const address = `127.0.0.1:${await quietPort()}`
    return ServerProcess.start({ ...shared, NODE_NAME: name, CLUSTER_ADDRESS: address }, ["--roles", "actors"])
  }
  const [one, two] = [await runner("one"), await runner("two")]
  const front = await ServerProcess.start({ ...shared, NODE_NAME: "front" }, ["--roles", "gateway,api"])
  const staff = await DeliveryByRest.open(front.url)
  const couriers = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const driver = await staff.driver()
      const phone = await Phone.connect(front.url.replace("http", "ws"), driver.token)
      const { shipmentId } = await staff.order()
      return { driver, phone, shipmentId }
    })
  )
  // Until every shard has found its node an answer may be 503 with a time to come back, which is what clients do.
  for (const { driver, shipmentId } of couriers)
    await until(
      "the shipment to be assigned",
      () =>
        call(front.url, "POST", `/v1/shipments/${shipmentId}/assign`, {
          token: staff.token,
          body: { driver_id: driver.id }
        }),
      ({ status }) => status === 200,
      60_000
    )
  const spread = [await residents(one), await residents(two)]
  expect(spread[0]).toBeGreaterThan(0)
  expect(spread[1]).toBeGreaterThan(0)
  expect((spread[0] ?? 0) + (spread[1] ?? 0)).toBe(12)
  expect(await residents(front)).toBe(0)

  await Promise.all(couriers.map(({ phone }) => phone.work("en_route_to_pickup", "at_pickup")))
  await two.kill9()
  // A phone whose command finds no actor is told to send it again, under the same id.
  await Promise.all(couriers.map(({ phone }) => phone.insist("picked_up", "en_route", "arrived", "delivered")))
  const ended = await Promise.all(
    couriers.map(async ({ shipmentId }) => {
      const { body } = await call<{ status: string }>(front.url, "GET", `/v1/shipments/${shipmentId}`, {
        token: staff.token
      })
      return body.status
    })
  )
  expect(ended).toEqual(ended.map(() => "delivered"))
  expect(await residents(one)).toBe(12)
  expect(await foldProblems(databaseUrl)).toEqual([])
})
