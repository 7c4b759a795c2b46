import { readFileSync } from "node:fs"
import { DriverClient } from "../../src/client/DriverClient.ts"
import { sha256Of, uploadFile } from "../../src/client/FileUpload.ts"
import { MessagesRest } from "../../src/client/MessagesRest.ts"
import { RestClient } from "../../src/client/RestClient.ts"

interface Task {
  readonly assignment_id: string
  readonly fencing_token: number
  readonly shipment_status: string
  readonly contact?: { readonly first_name: string; readonly thread_id: string }
}

// Delivers the parcel that the driver is at the door with: the photo's hash goes with the delivery, the photo after it.
const [url = "http://127.0.0.1:8080", email = "", password = "", photo = "door.jpg"] = process.argv.slice(2)
const rest = new RestClient({ url })
await rest.signIn(email, password)
const messages = new MessagesRest(rest)
const app = new DriverClient({
  url: `${url.replace(/^http/, "ws")}/v1/driver`,
  token: async () => (await rest.login(email, password)).access_token
})
const bytes = new Uint8Array(readFileSync(photo))
app.on("message", ({ message }) => console.log("message:", message.text))
const atTheDoor = new Promise<Task>((resolve) => {
  app.on("tasks", ({ tasks }) => {
    const task = (tasks as ReadonlyArray<Task>).find((each) => each.shipment_status === "arrived")
    if (task !== undefined) resolve(task)
  })
})
await app.start()
const { assignment_id, fencing_token, contact } = await atTheDoor
if (contact !== undefined) {
  const id = `msg_${crypto.randomUUID()}`
  await messages.write(contact.thread_id, { id, text: `I am at the door, ${contact.first_name}` })
}
const proof = { type: "photo", sha256: await sha256Of(bytes) }
console.log(await app.task(assignment_id, fencing_token, "delivered", { proof }))
console.log(await uploadFile(rest, { bytes, mime: "image/jpeg", purpose: "proof" }))
await app.stop()
