import { type FormEvent, useEffect, useRef, useState } from "react"
import { Problem } from "../../../src/client/Problem.ts"
import { Brand } from "../design/Brand.tsx"
import type { Session } from "./Session.ts"

/** What went wrong, in words that help. */
const wordsFor = (cause: unknown): string => {
  if (!(cause instanceof Problem)) return "The server cannot be reached. Check the connection and try again."
  if (cause.status === 401) return "E-mail and password do not match."
  if (cause.status === 429) {
    const seconds = Math.max(1, Math.ceil(cause.retryAfterMs / 1_000))
    return `Too many attempts. Try again in ${seconds} s.`
  }
  if (cause.status === 400 || cause.status === 422) return "That is not a valid e-mail address or password."
  return "The server could not sign you in right now. Try again in a moment."
}

interface SignInProps {
  readonly session: Session
  readonly reason: string | undefined
  readonly onSignedIn: () => void
}

/** The way in. */
export const SignIn = ({ session, reason, onSignedIn }: SignInProps) => {
  const [problem, setProblem] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const email = useRef<HTMLInputElement>(null)
  const password = useRef<HTMLInputElement>(null)
  useEffect(() => email.current?.focus(), [])

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (isBusy) return
    setBusy(true)
    setProblem(undefined)
    try {
      await session.signIn(email.current?.value.trim() ?? "", password.current?.value ?? "")
      onSignedIn()
    } catch (cause) {
      setProblem(wordsFor(cause))
      setBusy(false)
      password.current?.select()
    }
  }

  return (
    <main className="sign-in">
      <form className="panel sign-in-form" onSubmit={submit} noValidate>
        <Brand />
        <div>
          <h1>Sign in to dispatch</h1>
          <p className="muted">Watch your fleet and its deliveries as they happen.</p>
        </div>
        {reason !== undefined && problem === undefined ? <p className="notice">{reason}</p> : null}
        <label className="field">
          E-mail
          <input ref={email} className="input" type="email" name="email" autoComplete="username" required />
        </label>
        <label className="field">
          Password
          <input
            ref={password}
            className="input"
            type="password"
            name="password"
            autoComplete="current-password"
            required
          />
        </label>
        <div aria-live="assertive">
          {problem === undefined ? null : <p className="notice notice-danger">{problem}</p>}
        </div>
        <button className="button button-primary" type="submit" disabled={isBusy}>
          {isBusy ? "Signing in" : "Sign in"}
        </button>
      </form>
    </main>
  )
}
