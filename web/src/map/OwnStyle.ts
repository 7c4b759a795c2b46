import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl"
import type { CityDrawing } from "./CityStreets.ts"
import type { Theme } from "./Theme.ts"

/** Names of the sources of the product's own map. */
export const ownSources = { streets: "dm-streets", blocks: "dm-blocks", river: "dm-river", grid: "dm-grid" } as const

const width = (at12: number, at17: number): ExpressionSpecification => [
  "interpolate",
  ["exponential", 1.6],
  ["zoom"],
  10,
  at12 / 4,
  12.5,
  at12,
  17,
  at17
]

const lineLayer = (
  id: string,
  kinds: ReadonlyArray<string>,
  colour: string,
  widths: readonly [number, number]
): LayerSpecification => ({
  id,
  type: "line",
  source: ownSources.streets,
  filter: ["in", ["get", "kind"], ["literal", [...kinds]]],
  layout: { "line-cap": "round", "line-join": "round" },
  paint: { "line-color": colour, "line-width": width(...widths) }
})

const blockLayer = (id: string, kind: string, colour: string): LayerSpecification => ({
  id,
  type: "fill",
  source: ownSources.blocks,
  filter: ["==", ["get", "kind"], kind],
  paint: { "fill-color": colour }
})

const minor = ["residential"]
const middle = ["collector"]
const major = ["arterial", "bridge"]

/**
 * The product's own map: the simulated city's streets and river, and a grid of meridians and parallels everywhere. Needs no tiles,
 * fonts or sprites, so it is never blank.
 */
export const ownStyle = (city: CityDrawing, theme: Theme): StyleSpecification => ({
  version: 8,
  sources: {
    [ownSources.grid]: { type: "geojson", data: { type: "FeatureCollection", features: [] } },
    [ownSources.blocks]: { type: "geojson", data: city.blocks },
    [ownSources.river]: { type: "geojson", data: city.river },
    [ownSources.streets]: { type: "geojson", data: city.streets }
  },
  layers: ownLayers(theme)
})

const ownLayers = (theme: Theme): Array<LayerSpecification> => [
  { id: "dm-land", type: "background", paint: { "background-color": theme("--map-land") } },
  {
    id: "dm-grid",
    type: "line",
    source: ownSources.grid,
    paint: { "line-color": theme("--map-grid"), "line-width": ["case", ["get", "isMajor"], 1.5, 0.75] }
  },
  blockLayer("dm-built", "built", theme("--map-block")),
  blockLayer("dm-park", "park", theme("--map-park")),
  { id: "dm-river", type: "fill", source: ownSources.river, paint: { "fill-color": theme("--map-water") } },
  lineLayer("dm-minor-edge", minor, theme("--map-street-edge"), [2.4, 15]),
  lineLayer("dm-middle-edge", middle, theme("--map-street-edge"), [3.6, 20]),
  lineLayer("dm-minor", minor, theme("--map-street"), [1.4, 12]),
  lineLayer("dm-middle", middle, theme("--map-street"), [2.6, 17]),
  lineLayer("dm-major-edge", major, theme("--map-street-edge"), [5, 26]),
  lineLayer("dm-major", major, theme("--map-arterial"), [3.8, 22])
]

/** What of the layers follows light and dark. */
export const ownColours = (theme: Theme) =>
  ownLayers(theme).flatMap(({ id, paint }) => {
    const properties = ["background-color", "fill-color", "line-color"] as const
    const colours: Readonly<Record<string, unknown>> = { ...paint }
    return properties.flatMap((property) => {
      const value = colours[property]
      return typeof value === "string" ? [{ id, colour: { property, value } }] : []
    })
  })
