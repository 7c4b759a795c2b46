import { useState } from "react"
import type { Session } from "../fleet/Session.ts"
import { problemWords } from "./ProblemWords.ts"

interface FileButtonProps {
  readonly session: Session
  readonly fileId: string
  readonly label: string
}

const isWebAddress = (url: unknown): url is string => typeof url === "string" && /^(https?:\/)?\//.test(url)

/** Opens an uploaded file on a page of its own; what keeps it from that is said beside the button. */
export const FileButton = ({ session, fileId, label }: FileButtonProps) => {
  const [problem, setProblem] = useState<string>()
  const open = async (): Promise<void> => {
    setProblem(undefined)
    // Opened at once: a window that waits for an answer is taken for an advertisement and blocked.
    const page = window.open("", "_blank")
    try {
      const { url } = await session.rest.get<{ readonly url: unknown }>(`/v1/files/${fileId}/download`)
      if (!isWebAddress(url)) throw new Error("no address")
      if (page !== null) page.location.href = url
    } catch (cause) {
      page?.close()
      setProblem(problemWords(cause))
    }
  }
  return (
    <span className="file-button">
      {problem === undefined ? null : (
        <span className="field-problem" role="alert">
          {problem}
        </span>
      )}
      <button type="button" className="button button-small" onClick={() => void open()}>
        {label}
      </button>
    </span>
  )
}
