import { type FormEvent, type ReactNode, useEffect, useId, useRef } from "react"
import { CloseButton } from "../design/Dialog.tsx"
import type { FleetMap } from "../fleet/FleetMap.ts"
import type { Session } from "../fleet/Session.ts"
import { moneyWords } from "./MoneyWords.ts"
import type { OrderDraft } from "./OrderDraft.ts"
import { type NewOrder, type PlaceName, type Products, useNewOrder } from "./useNewOrder.ts"
import { WindowFields } from "./WindowDialog.tsx"

interface NewOrderPanelProps {
  readonly session: Session
  readonly map: FleetMap | undefined
  readonly onPlaced: () => void
  readonly onClose: () => void
}

/** For whoever came by an address or a key, and may not place orders. */
export const NoNewOrder = ({ onClose }: { readonly onClose: () => void }) => (
  <section className="panel details order-panel" aria-label="New order">
    <header className="details-head">
      <h2>New order</h2>
      <CloseButton label="Close" onClick={onClose} />
    </header>
    <p className="notice" role="alert">
      Your account may look at orders, not place them. A dispatcher or an administrator can.
    </p>
  </section>
)

/** A dispatcher writes down an order for a guest. */
export const NewOrderPanel = ({ session, map, onPlaced, onClose }: NewOrderPanelProps) => {
  const form = useNewOrder(session, map, onPlaced)
  const element = useRef<HTMLFormElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    await form.send()
    // The first field that is wrong, once it is drawn as such.
    requestAnimationFrame(() => element.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus())
  }
  return (
    <section className="panel details order-panel" aria-label="New order">
      <header className="details-head">
        <h2 ref={heading} tabIndex={-1}>
          New order
        </h2>
        <CloseButton label="Close form" onClick={onClose} />
      </header>
      <form ref={element} className="new-order" onSubmit={(event) => void submit(event)} noValidate>
        <ItemFields form={form} />
        <TextField form={form} name="name" label="For" autoComplete="off" />
        <TextField form={form} name="phone" label="Phone (optional)" type="tel" />
        <PlaceFields form={form} />
        <PickupFields form={form} />
        <Group form={form} fault="window" title="Promised window (optional)">
          <WindowFields
            start={form.draft.start}
            end={form.draft.end}
            onStart={(start) => form.change({ start })}
            onEnd={(end) => form.change({ end })}
          />
        </Group>
        <TextField form={form} name="externalId" label="Your number (optional)" />
        <TextField form={form} name="notes" label="Notes (optional)" />
        <div role="alert">
          {form.problem === undefined ? null : <p className="notice notice-danger">{form.problem}</p>}
          {Object.keys(form.faults).length === 0 ? null : (
            <p className="notice notice-danger">Something is missing or wrong: see the fields above.</p>
          )}
        </div>
        <button type="submit" className="button button-primary" disabled={form.isBusy}>
          {form.isBusy ? "Placing the order" : "Place order"}
        </button>
      </form>
    </section>
  )
}

type TextName = Exclude<keyof OrderDraft, "lines">

interface TextFieldProps {
  readonly form: NewOrder
  readonly name: TextName
  readonly label: string
  /** Name of the fault, where it is not the field's. */
  readonly fault?: string
  readonly type?: string
  readonly autoComplete?: string
}

const TextField = ({ form, name, label, fault = name, type = "text", autoComplete }: TextFieldProps) => {
  const id = useId()
  const said = form.faults[fault]
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className="input"
        type={type}
        name={name}
        autoComplete={autoComplete}
        value={form.draft[name]}
        aria-invalid={said !== undefined}
        aria-describedby={said === undefined || fault !== name ? undefined : `${id}-fault`}
        onChange={(event) => form.change({ [name]: event.target.value })}
      />
      {said === undefined || fault !== name ? null : (
        <p id={`${id}-fault`} className="field-problem">
          {said}
        </p>
      )}
    </div>
  )
}

interface GroupProps {
  readonly form: NewOrder
  readonly fault: string
  readonly title: string
  readonly children: ReactNode
}

const Group = ({ form, fault, title, children }: GroupProps) => (
  <fieldset className="field-group">
    <legend>{title}</legend>
    {children}
    {form.faults[fault] === undefined ? null : <p className="field-problem">{form.faults[fault]}</p>}
  </fieldset>
)

const productWords = (products: Products): string =>
  products === "loading" ? "Loading" : products === "failed" ? "Could not be loaded" : "Choose a product"

const ItemFields = ({ form }: { readonly form: NewOrder }) => {
  const { draft, products } = form
  const choices = typeof products === "string" ? [] : products
  const nextId = 1 + Math.max(...draft.lines.map(({ id }) => id))
  const set = (at: number, part: Partial<OrderDraft["lines"][number]>): void =>
    form.change({ lines: draft.lines.map((line, i) => (i === at ? { ...line, ...part } : line)) })
  return (
    <Group form={form} fault="items" title="Items">
      {draft.lines.map((line, i) => (
        <div key={line.id} className="item-line">
          <select
            className="input"
            aria-label={`Product ${i + 1}`}
            aria-invalid={form.faults.items !== undefined && line.productId === ""}
            value={line.productId}
            onChange={(event) => set(i, { productId: event.target.value })}
          >
            <option value="">{productWords(products)}</option>
            {choices.map(({ id, name, price, stock }) => (
              <option key={id} value={id} disabled={stock === 0}>
                {name}, {moneyWords(price)}
                {stock === 0 ? ", sold out" : ""}
              </option>
            ))}
          </select>
          <input
            className="input"
            type="number"
            min={1}
            aria-label={`Quantity ${i + 1}`}
            value={line.quantity}
            onChange={(event) => set(i, { quantity: event.target.value })}
          />
          {draft.lines.length === 1 ? null : (
            <CloseButton
              label={`Remove item ${i + 1}`}
              onClick={() => form.change({ lines: draft.lines.filter((_, at) => at !== i) })}
            />
          )}
        </div>
      ))}
      <button
        type="button"
        className="button button-small"
        onClick={() => form.change({ lines: [...draft.lines, { id: nextId, productId: "", quantity: "1" }] })}
      >
        Another item
      </button>
    </Group>
  )
}

const PlaceButton = ({ form, name }: { readonly form: NewOrder; readonly name: PlaceName }) => (
  <button
    type="button"
    className="button button-small"
    aria-pressed={form.placing === name}
    onClick={() => form.setPlacing(name)}
  >
    {form.placing === name ? "Click the map to set it" : "Set by a click on the map"}
  </button>
)

const PlaceFields = ({ form }: { readonly form: NewOrder }) => (
  <Group form={form} fault="place" title="Drop-off">
    <TextField form={form} name="line1" label="Street and number" />
    <div className="field-pair">
      <TextField form={form} name="city" label="City" />
      <TextField form={form} name="country" label="Country (two letters)" />
    </div>
    <PlaceButton form={form} name="dropoff" />
    <div className="field-pair">
      <TextField form={form} name="lat" label="Latitude" fault="place" />
      <TextField form={form} name="lng" label="Longitude" fault="place" />
    </div>
  </Group>
)

const PickupFields = ({ form }: { readonly form: NewOrder }) => (
  <Group form={form} fault="pickup" title="Pickup (optional)">
    <TextField form={form} name="pickupLine1" label="Street and number, or a name" />
    <PlaceButton form={form} name="pickup" />
    <div className="field-pair">
      <TextField form={form} name="pickupLat" label="Latitude" fault="pickup" />
      <TextField form={form} name="pickupLng" label="Longitude" fault="pickup" />
    </div>
  </Group>
)
