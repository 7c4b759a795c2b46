import { useEffect, useRef } from "react"

/** What the keyboard can ask for. */
export interface KeyActions {
  readonly search: () => void
  readonly walk: (steps: number) => void
  readonly choose: () => void
  readonly back: () => void
  readonly follow: () => void
  readonly showAll: () => void
  readonly help: () => void
  readonly fleet: () => void
  readonly orders: () => void
  readonly newOrder: () => void
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement

/** What Enter means something on already. */
const isPressed = (target: EventTarget | null): boolean =>
  target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement

/** In a form all keys mean what they mean there, but for the way out. */
const isInForm = (target: EventTarget | null): boolean => target instanceof Element && target.closest("form") !== null

const isDialogOpen = (): boolean => document.querySelector("dialog[open]") !== null

/** Keys that work wherever the focus is, except letters in a field and Enter on a button or a link, which mean themselves. */
export const useKeys = (actions: KeyActions): void => {
  const latest = useRef(actions)
  latest.current = actions
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (isDialogOpen() || event.ctrlKey || event.metaKey || event.altKey) return
      const action = actionOf(event, latest.current)
      if (action === undefined) return
      event.preventDefault()
      action()
    }
    addEventListener("keydown", pressed)
    return () => removeEventListener("keydown", pressed)
  }, [])
}

const actionOf = (event: KeyboardEvent, actions: KeyActions): (() => void) | undefined => {
  if (event.key !== "Escape" && isInForm(event.target)) return undefined
  const isOnMap = event.target instanceof HTMLCanvasElement
  switch (event.key) {
    case "Escape":
      return actions.back
    case "ArrowDown":
      return isOnMap ? undefined : () => actions.walk(1)
    case "ArrowUp":
      return isOnMap ? undefined : () => actions.walk(-1)
    case "PageDown":
      return () => actions.walk(10)
    case "PageUp":
      return () => actions.walk(-10)
    case "Enter":
      return isPressed(event.target) ? undefined : actions.choose
  }
  if (isTyping(event.target)) return undefined
  switch (event.key) {
    case "/":
      return actions.search
    case "?":
      return actions.help
    case "f":
    case "F":
      return actions.follow
    case "a":
    case "A":
      return actions.showAll
    case "d":
    case "D":
      return actions.fleet
    case "o":
    case "O":
      return actions.orders
    case "n":
    case "N":
      return actions.newOrder
  }
  return undefined
}
