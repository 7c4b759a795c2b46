import pg from "pg"
import { onTestFinished } from "vitest"
import { RestClient } from "../../src/client/RestClient.ts"
import { processAdmin, type ServerProcess } from "./ServerProcess.ts"

/** What became of what was posted. */
export interface Posted {
  /** E-mail addresses of the drivers whose making was answered with 201, sorted. */
  readonly answered: ReadonlyArray<string>
  /** Posts that got no answer, or one that is no promise of an effect. */
  readonly unanswered: number
}

/** Some people who make drivers over REST one after the other, as fast as they are answered, until the desk closes. */
export class BusyDesk {
  private readonly server: ServerProcess
  private readonly answered: Array<string> = []
  private unanswered = 0
  private isOpen = true
  private readonly posters: Promise<unknown>

  constructor(server: ServerProcess, posters: number) {
    this.server = server
    onTestFinished(() => {
      this.isOpen = false
    })
    const rest = new RestClient({ url: server.url })
    this.posters = rest
      .signIn(processAdmin.email, processAdmin.password)
      .then(({ access_token }) => Promise.all(Array.from({ length: posters }, (_, i) => this.post(i, access_token))))
  }

  get answeredSoFar(): number {
    return this.answered.length
  }

  /** Nobody posts any more; waits for what is under way. */
  async close(): Promise<Posted> {
    this.isOpen = false
    await this.posters
    return { answered: this.answered.toSorted(), unanswered: this.unanswered }
  }

  /** E-mail addresses of the drivers that were made, sorted. */
  async effects(databaseUrl: string): Promise<ReadonlyArray<string>> {
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    try {
      const { rows } = await client.query<{ email: string }>("SELECT email FROM users WHERE email LIKE 'desk-%'")
      return rows.map(({ email }) => email).toSorted()
    } finally {
      await client.end()
    }
  }

  private async post(poster: number, token: string): Promise<void> {
    for (let i = 0; this.isOpen; i++) {
      const email = `desk-${poster}-${i}@promise.example`
      const status = await this.status(email, token)
      if (status === 201) this.answered.push(email)
      else {
        this.unanswered++
        // Nobody is there any more, or soon: one more try each tenth of a second is enough.
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }

  /** The answer's status; 0 when there was none. */
  private async status(email: string, token: string): Promise<number> {
    try {
      const answer = await fetch(`${this.server.url}/v1/drivers`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ email, name: "Desk Driver" })
      })
      await answer.arrayBuffer()
      return answer.status
    } catch {
      return 0 // the connection was refused or cut
    }
  }
}
