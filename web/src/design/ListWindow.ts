import { type RefObject, useEffect, useState } from "react"

/** What of a scrolled box is seen, CSS pixels. */
export interface ListWindow {
  readonly top: number
  readonly height: number
}

/** Follows what is seen of a box that scrolls. */
export const useListWindow = (box: RefObject<HTMLDivElement | null>): ListWindow => {
  const [view, setView] = useState<ListWindow>({ top: 0, height: 600 })
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const look = (): void => setView({ top: element.scrollTop, height: element.clientHeight })
    const resized = new ResizeObserver(look)
    resized.observe(element)
    element.addEventListener("scroll", look, { passive: true })
    return () => {
      resized.disconnect()
      element.removeEventListener("scroll", look)
    }
  }, [box])
  return view
}

// Styles are set through the DOM, not as attributes: the page's policy allows no inline styles.

/** Makes an element as high as a whole list. */
export const setHeight = (item: HTMLElement | null, heightPx: number): void => {
  if (item !== null) item.style.height = `${heightPx}px`
}

/** Puts a row where it belongs. */
export const setTop = (item: HTMLElement | null, topPx: number): void => {
  if (item !== null) item.style.transform = `translateY(${topPx}px)`
}

/** Scrolls just so far that a row is seen whole. */
export const revealRow = (box: HTMLElement, topPx: number, heightPx: number): void => {
  if (topPx < box.scrollTop) box.scrollTop = topPx
  const bottom = topPx + heightPx
  if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight
}
