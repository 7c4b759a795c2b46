import { type LngLatBoundsLike, type Map as MapLibre, type MapMouseEvent, Marker } from "maplibre-gl"
import type { FleetDriver } from "../../../src/client/FleetRoster.ts"
import { Glide } from "../map/Glide.ts"
import { currentTheme, onThemeChange } from "../map/Theme.ts"
import { addFleetLayers, fleetIds, fleetSource, markerOf, paintFleetLayers } from "./FleetLayers.ts"
import type { FleetStore } from "./FleetStore.ts"
import { drawClustersOnDemand, drawStatusIcons, redrawClusters } from "./MapIcons.ts"
import { fadeOf } from "./Status.ts"
import type { Trail } from "./Trail.ts"

/** After the map has come to rest for this long the server is told what is looked at. */
const lookAfterMs = 250
/** Drivers are asked for this far beyond the edge, as a share of the view, so that a small move shows them at once. */
const viewMargin = 0.2
/** Ages change without any frame: markers are drawn at least this often. */
const redrawEveryMs = 5_000
/** Below this zoom a second's drive is less than a pixel. */
const glideZoomMin = 11.5
const fitZoomMax = 15.5
const driverZoom = 15.5
/** Clicks this near to a marker mean it. CSS pixels. */
const clickPx = 8

/** The least time between two drawings, by how many markers there are: a map of ten thousand must stay movable. */
const drawGapMs = (count: number): number => (count <= 350 ? 40 : count <= 1_200 ? 100 : count <= 3_000 ? 330 : 900)

/** The fleet on a map: draws the store's drivers, tells the store what was clicked, tells the server what is looked at. */
export class FleetMap {
  private readonly map: MapLibre
  private readonly store: FleetStore
  private readonly glide = new Glide()
  private readonly selection: Marker
  private readonly selectionName: HTMLElement
  private readonly stops: Array<() => void> = []
  private trail: Trail | undefined
  private isTrailDrawn = false
  private isDrawing = false
  private isEnded = false
  private drawnAtMs = Number.NEGATIVE_INFINITY
  private isDirty = true
  private isFitWanted = true
  private lookTimer: ReturnType<typeof setTimeout> | undefined
  private frame: number | undefined
  private readonly isStill = matchMedia("(prefers-reduced-motion: reduce)").matches

  constructor(map: MapLibre, store: FleetStore) {
    this.map = map
    this.store = store
    const element = document.createElement("div")
    element.className = "selection"
    this.selectionName = element.appendChild(document.createElement("span"))
    this.selection = new Marker({ element, anchor: "center" })
    const theme = currentTheme()
    drawStatusIcons(map, theme)
    drawClustersOnDemand(map, currentTheme)
    addFleetLayers(map, theme)
    map.on("click", this.clicked)
    map.on("mousemove", this.hovered)
    map.on("moveend", this.looked)
    map.on("dragstart", () => store.follow(false))
    this.stops.push(
      store.onMoved(this.moved),
      store.subscribe(() => {
        this.isDirty = true
      }),
      onThemeChange(this.rethemed)
    )
    this.moved()
    this.tick()
  }

  end(): void {
    this.isEnded = true
    for (const stop of this.stops) stop()
    clearTimeout(this.lookTimer)
    if (this.frame !== undefined) cancelAnimationFrame(this.frame)
    this.selection.remove()
  }

  /** Asks for everybody, wherever they are, and shows them all. */
  showAll(): void {
    this.store.follow(false)
    this.isFitWanted = true
    this.store.client.look({ bbox: null })
  }

  /** Brings a place into the middle. */
  goTo(lng: number, lat: number): void {
    const zoom = Math.max(this.map.getZoom(), driverZoom)
    this.map.flyTo({ center: [lng, lat], zoom, duration: this.isStill ? 0 : 900 })
  }

  /** The selected driver's trail, or none. */
  setTrail(trail: Trail | undefined): void {
    this.trail = trail
    this.isDirty = true
  }

  private readonly moved = (): void => {
    const { roster } = this.store.client
    this.glide.take(roster.drivers(), performance.now())
    const { selected } = this.store
    if (selected !== undefined && this.trail?.driverId === selected.id) this.trail.append(selected)
    this.isDirty = true
    if (this.isFitWanted && roster.size > 0) this.fit([...roster.drivers()])
  }

  private fit(drivers: ReadonlyArray<FleetDriver>): void {
    this.isFitWanted = false
    const lats = drivers.map(({ lat }) => lat)
    const lngs = drivers.map(({ lng }) => lng)
    const least = (values: ReadonlyArray<number>): number => values.reduce((a, b) => Math.min(a, b))
    const most = (values: ReadonlyArray<number>): number => values.reduce((a, b) => Math.max(a, b))
    const bounds: LngLatBoundsLike = [
      [least(lngs), least(lats)],
      [most(lngs), most(lats)]
    ]
    this.map.fitBounds(bounds, { padding: 56, maxZoom: fitZoomMax, duration: 0 })
  }

