import { type RefObject, useEffect, useRef } from "react"

/** What the keyboard can ask for. */
export interface KeyActions {
  readonly search: () => void
  readonly walk: (steps: number) => void
  readonly choose: () => void
  readonly back: () => void
  readonly follow: () => void
  readonly showAll: () => void
  readonly help: () => void
}

const isTyping = (target: EventTarget | null): boolean => target instanceof HTMLInputElement

const isButton = (target: EventTarget | null): boolean => target instanceof HTMLButtonElement

/** Keys that work wherever the focus is, except letters in a field and Enter on a button, which mean themselves. */
export const useKeys = (actions: KeyActions, dialogs: RefObject<boolean>): void => {
  const latest = useRef(actions)
  latest.current = actions
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (dialogs.current || event.ctrlKey || event.metaKey || event.altKey) return
      const action = actionOf(event, latest.current)
      if (action === undefined) return
      event.preventDefault()
      action()
    }
    addEventListener("keydown", pressed)
    return () => removeEventListener("keydown", pressed)
  }, [dialogs])
}

const actionOf = (event: KeyboardEvent, actions: KeyActions): (() => void) | undefined => {
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
      return isButton(event.target) ? undefined : actions.choose
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
  }
  return undefined
}
