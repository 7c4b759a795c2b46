import { LngLatBounds, type Map as MapLibre, type MapMouseEvent, Marker } from "maplibre-gl"
import type { FleetDriver } from "../../../src/client/FleetRoster.ts"
import { Glide } from "../map/Glide.ts"
import { prefersStill } from "../map/Motion.ts"
import { currentTheme, onThemeChange } from "../map/Theme.ts"
import { OrderMarks, type OrderPlaces } from "../orders/OrderMarks.ts"
import { addFleetLayers, clusterZoomMax, fleetIds, fleetSource, markerOf, paintFleetLayers } from "./FleetLayers.ts"
import type { FleetStore } from "./FleetStore.ts"
import { drawClustersOnDemand, drawStatusIcons, redrawClusters } from "./MapIcons.ts"
import { fadeOf } from "./Status.ts"
import type { Trail } from "./Trail.ts"

/** So long after the map has moved the server is told what is looked at; while it follows a driver, less often. */
const lookAfterMs = 250
const lookFollowingMs = 1_000
/** Drivers are asked for this far beyond the edge, as a share of the view, so that a small move shows them at once. */
const viewMargin = 0.2
/** Ages change without any frame: markers are drawn at least this often. */
const redrawEveryMs = 5_000
/** Below this zoom a second's drive is less than a pixel. */
const glideZoomMin = 11.5
const fitZoomMax = 15.5
const fitPaddingPx = 56
const refitMs = 600
/** From this many drivers in view on they are a crowd, until they are a little fewer again. */
const crowdFrom = 1_500
const crowdUntilShare = 0.8
const crowdClusterZoomMax = 14
const driverZoom = 15.5
/** Clicks this near to a marker mean it. CSS pixels. */
const clickPx = 8

/**
 * A machine that draws slowly (no graphics card, an old tablet) gets this many of its slowest frame between two drawings, so that it
 * still answers the mouse; but it draws at least once each `breathMsMax`.
 */
const breathFrames = 3
const breathMsMax = 1_000

/** The least time between two drawings, by how many markers there are: a map of ten thousand must stay movable. */
const drawGapMs = (count: number): number => (count <= 350 ? 40 : count <= 1_200 ? 100 : count <= 3_000 ? 330 : 900)

/** The fleet on a map: draws the store's drivers, tells the store what was clicked, tells the server what is looked at. */
export class FleetMap {
  private readonly map: MapLibre
  private readonly store: FleetStore
  private readonly glide = new Glide()
  private readonly selection: Marker
  private readonly selectionName: HTMLElement
  private readonly marks: OrderMarks
  /** Told which driver was clicked; undefined for a click beside all of them. */
  picked: (driverId: string | undefined) => void = () => undefined
  private placing: ((place: { readonly lat: number; readonly lng: number }) => void) | undefined
  private readonly stops: Array<() => void> = []
  private trail: Trail | undefined
  private isTrailDrawn = false
  private isDrawing = false
  private isCrowded = false
  private isEnded = false
  private drawnAtMs = Number.NEGATIVE_INFINITY
  private tickedAtMs = performance.now()
  private slowestFrameMs = 0
  private isDirty = true
  /** Everybody is asked for and kept in view, until the person looks somewhere of their own choice. */
  private isShowingAll = true
  private wasFitted = false
  private lookTimer: ReturnType<typeof setTimeout> | undefined
  private frame: number | undefined
  private readonly isStill = prefersStill()

  constructor(map: MapLibre, store: FleetStore) {
    this.map = map
    this.store = store
    const element = document.createElement("div")
    element.className = "selection"
    this.selectionName = element.appendChild(document.createElement("span"))
    this.selection = new Marker({ element, anchor: "center" })
    this.marks = new OrderMarks(map)
    const theme = currentTheme()
    drawStatusIcons(map, theme)
    drawClustersOnDemand(map, currentTheme)
    addFleetLayers(map, theme)
    map.on("click", this.clicked)
    map.on("mousemove", this.hovered)
    map.on("moveend", this.looked)
    map.on("dragstart", () => store.follow(false))
    map.on("movestart", ({ originalEvent }) => {
      if (originalEvent !== undefined) this.isShowingAll = false
    })
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
    this.marks.show(undefined)
  }

  /** Asks for everybody, wherever they are, and shows them all. */
  showAll(): void {
    this.store.follow(false)
    this.isShowingAll = true
    // The answer brings those who are missing, and the map to all of them.
    this.wasFitted = false
    this.store.client.look({ bbox: null })
  }

  /** Brings a place into the middle. */
  goTo(lng: number, lat: number): void {
    this.isShowingAll = false
    const zoom = Math.max(this.map.getZoom(), driverZoom)
    this.map.flyTo({ center: [lng, lat], zoom, duration: this.isStill ? 0 : 900 })
  }

  /** Marks where the chosen order is fetched and brought, or nothing. */
  mark(places: OrderPlaces | undefined): void {
    this.marks.show(places)
  }

  /** Brings the chosen order's places, and whoever carries it, into view. */
  fit({ pickup, dropoff }: OrderPlaces): void {
    this.isShowingAll = false
    this.store.follow(false)
    this.marks.fit([pickup, dropoff, this.store.selected].filter((place) => place !== undefined))
  }

