import { Component, type ReactNode } from "react"
import { Brand } from "./Brand.tsx"

interface MishapProps {
  readonly children: ReactNode
}

interface MishapState {
  readonly isBroken: boolean
}

/**
 * Says so when a page cannot be drawn, instead of leaving it white. React knows such a boundary only as a class. The cause goes
 * to the browser's console, which React does by itself.
 */
export class Mishap extends Component<MishapProps, MishapState> {
  override readonly state: MishapState = { isBroken: false }

  static getDerivedStateFromError(): MishapState {
    return { isBroken: true }
  }

  override render(): ReactNode {
    if (!this.state.isBroken) return this.props.children
    return (
      <main className="mishap">
        <Brand />
        <h1>This page ran into a problem</h1>
        <p role="alert">Nothing is lost: deliveries go on without this page.</p>
        <button type="button" className="button button-primary" onClick={() => window.location.reload()}>
          Load it again
        </button>
      </main>
    )
  }
}
