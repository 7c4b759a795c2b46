import { type ReactNode, useEffect, useId, useRef } from "react"

interface DialogProps {
  readonly title: string
  readonly children: ReactNode
  readonly onClose: () => void
}

/** A question over the page. The browser keeps the focus inside, closes it by Escape, and gives the focus back. */
export const Dialog = ({ title, children, onClose }: DialogProps) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const element = dialog.current
    const before = document.activeElement
    element?.showModal()
    return () => {
      if (element?.open === true) element.close()
      // React takes the element away before the browser could hand the focus back.
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog ref={dialog} className="panel dialog" aria-labelledby={titleId} onClose={onClose}>
      <header className="details-head">
        <h2 id={titleId}>{title}</h2>
        <CloseButton label="Close" onClick={onClose} />
      </header>
      {children}
    </dialog>
  )
}

/** A cross. */
export const CloseButton = ({ label, onClick }: { readonly label: string; readonly onClick: () => void }) => (
  <button type="button" className="button button-quiet button-small" onClick={onClick} aria-label={label}>
    <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d="M3 3l10 10M13 3L3 13" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
    </svg>
  </button>
)
