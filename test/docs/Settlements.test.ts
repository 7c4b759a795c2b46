import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { projectRoot } from "../tidy/Project.ts"

const folder = join(projectRoot, "docs/adr")
const [, section = ""] = readFileSync(join(folder, "README.md"), "utf8").split("## Where the design contradicts itself")
const rows = [...section.matchAll(/^\| (?!The design says|---)(.+?) \| (.+) \|$/gm)]
const settlements = rows.map(([, sentence = "", decisions = ""]) => ({
  sentence,
  files: [...decisions.matchAll(/\]\((\d{4}-[a-z0-9-]+\.md)\)/g)].map(([, file = ""]) => file)
}))

/** Tests that a decision says would notice. */
const testsOf = (file: string): ReadonlyArray<string> => {
  const text = readFileSync(join(folder, file), "utf8")
  const [, part = ""] = text.split("## The test that would notice")
  return [...part.matchAll(/\b(test\/[\w./-]+\.test\.ts)/g)].map(([, path = ""]) => path)
}

describe("each contradiction of the design", () => {
  it("has its row", () => {
    expect(settlements.length).toBeGreaterThanOrEqual(21)
  })

  it.each(settlements)("is settled by a decision with a test: $sentence", ({ files }) => {
    expect(files).not.toEqual([])
    for (const file of files) {
      expect(testsOf(file), file).not.toEqual([])
      for (const path of testsOf(file)) expect(existsSync(join(projectRoot, path)), path).toBe(true)
    }
  })
})
