import type { Map as MapLibre, StyleSpecification } from "maplibre-gl"

/** How long the operator's style, and then its first tiles, may take before the own map is shown instead. Milliseconds. */
const loadMsMax = 6_000

/** The style at an address; undefined when it does not come or is not one. */
export const loadStyle = async (url: string): Promise<StyleSpecification | undefined> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(loadMsMax) })
    const style: unknown = response.ok ? await response.json() : undefined
    return isStyle(style) ? style : undefined
  } catch {
    // Offline, refused or not JSON: the own map needs nothing from outside, and the page says that it took it.
    return undefined
  }
}

const isStyle = (value: unknown): value is StyleSpecification =>
  typeof value === "object" &&
  value !== null &&
  "version" in value &&
  value.version === 8 &&
  "sources" in value &&
  typeof value.sources === "object" &&
  "layers" in value &&
  Array.isArray(value.layers)

/**
 * Whether a map that was just made with the operator's style draws something of it: false when MapLibre refuses the style, and when
 * every tile of the first view fails or stays away.
 */
export const drawsStyle = (map: MapLibre): Promise<boolean> =>
  new Promise((resolve) => {
    let isTaken = false
    let drawn = 0
    let failed = 0
    const taken = map.on("style.load", () => {
      isTaken = true
    })
    const tiles = map.on("sourcedata", ({ tile }) => {
      if (tile !== undefined) drawn++
    })
    const errors = map.on("error", () => {
      failed++
      if (!isTaken) end(false)
    })
    const loaded = map.on("load", () => end(failed === 0 || drawn > 0))
    const timer = setTimeout(() => end(drawn > 0), loadMsMax)
    const end = (isDrawn: boolean): void => {
      clearTimeout(timer)
      for (const listening of [taken, tiles, errors, loaded]) listening.unsubscribe()
      // From here on a tile or two may stay away without anybody's doing; without a listener MapLibre writes each to the console.
      if (isDrawn) map.on("error", () => undefined)
      resolve(isDrawn)
    }
  })
