import { randomBytes } from "node:crypto"
import { chmodSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"

const temporaryName = (path: string): string => `${path}.${process.pid}.${randomBytes(4).toString("hex")}`

const writeBeside = (path: string, text: string, mode: number): string => {
  const temporary = temporaryName(path)
  writeFileSync(temporary, text, { flag: "wx", mode: 0o600 })
  chmodSync(temporary, mode)
  return temporary
}

/** Replaces the file whole: a reader sees the old text or the new, never a part. */
export const writeAtomically = (path: string, text: string, mode: number): void => {
  renameSync(writeBeside(path, text, mode), path)
}

/** Writes the file unless it exists; of several writers exactly one wins, and all may then read the same whole text. */
export const linkOnce = (path: string, text: string, mode: number): void => {
  const temporary = writeBeside(path, text, mode)
  try {
    linkSync(temporary, path)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** The file's text, or undefined when there is none; also when it is removed at this moment. */
export const readIfPresent = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
    throw error
  }
}
