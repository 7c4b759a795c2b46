import {
  AttributionControl,
  type GeoJSONSource,
  type LngLatBoundsLike,
  Map as MapLibre,
  NavigationControl,
  ScaleControl,
  setWorkerUrl
} from "maplibre-gl"
import "maplibre-gl/dist/maplibre-gl.css"
import "./controls.css"
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url"
import { type CityDrawing, cityDrawing } from "./CityStreets.ts"
import { graticule } from "./Graticule.ts"
import { MapNote } from "./MapNote.ts"
import { prefersStill } from "./Motion.ts"
import { drawsStyle, loadStyle } from "./OperatorStyle.ts"
import { ownColours, ownSources, ownStyle } from "./OwnStyle.ts"
import { currentTheme, onThemeChange } from "./Theme.ts"

setWorkerUrl(workerUrl)

const styleMissing = "The street map cannot be reached. Positions are live."

/** What the page wants of its map. */
export interface LiveMapOptions {
  readonly container: HTMLElement
  readonly styleUrl: string | undefined
  /** Shown at first; the simulated city when left out. */
  readonly bounds?: LngLatBoundsLike
  readonly hasScale: boolean
  /** What the map shows, for those who do not see it. */
  readonly label: string
}

/** A map and the function that takes it away again. */
export interface LiveMap {
  readonly map: MapLibre
  readonly remove: () => void
}

/**
 * Opens a map with the operator's style, or, where there is none, or it or its tiles do not come, with the product's own. Resolves when
 * it is ready for layers.
 */
export const openMap = async (options: LiveMapOptions): Promise<LiveMap> => {
  const city = cityDrawing()
  const operators = options.styleUrl === undefined ? undefined : await loadStyle(options.styleUrl)
  const map = new MapLibre({
    container: options.container,
    style: operators ?? ownStyle(city, currentTheme()),
    bounds: options.bounds ?? boundsOf(city),
    fitBoundsOptions: { padding: 24 },
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    // After each new position of a driver the map is drawn again and again until every sign has faded in: more than half of all that
    // the board drew without a graphics card.
    ...(prefersStill() ? { fadeDuration: 0 } : {}),
    maxZoom: 19,
    minZoom: 1
  })
  map.touchZoomRotate.disableRotation()
  map.getCanvas().setAttribute("aria-label", options.label)
  // The first one stands lowest.
  map.addControl(new AttributionControl({ compact: true }), "bottom-right")
  map.addControl(new NavigationControl({ showCompass: false }), "bottom-right")
  if (options.hasScale) map.addControl(new ScaleControl({ maxWidth: 90 }), "bottom-left")
  const isOwn = operators === undefined || !(await drawsStyle(map))
  if (isOwn && operators !== undefined) map.setStyle(ownStyle(city, currentTheme()), { diff: false })
  if (isOwn) await new Promise<void>((resolve) => void map.once("style.load", () => resolve()))
  if (isOwn && options.styleUrl !== undefined) map.addControl(new MapNote(styleMissing), "bottom-left")
  const stop = isOwn ? keepOwnMap(map) : () => undefined
  return {
    map,
    remove: () => {
      stop()
      map.remove()
    }
  }
}

const boundsOf = ({ bounds: [southWest, northEast] }: CityDrawing): LngLatBoundsLike => [
  [southWest[0] ?? 0, southWest[1] ?? 0],
  [northEast[0] ?? 0, northEast[1] ?? 0]
]

/** Draws the grid for what is in view, and follows the person's choice of light or dark. */
const keepOwnMap = (map: MapLibre): (() => void) => {
  const drawGrid = (): void => {
    const box = map.getBounds()
    const data = graticule(box.getWest(), box.getSouth(), box.getEast(), box.getNorth())
    void map.getSource<GeoJSONSource>(ownSources.grid)?.setData(data)
  }
  map.on("moveend", drawGrid)
  drawGrid()
  return onThemeChange(() => {
    for (const { id, colour } of ownColours(currentTheme())) map.setPaintProperty(id, colour.property, colour.value)
  })
}
