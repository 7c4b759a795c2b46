import { DriverClient } from "../../src/client/DriverClient.ts"
import { fileDriverStore } from "../../src/client/FileDriverStore.ts"
import { RestClient } from "../../src/client/RestClient.ts"

const [url = "http://127.0.0.1:8080", email = "", password = ""] = process.argv.slice(2)
const rest = new RestClient({ url })
const app = new DriverClient({
  url: `${url.replace(/^http/, "ws")}/v1/driver`,
  token: async () => (await rest.login(email, password)).access_token,
  store: fileDriverStore(".dropmate/driver-app.journal")
})
app.on("state", ({ state, stop }) => console.log("state", state, stop ?? ""))
app.on("tokenFailed", ({ cause }) => console.log("not signed in:", String(cause)))
app.on("acked", ({ seq, pending }) => console.log("in the database up to", seq, "- waiting", pending))
await app.start()
await app.duty("on")
for (let i = 0; i < 20; i++) {
  app.report({ recordedAt: Date.now() - (20 - i) * 1_000, lat: 52.52 + i * 1e-4, lng: 13.405, speedMps: 11 })
}
await app.flushed()
await app.stop()
