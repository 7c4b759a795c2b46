import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"

const css = readFileSync(new URL("../../web/src/design/tokens.css", import.meta.url), "utf8")

const tokensIn = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries([...text.matchAll(/(--[\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]))

const [lightText = "", darkText = ""] = css.split("@media (prefers-color-scheme: dark)")
const themes = { light: tokensIn(lightText), dark: tokensIn(darkText) }

/** Relative luminance (WCAG 2.2). */
const luminance = (hex: string): number => {
  const channels = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * (channels[0] ?? 0) + 0.7152 * (channels[1] ?? 0) + 0.0722 * (channels[2] ?? 0)
}

const contrast = (a: string, b: string): number => {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (light + 0.05) / (dark + 0.05)
}

/** Words on what they stand on: 4.5 to 1 (WCAG 1.4.3). */
const texts: ReadonlyArray<readonly [text: string, ground: string]> = [
  ...["--paper", "--surface", "--raised", "--sunken", "--accent-soft"].map((ground) => ["--ink", ground] as const),
  ...["--paper", "--surface", "--sunken"].map((ground) => ["--muted", ground] as const),
  ["--muted", "--accent-soft"],
  ["--accent-ink", "--accent"],
  ["--accent", "--accent-soft"],
  ["--danger", "--danger-soft"],
  ["--warning", "--warning-soft"],
  ["--warning", "--surface"]
]

const statuses = ["available", "assigned", "carrying", "break", "connected", "offline"].map(
  (name) => `--status-${name}`
)

/** Signs, borders of fields and the focus: 3 to 1 (WCAG 1.4.11). */
const signs: ReadonlyArray<readonly [sign: string, ground: string]> = [
  ...statuses.flatMap((status) => [
    ...["--surface", "--map-land", "--map-block", "--map-park", "--map-halo"].map((ground) => [status, ground] as const)
  ]),
  ["--edge", "--surface"],
  ["--focus", "--surface"],
  ["--focus", "--paper"],
  ["--focus", "--map-land"],
  ["--accent", "--surface"]
]

describe.each(["light", "dark"] as const)("the %s colours", (scheme) => {
  const theme = themes[scheme]
  const of = ([a, b]: readonly [string, string]): number => contrast(theme[a] ?? "", theme[b] ?? "")

  it.each(texts)("let %s be read on %s", (...pair) => {
    expect(of(pair)).toBeGreaterThanOrEqual(4.5)
  })

  it.each(signs)("let %s be seen on %s", (...pair) => {
    expect(of(pair)).toBeGreaterThanOrEqual(3)
  })
})