  /** While somebody places something, every click is a place. */
  place(placing: ((place: { readonly lat: number; readonly lng: number }) => void) | undefined): void {
    this.placing = placing
    this.map.getCanvas().style.cursor = placing === undefined ? "" : "crosshair"
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
    this.keepCrowdsApart(roster.size)
    this.keepAllInView()
  }

  /** Zooms out as soon as somebody is beyond the edge: drivers come one after the other, and from anywhere. */
  private keepAllInView(): void {
    const { roster } = this.store.client
    if (!this.isShowingAll || roster.size === 0 || this.map.isMoving()) return
    const all = new LngLatBounds()
    for (const driver of roster.drivers()) all.extend([driver.lng, driver.lat])
    const inView = this.map.getBounds()
    if (this.wasFitted && inView.contains(all.getSouthWest()) && inView.contains(all.getNorthEast())) return
    const duration = this.wasFitted && !this.isStill ? refitMs : 0
    this.wasFitted = true
    this.map.fitBounds(all, { padding: fitPaddingPx, maxZoom: fitZoomMax, duration })
  }

  /** So many signs on one screen hide each other and the streets: they are counted up to a closer zoom. */
  private keepCrowdsApart(count: number): void {
    const isCrowded = count > crowdFrom * (this.isCrowded ? crowdUntilShare : 1)
    if (isCrowded === this.isCrowded) return
    this.isCrowded = isCrowded
    const clusterMaxZoom = isCrowded ? crowdClusterZoomMax : clusterZoomMax
    void fleetSource(this.map, fleetIds.drivers).setClusterOptions({ cluster: true, clusterMaxZoom })
  }

  private readonly clicked = (event: MapMouseEvent): void => {
    if (this.placing !== undefined) return this.placing({ lat: event.lngLat.lat, lng: event.lngLat.lng })
    const { x, y } = event.point
    const box: [[number, number], [number, number]] = [
      [x - clickPx, y - clickPx],
      [x + clickPx, y + clickPx]
    ]
    const [hit] = this.map.queryRenderedFeatures(box, { layers: [fleetIds.drivers, fleetIds.clusters] })
    if (hit === undefined) return this.picked(undefined)
    if (hit.layer.id === fleetIds.drivers) return this.picked(String(hit.properties.id))
    const at = event.lngLat
    this.isShowingAll = false
    void fleetSource(this.map, fleetIds.drivers)
      .getClusterExpansionZoom(Number(hit.properties.cluster_id))
      .then((zoom) => this.map.easeTo({ center: at, zoom: zoom + 0.5 }))
  }

  private readonly hovered = (event: MapMouseEvent): void => {
    if (this.placing !== undefined) return
    const layers = [fleetIds.drivers, fleetIds.clusters]
    const isOver = this.map.queryRenderedFeatures(event.point, { layers }).length > 0
    this.map.getCanvas().style.cursor = isOver ? "pointer" : ""
  }

  private readonly looked = (): void => {
    // Until then the whole world is asked for, so that drivers are found wherever they are.
    if (this.isShowingAll) return
    // Not put off by every further move: the map moves all the time while it follows somebody, who would drive out of the old view.
    this.lookTimer ??= setTimeout(
      () => {
        this.lookTimer = undefined
        if (!this.isShowingAll) this.store.client.look({ bbox: viewBox(this.map) })
      },
      this.store.state().isFollowing ? lookFollowingMs : lookAfterMs
    )
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
    this.slowestFrameMs = Math.max(this.slowestFrameMs, now - this.tickedAtMs)
    this.tickedAtMs = now
    const breathMs = Math.min(breathMsMax, this.slowestFrameMs * breathFrames)
    if (this.isDrawing || now - this.drawnAtMs < Math.max(breathMs, drawGapMs(this.store.client.roster.size))) return
    const isGliding = !this.isStill && this.map.getZoom() >= glideZoomMin && this.glide.isMoving(now)
    if (this.isDirty || isGliding || now - this.drawnAtMs >= redrawEveryMs) void this.draw(now)
  }

  /** One drawing at a time: the next one waits until the map's worker has taken this one. */
  private async draw(now: number): Promise<void> {
    this.isDrawing = true
    this.isDirty = false
    this.drawnAtMs = now
    this.slowestFrameMs = 0
    const serverNowMs = this.store.client.serverNowMs()
    const features = this.store
      .shown()
      .map((driver) => markerOf(driver, this.placeOf(driver, now), fadeOf(serverNowMs - driver.recordedAt)))
    try {
      await fleetSource(this.map, fleetIds.drivers).setData({ type: "FeatureCollection", features })
    } finally {
      this.isDrawing = false
    }
    // The map's worker took its time: a ring that was set before would run ahead of its marker.
    if (!this.isEnded) this.drawSelection(now)
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
    if (!this.store.state().isFollowing) return
    this.isShowingAll = false
    // A jump would end a zoom, or the flight to the driver, where it just is.
    if (!this.map.isZooming()) this.map.jumpTo({ center: at })
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
