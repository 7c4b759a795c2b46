import { mkdtempSync } from "node:fs"
import { join } from "node:path"
import { inject } from "vitest"

/** A folder for the files of one server; it goes with the run's home. */
export const testFilesFolder = (): string => mkdtempSync(join(inject("testHome"), "files-"))
