import type { MouseEvent, ReactNode } from "react"
import { go, type Route, routePath } from "./Route.ts"

interface RouteLinkProps {
  readonly to: Route
  readonly className?: string
  readonly isCurrent?: boolean
  readonly children: ReactNode
}

/** A link inside the console: it can be opened in another tab, and goes there without a reload. */
export const RouteLink = ({ to, className, isCurrent, children }: RouteLinkProps) => {
  const clicked = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    go(to)
  }
  return (
    <a
      href={routePath(to)}
      className={className}
      aria-current={isCurrent === true ? "page" : undefined}
      onClick={clicked}
    >
      {children}
    </a>
  )
}
