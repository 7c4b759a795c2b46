import { type AddressInfo, createServer, type Socket } from "node:net"
import { afterEach, expect, test } from "vitest"
import { NatsSocket } from "../../bench/fanout/NatsSocket.ts"

const ends: Array<() => void> = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** What a connection heard of a server that says `said`, a few bytes at a time, and what it answered. */
const heard = async (said: string, pieceBytes: number, until: RegExp): Promise<string> => {
  let story = ""
  let isOver: () => void = () => {}
  const over = new Promise<void>((resolve) => {
    isOver = resolve
  })
  const tell = (text: string): void => {
    story += `${text};`
    if (until.test(story)) isOver()
  }
  const sayAll = async (socket: Socket): Promise<void> => {
    for (let at = 0; at < said.length; at += pieceBytes) {
      await new Promise((resolve) => socket.write(said.slice(at, at + pieceBytes), resolve))
    }
  }
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    socket.on("data", (chunk) => tell(`answered ${chunk.toString().trim()}`))
    void sayAll(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const link = new NatsSocket("127.0.0.1", (server.address() as AddressInfo).port, {
    open: () => {},
    ponged: () => tell("pong"),
    payload: (bytes, start, end) => tell(bytes.toString("latin1", start, end)),
    end: tell
  })
  ends.push(
    () => link.destroy(),
    () => server.close()
  )
  await over
  return story
}

test.for([1, 3, 1_000])("messages are read whole, in pieces of %i bytes", async (pieceBytes) => {
  const said = "INFO {}\r\nPONG\r\nMSG 7 1 5\r\nMSG\r\n\r\nMSG 7 1 0\r\n\r\nMSG 12 3 3\r\nend\r\n"
  expect(await heard(said, pieceBytes, /end;/)).toBe("pong;MSG\r\n;;end;")
})

test("the server's PING is answered, and what it refuses is told", async () => {
  const story = await heard("PING\r\n-ERR 'Unknown Protocol Operation'\r\n", 1_000, /ERR.*answered|answered.*ERR/)
  expect(story).toContain("answered PONG")
  expect(story).toContain("-ERR 'Unknown Protocol Operation'")
})
