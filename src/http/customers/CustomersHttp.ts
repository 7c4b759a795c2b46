import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { CustomerRepo, type CustomerRow } from "../../persistence/customers/CustomerRepo.ts"
import { Api } from "../Api.ts"
import { idCursor } from "../Cursor.ts"
import { expectedVersion, versioned } from "../ETag.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import type { Customer } from "./CustomersApi.ts"
import { ownCustomerId } from "./OwnCustomer.ts"

const customerCursor = idCursor("customers")

const showCustomer = ({ version: _, ...customer }: CustomerRow): typeof Customer.Type => customer

/** Handlers of CustomersApi. */
export const CustomersHttp = HttpApiBuilder.group(
  Api,
  "customers",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const customers = yield* CustomerRepo

    return handlers.handleAll({
      me: Effect.fn("CustomersHttp.me")(function* () {
        const customer = yield* scope.run(customers.get(yield* ownCustomerId))
        return versioned(customer.version, showCustomer(customer))
      }),
      updateMe: Effect.fn("CustomersHttp.updateMe")(function* ({ payload, headers }) {
        const id = yield* ownCustomerId
        const version = yield* expectedVersion(headers["if-match"])
        const customer = yield* scope.run(customers.update(id, payload, version))
        return versioned(customer.version, showCustomer(customer))
      }),
      list: Effect.fn("CustomersHttp.list")(function* ({ query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const after = yield* customerCursor.read(query.cursor)
        const rows = yield* scope.run(customers.list(after, limit + 1))
        return customerCursor.page(rows, limit, (row) => row.id, showCustomer)
      }),
      get: Effect.fn("CustomersHttp.get")(function* ({ params }) {
        const customer = yield* scope.run(customers.get(params.id))
        return versioned(customer.version, showCustomer(customer))
      })
    })
  })
)