  private readonly clicked = (event: MapMouseEvent): void => {
    const { x, y } = event.point
    const box: [[number, number], [number, number]] = [
      [x - clickPx, y - clickPx],
      [x + clickPx, y + clickPx]
    ]
    const [hit] = this.map.queryRenderedFeatures(box, { layers: [fleetIds.drivers, fleetIds.clusters] })
    if (hit === undefined) return this.store.select(undefined)
    if (hit.layer.id === fleetIds.drivers) return this.store.select(String(hit.properties.id))
    const at = event.lngLat
    void fleetSource(this.map, fleetIds.drivers)
      .getClusterExpansionZoom(Number(hit.properties.cluster_id))
      .then((zoom) => this.map.easeTo({ center: at, zoom: zoom + 0.5 }))
  }

  private readonly hovered = (event: MapMouseEvent): void => {
    const layers = [fleetIds.drivers, fleetIds.clusters]
    const isOver = this.map.queryRenderedFeatures(event.point, { layers }).length > 0
    this.map.getCanvas().style.cursor = isOver ? "pointer" : ""
  }

  private readonly looked = (): void => {
    // Before the first drivers are seen the whole world is asked for, so that they are found wherever they are.
    if (this.isFitWanted) return
    clearTimeout(this.lookTimer)
    this.lookTimer = setTimeout(() => this.store.client.look({ bbox: viewBox(this.map) }), lookAfterMs)
  }

  private readonly rethemed = (): void => {
    const theme = currentTheme()
    drawStatusIcons(this.map, theme)
    redrawClusters(this.map, theme)
    paintFleetLayers(this.map, theme)
  }

  private readonly tick = (): void => {
    if (this.isEnded) return
    this.frame = requestAnimationFrame(this.tick)
    const now = performance.now()
    if (this.isDrawing || now - this.drawnAtMs < drawGapMs(this.store.client.roster.size)) return
    const isGliding = !this.isStill && this.map.getZoom() >= glideZoomMin && this.glide.isMoving(now)
    if (this.isDirty || isGliding || now - this.drawnAtMs >= redrawEveryMs) void this.draw(now)
  }

  /** One drawing at a time: the next one waits until the map's worker has taken this one. */
  private async draw(now: number): Promise<void> {
    this.isDrawing = true
    this.isDirty = false
    this.drawnAtMs = now
    const serverNowMs = this.store.client.serverNowMs()
    const features = this.store
      .shown()
      .map((driver) => markerOf(driver, this.placeOf(driver, now), fadeOf(serverNowMs - driver.recordedAt)))
    this.drawSelection(now)
    try {
      await fleetSource(this.map, fleetIds.drivers).setData({ type: "FeatureCollection", features })
    } finally {
      this.isDrawing = false
    }
  }

  private placeOf(driver: FleetDriver, now: number): [number, number] {
    return this.isStill ? [driver.lng, driver.lat] : this.glide.at(driver, now)
  }

  private drawSelection(now: number): void {
    const { selected } = this.store
    const at = selected === undefined ? undefined : this.placeOf(selected, now)
    const trail = selected !== undefined && this.trail?.driverId === selected.id ? this.trail : undefined
    if (trail !== undefined || this.isTrailDrawn) {
      const lines = trail?.lines(at) ?? { type: "FeatureCollection" as const, features: [] }
      void fleetSource(this.map, fleetIds.trail).setData(lines)
      this.isTrailDrawn = trail !== undefined
    }
    if (selected === undefined || at === undefined) {
      this.selection.remove()
      return
    }
    this.selectionName.textContent = selected.name
    this.selection.setLngLat(at).addTo(this.map)
    if (this.store.state().isFollowing) this.map.jumpTo({ center: at })
  }
}

/** What is in view and a little more; null when that is the whole way round the earth. */
const viewBox = (map: MapLibre): readonly [number, number, number, number] | null => {
  const bounds = map.getBounds()
  const wide = bounds.getEast() - bounds.getWest()
  const tall = bounds.getNorth() - bounds.getSouth()
  if (wide * (1 + 2 * viewMargin) >= 360) return null
  const wrap = (lng: number): number => ((((lng + 180) % 360) + 360) % 360) - 180
  const rounded = (degrees: number): number => Math.round(degrees * 1e5) / 1e5
  return [
    rounded(wrap(bounds.getWest() - wide * viewMargin)),
    rounded(Math.max(-90, bounds.getSouth() - tall * viewMargin)),
    rounded(wrap(bounds.getEast() + wide * viewMargin)),
    rounded(Math.min(90, bounds.getNorth() + tall * viewMargin))
  ]
}
