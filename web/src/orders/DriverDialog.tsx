import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react"
import { Dialog } from "../design/Dialog.tsx"
import type { FleetStore } from "../fleet/FleetStore.ts"
import type { Session } from "../fleet/Session.ts"
import { statusLooks } from "../fleet/Status.ts"
import { StatusSign } from "../fleet/StatusSign.tsx"
import type { BoardOrder } from "./BoardOrder.ts"
import { type Candidate, useCandidates } from "./DriverChoice.ts"
import type { QuestionProps } from "./OrderCommands.tsx"
import type { OrderView } from "./OrderView.ts"

interface DriverDialogProps extends QuestionProps {
  readonly store: FleetStore
  readonly session: Session
  readonly view: OrderView
  readonly orders: ReadonlyMap<string, BoardOrder>
  /** Who has the order: nobody is asked to take it from themselves. */
  readonly carrierId: string | undefined
}

/** More rows than this are found by search. */
const rowsMax = 60
const reasonCharsMax = 200

const distanceWords = (metres: number | undefined): string =>
  metres === undefined
    ? "Place not known"
    : metres < 950
      ? `${Math.max(50, Math.round(metres / 50) * 50)} m`
      : `${(metres / 1_000).toFixed(1)} km`

const loadWords = (load: number): string => (load === 0 ? "no orders" : load === 1 ? "1 order" : `${load} orders`)

const dutyWords: Readonly<Record<string, string>> = { on: "On duty", break: "On a break", off: "Off duty" }

const statusWords = ({ status, duty }: Candidate): string =>
  status === undefined ? (dutyWords[duty ?? ""] ?? "Not on the map") : statusLooks[status].label

/** Asks for a driver, or, for an offer, for none, one or several. */
export const DriverDialog = (props: DriverDialogProps) => {
  const { action, store, session, view, orders, carrierId, isBusy, problem, onAnswer, onCancel } = props
  const [query, setQuery] = useState("")
  const [active, setActive] = useState(0)
  const [reason, setReason] = useState("")
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set())
  const search = useRef<HTMLInputElement>(null)
  useEffect(() => search.current?.focus(), [])
  const isMany = action.need === "drivers"
  const isReasonAsked = action.isReasonNeeded && action.name === "reassign"
  const { pickup, delivery_address } = view.order
  const { lat, lng } = pickup ?? delivery_address
  const place = useMemo(() => ({ lat, lng }), [lat, lng])
  const all = useCandidates({ store, session, place, orders, query })
  const candidates = all.filter(({ id }) => id !== carrierId).slice(0, rowsMax)
  const at = Math.min(active, candidates.length - 1)
  const send = (): void => {
    const ids = [...picked]
    if (isMany) return onAnswer(ids.length === 0 ? {} : { driver_ids: ids })
    const [driver_id] = ids
    if (driver_id !== undefined) onAnswer(reason.trim() === "" ? { driver_id } : { driver_id, reason: reason.trim() })
  }
  const pick = (id: string): void => {
    const next = new Set(isMany ? picked : [])
    if (!picked.has(id)) next.add(id)
    setPicked(next)
  }
  const pressed = (event: KeyboardEvent): void => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key]
    const candidate = candidates[at]
    if (steps !== undefined) setActive(Math.max(0, Math.min(candidates.length - 1, at + steps)))
    else if (event.key === "Enter" && candidate !== undefined) pick(candidate.id)
    else return
    event.preventDefault()
  }
  const isReady = isMany || (picked.size > 0 && (!isReasonAsked || reason.trim() !== ""))
  return (
    <Dialog title={titles[action.name] ?? action.label} onClose={onCancel}>
      <div className="dialog-form">
        <p className="muted">{advice(isMany)}</p>
        <input
          ref={search}
          className="input"
          type="search"
          placeholder="Search drivers"
          aria-label="Search drivers"
          role="combobox"
          aria-expanded={candidates.length > 0}
          aria-controls="candidates"
          aria-activedescendant={candidates.length === 0 ? undefined : `candidate-${at}`}
          value={query}
          onKeyDown={pressed}
          onChange={(event) => {
            setQuery(event.target.value)
            setActive(0)
          }}
        />
        <CandidateList
          candidates={candidates}
          active={at}
          picked={picked}
          isMany={isMany}
          isSearched={query !== ""}
          onPick={pick}
        />
        {isReasonAsked ? <ReasonField reason={reason} onReason={setReason} /> : null}
        <div role="alert">{problem === undefined ? null : <p className="notice notice-danger">{problem}</p>}</div>
        <div className="dialog-buttons">
          <BackButton onClick={onCancel} />
          <button type="button" className="button button-primary" disabled={isBusy || !isReady} onClick={send}>
            {isBusy ? "One moment" : sendWords(action.label, isMany, candidates, picked)}
          </button>
        </div>
      </div>
    </Dialog>
  )
}

