import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { type AddressFields, AddressRepo, type AddressRow } from "../../persistence/customers/AddressRepo.ts"
import { newId } from "../../persistence/NewId.ts"
import { Api } from "../Api.ts"
import { idCursor } from "../Cursor.ts"
import { etagOf, expectedVersion, versioned } from "../ETag.ts"
import { Idempotency } from "../Idempotency.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Problem } from "../Problem.ts"
import { Address } from "./AddressesApi.ts"
import { addressFields } from "./AddressField.ts"
import { ownCustomerId } from "./OwnCustomer.ts"

const addressCursor = idCursor("customers.addresses")

const showAddress = ({ version: _, ...address }: AddressRow): typeof Address.Type => address

/** Handlers of AddressesApi. */
export const AddressesHttp = HttpApiBuilder.group(
  Api,
  "addresses",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const addresses = yield* AddressRepo

    return handlers.handleAll({
      list: Effect.fn("AddressesHttp.list")(function* ({ query }) {
        const customerId = yield* ownCustomerId
        const limit = query.limit ?? limits.listLimitDefault
        const after = yield* addressCursor.read(query.cursor)
        const rows = yield* scope.run(addresses.list(customerId, after, limit + 1))
        return addressCursor.page(rows, limit, (row) => row.id, showAddress)
      }),
      create: Effect.fn("AddressesHttp.create")(function* ({ payload }) {
        const customerId = yield* ownCustomerId
        const made = Effect.gen(function* () {
          if ((yield* addresses.count(customerId)) >= limits.addressesPerCustomerMax)
            return yield* new Problem({ code: "too_many_addresses" })
          return showAddress(yield* addresses.insert(yield* newId, customerId, addressFields(payload), true))
        })
        const headers = () => ({ etag: etagOf(1) })
        return yield* idempotency.once({ status: 201, success: Address, headers }, made)
      }),
      get: Effect.fn("AddressesHttp.get")(function* ({ params }) {
        const address = yield* scope.run(addresses.get(yield* ownCustomerId, params.id))
        return versioned(address.version, showAddress(address))
      }),
      update: Effect.fn("AddressesHttp.update")(function* ({ params, payload, headers }) {
        const customerId = yield* ownCustomerId
        const version = yield* expectedVersion(headers["if-match"])
        const change: Partial<AddressFields> = payload
        const address = yield* scope.run(addresses.update(customerId, params.id, change, version))
        return versioned(address.version, showAddress(address))
      }),
      remove: Effect.fn("AddressesHttp.remove")(function* ({ params, headers }) {
        const customerId = yield* ownCustomerId
        const version = yield* expectedVersion(headers["if-match"])
        yield* scope.run(addresses.remove(customerId, params.id, version))
      })
    })
  })
)
