import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Effect } from "effect"
import { writeAtomically } from "./AtomicFile.ts"
import type { Home } from "./Home.ts"

/** The loopback port if it can be bound now (0: any that is free), else undefined. */
const bindable = (port: number): Effect.Effect<number | undefined> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.undefined))
    server.listen(port, "127.0.0.1", () => {
      const address = server.address()
      server.close(() =>
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : undefined))
      )
    })
  })

const fileOf = (home: Home, server: string): string => join(home.root, "ports", server)

/** The port `server` had in this home before, if it is free now, else another free one. Bound by nobody yet: the server may still lose it. */
export const stablePort = (home: Home, server: string): Effect.Effect<number> =>
  Effect.gen(function* () {
    const path = fileOf(home, server)
    const before = existsSync(path) ? Number(readFileSync(path, "utf8")) : 0
    const port = (Number.isInteger(before) && before > 0 ? yield* bindable(before) : undefined) ?? (yield* bindable(0))
    return port ?? (yield* Effect.die(new Error("no loopback port is free")))
  })

/** Remembers the port for the next start. */
export const keepPort = (home: Home, server: string, port: number): Effect.Effect<void> =>
  Effect.sync(() => {
    mkdirSync(join(home.root, "ports"), { recursive: true })
    writeAtomically(fileOf(home, server), String(port), 0o644)
  })
