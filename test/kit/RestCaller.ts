import { testAdmin } from "./RestServer.ts"

/** An answer with its body read. */
export interface Answer<Body = Record<string, unknown>> {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: Body
}

/** What to send besides method and path. */
export interface CallOptions {
  readonly token?: string | undefined
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends one request; `body` is sent as JSON unless it is a string already. */
export const call = async <Body = Record<string, unknown>>(
  url: string,
  method: string,
  path: string,
  options: CallOptions = {}
): Promise<Answer<Body>> => {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.body === undefined ? {} : { "content-type": "application/json" }),
      ...options.headers
    },
    ...(options.body === undefined
      ? {}
      : { body: typeof options.body === "string" ? options.body : JSON.stringify(options.body) })
  })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get("content-type") ?? "")
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: (isJson && text !== "" ? JSON.parse(text) : {}) as Body
  }
}

/** What a login answers. */
export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in_s: number
  readonly user: { readonly id: string; readonly email: string; readonly role: string }
}

/** Logs in and fails loudly if that is refused. */
export const login = async (url: string, email: string, password: string): Promise<Tokens> => {
  const answer = await call<Tokens>(url, "POST", "/v1/auth/login", { body: { email, password } })
  if (answer.status !== 200) throw new Error(`login of ${email} was answered ${answer.status}: ${answer.text}`)
  return answer.body
}

/** The seeded administrator's access token. */
export const adminToken = async (url: string): Promise<string> =>
  (await login(url, testAdmin.email, testAdmin.password)).access_token

let counter = 0

/** An address that no other caller of this process has. */
export const freshEmail = (): string => `person${++counter}-${process.pid}@test.example`

/** A registered customer. */
export const newCustomer = async (
  url: string
): Promise<Tokens & { readonly email: string; readonly password: string }> => {
  const email = freshEmail()
  const password = "a customer's password"
  await call(url, "POST", "/v1/auth/register", { body: { email, password, name: "Customer" } })
  return { ...(await login(url, email, password)), email, password }
}

/** A driver made by an administrator, with a provisioned token. */
export const newDriver = async (url: string, admin: string, name = "Driver") => {
  const made = await call<{ id: string; user_id: string }>(url, "POST", "/v1/drivers", {
    token: admin,
    body: { email: freshEmail(), name }
  })
  if (made.status !== 201) throw new Error(`making a driver was answered ${made.status}: ${made.text}`)
  const issued = await call<{ access_token: string }>(url, "POST", `/v1/drivers/${made.body.id}/tokens`, {
    token: admin,
    body: {}
  })
  return { id: made.body.id, userId: made.body.user_id, token: issued.body.access_token }
}

/** Somebody who registered and was granted a role since. */
export const withRole = async (url: string, admin: string, role: "dispatcher" | "support" | "admin") => {
  const customer = await newCustomer(url)
  const granted = await call(url, "POST", `/v1/users/${customer.user.id}/roles`, { token: admin, body: { role } })
  if (granted.status !== 200) throw new Error(`granting ${role} was answered ${granted.status}: ${granted.text}`)
  return login(url, customer.email, customer.password)
}
