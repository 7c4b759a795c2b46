import { describe, expect, it } from "vitest"
import { callRules } from "./tidy/CallRules.ts"
import { documentRules } from "./tidy/DocumentRules.ts"
import { importRules } from "./tidy/ImportRules.ts"
import { type Project, projectsOf, readProject } from "./tidy/Project.ts"
import { reachRules } from "./tidy/ReachRules.ts"
import { report } from "./tidy/Rule.ts"
import { shapeRules } from "./tidy/ShapeRules.ts"
import { wordingRules } from "./tidy/WordingRules.ts"

const project = readProject()
const rules = [...importRules, ...callRules, ...wordingRules, ...shapeRules, ...reachRules, ...documentRules]

describe("a tidy project", () => {
  for (const rule of rules) {
    it(rule.says, () => {
      expect(report(rule, rule.offences(project))).toEqual([])
    })
  }
})

describe("a rule sees a breach", () => {
  const breaches = projectsOf(rules.map(({ breach }) => breach))
  for (const [index, rule] of rules.entries()) {
    it(rule.says, () => {
      expect(rule.offences(breaches[index] as Project)).not.toEqual([])
    })
  }
})
