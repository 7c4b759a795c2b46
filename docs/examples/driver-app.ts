import { DriverClient } from "../../src/client/DriverClient.ts"
import { fileDriverStore } from "../../src/client/FileDriverStore.ts"
import { RestClient } from "../../src/client/RestClient.ts"

type Stop = { readonly lat: number; readonly lng: number }
type Task = { readonly assignment_id: string; readonly fencing_token: number; readonly stops: readonly [Stop, Stop] }
const [url = "http://127.0.0.1:8080", email = "", password = ""] = process.argv.slice(2)
const rest = new RestClient({ url })
const app = new DriverClient({
  url: `${url.replace(/^http/, "ws")}/v1/driver`,
  token: async () => (await rest.login(email, password)).access_token,
  store: fileDriverStore(".dropmate/driver-app.journal")
})
app.on("state", ({ state, stop }) => console.log("state", state, stop ?? ""))
const firstTask = new Promise<Task>((found) => app.on("tasks", ({ tasks }) => tasks[0] && found(tasks[0] as Task)))
await app.start()
await app.duty("on")
const { assignment_id: id, fencing_token: token, stops } = await firstTask
const step = async (action: string, payload = {}) =>
  console.log(action, (await app.task(id, token, action, payload)).ok ? "done" : "refused")
for (const action of ["en_route_to_pickup", "at_pickup", "picked_up", "en_route"]) await step(action)
for (let i = 0; i <= 20; i++) {
  const lat = stops[0].lat + ((stops[1].lat - stops[0].lat) * i) / 20
  app.report({ recordedAt: Date.now() - (20 - i) * 1_000, lat, lng: stops[0].lng, speedMps: 11 })
}
await step("arrived")
await step("delivered", { proof: { type: "note", value: "with the neighbour" } })
await app.flushed()
console.log("every point is in the database, waiting:", app.pending)
await app.stop()