interface ReasonFieldProps {
  readonly reason: string
  readonly onReason: (reason: string) => void
}

const ReasonField = ({ reason, onReason }: ReasonFieldProps) => (
  <label className="field">
    Reason (the parcel is with the driver)
    <input
      className="input"
      name="reason"
      maxLength={reasonCharsMax}
      value={reason}
      onChange={(event) => onReason(event.target.value)}
    />
  </label>
)

const BackButton = ({ onClick }: { readonly onClick: () => void }) => (
  <button type="button" className="button" onClick={onClick}>
    Back
  </button>
)

const advice = (isMany: boolean): string =>
  isMany
    ? "The first who accepts has the order. Without a choice the nearest are asked."
    : "The best first: near, with few orders."

const titles: Readonly<Record<string, string>> = {
  assign: "Assign to a driver",
  reassign: "Give to another driver",
  offer: "Offer to drivers"
}

const sendWords = (
  label: string,
  isMany: boolean,
  candidates: ReadonlyArray<Candidate>,
  picked: ReadonlySet<string>
): string => {
  if (isMany && picked.size === 0) return "Offer to the nearest"
  if (isMany && picked.size > 1) return `Offer to ${picked.size} drivers`
  const chosen = candidates.find(({ id }) => picked.has(id))
  return chosen === undefined ? label : `${label} to ${chosen.name}`
}

interface CandidateListProps {
  readonly candidates: ReadonlyArray<Candidate>
  readonly active: number
  readonly picked: ReadonlySet<string>
  readonly isMany: boolean
  readonly isSearched: boolean
  readonly onPick: (id: string) => void
}

const CandidateList = ({ candidates, active, picked, isMany, isSearched, onPick }: CandidateListProps) => {
  useEffect(() => {
    // Newer browsers answer a promise, which is no clean-up.
    void document.getElementById(`candidate-${active}`)?.scrollIntoView({ block: "nearest" })
  }, [active])
  if (candidates.length === 0)
    return <p className="muted">{isSearched ? "No driver is called that." : "No driver is near. Search by name."}</p>
  return (
    <div
      id="candidates"
      className="candidates"
      role="listbox"
      tabIndex={-1}
      aria-label="Drivers"
      aria-multiselectable={isMany}
    >
      {candidates.map((candidate, i) => (
        // The keyboard works in the search field: aria-activedescendant names the row.
        <div
          key={candidate.id}
          id={`candidate-${i}`}
          role="option"
          aria-selected={picked.has(candidate.id)}
          tabIndex={-1}
          className={`candidate${i === active ? " row-active" : ""}`}
          onClick={() => onPick(candidate.id)}
          onKeyDown={(event) => {
            if (event.key === "Enter") onPick(candidate.id)
          }}
        >
          <span className="candidate-mark" aria-hidden="true">
            {picked.has(candidate.id) ? "✓" : ""}
          </span>
          <span className="row-name">{candidate.name}</span>
          <span className="candidate-distance">{distanceWords(candidate.distanceM)}</span>
          <span className="candidate-status">
            {candidate.status === undefined ? null : <StatusSign status={candidate.status} />}
            {statusWords(candidate)}, {loadWords(candidate.load)}
          </span>
        </div>
      ))}
    </div>
  )
}
