import type { LoggedEvent } from "../../client/DeliveryRest.ts"
import type { Finding } from "../fleet/Violation.ts"
import { customersTold, type Told } from "./checks/CustomersTold.ts"
import { foldedRows } from "./checks/FoldedRows.ts"
import { keptMessages, truthfulMessages } from "./checks/KeptMessages.ts"
import { keptPromises } from "./checks/KeptPromises.ts"
import { keptProofs } from "./checks/KeptProofs.ts"
import { keptAcceptances, keptReports } from "./checks/KeptReports.ts"
import { loggedEvents } from "./checks/LoggedEvents.ts"
import { moneyKept, paidStays } from "./checks/MoneyKept.ts"
import { orderEnds } from "./checks/OrderEnds.ts"
import { singleDriver } from "./checks/SingleDriver.ts"
import { type StockCount, stockKept } from "./checks/StockKept.ts"
import { wholeTimelines } from "./checks/WholeTimelines.ts"
import type { OrderFacts } from "./OrderFacts.ts"
import type { TownLedger } from "./TownLedger.ts"

/** Everything that is held against each other at the end of a run. */
export interface TownEvidence {
  readonly orders: ReadonlyArray<OrderFacts>
  readonly log: ReadonlyArray<LoggedEvent>
  readonly stock: ReadonlyArray<StockCount>
  readonly told: ReadonlyArray<Told>
  /** Hashes of the pictures whose upload was answered to be stored. */
  readonly pictures: ReadonlySet<string>
  readonly ledger: TownLedger
}

/** Everything that should not have happened; empty when all is well. */
export const auditTown = ({ orders, log, stock, told, pictures, ledger }: TownEvidence): ReadonlyArray<Finding> => [
  ...ledger.findings,
  ...orderEnds(orders),
  ...foldedRows(orders),
  ...singleDriver(orders),
  ...wholeTimelines(orders),
  ...loggedEvents(orders, log),
  ...keptReports(orders, ledger.receipts),
  ...keptProofs(orders, ledger.receipts, pictures),
  ...keptAcceptances(orders, ledger.acceptances),
  ...keptPromises([...ledger.orders.values()], orders),
  ...keptMessages(orders, ledger.written, log),
  ...truthfulMessages(orders, ledger.heard),
  ...moneyKept(orders, ledger),
  ...paidStays(ledger.paid, orders),
  ...stockKept(stock, orders),
  ...customersTold(told, orders)
]
