import { LngLatBounds, type Map as MapLibre, Marker } from "maplibre-gl"
import type { TrackedOrder, TrackedPosition } from "../../../src/client/TrackingFrames.ts"
import { Glide } from "../map/Glide.ts"
import { prefersStill } from "../map/Motion.ts"

const driverId = "driver"
const closeZoomMax = 16
/**
 * Room that the camera leaves at the edges, CSS pixels: above for the badges and a pin's height, to the right for the buttons, below
 * for the sheet's round corners.
 */
const room = { top: 104, right: 80, bottom: 56, left: 40 }
/** On a small map the room takes no more than this share of it. */
const roomShareMax = 0.6
/** The camera follows when the driver is this far inside the room. CSS pixels. */
const slackPx = 24

const pin = `<svg viewBox="0 0 32 40" width="32" height="40" aria-hidden="true"><path class="pin-body" d="M16 1C7.7 1 1 7.7 1 16c0 10.5 15 23 15 23s15-12.5 15-23C31 7.7 24.3 1 16 1z"/><path class="pin-home" d="M16 8.5l-7 6V23h5v-5h4v5h5v-8.5z"/></svg>`
const van = `<svg viewBox="0 0 40 40" width="40" height="40" aria-hidden="true"><circle class="van-ring" cx="20" cy="20" r="17"/><path class="van-arrow" d="M20 9l8 20-8-4.5L12 29z"/></svg>`

const element = (className: string, svg: string, label: string): HTMLElement => {
  const made = document.createElement("div")
  made.className = className
  made.innerHTML = svg
  made.setAttribute("role", "img")
  made.setAttribute("aria-label", label)
  return made
}

/** Destination and driver on a map. The driver is drawn between the last two known places, never beyond the last one. */
export class DeliveryMap {
  private readonly map: MapLibre
  private readonly glide = new Glide()
  private readonly destination = new Marker({ element: element("pin", pin, "Your address"), anchor: "bottom" })
  private readonly driver = new Marker({ element: element("van", van, "Your driver"), rotationAlignment: "map" })
  private readonly isStill = prefersStill()
  private order: TrackedOrder | undefined
  private frame: number | undefined
  /** The person looks around: the camera is theirs until they give it back. */
  private isTheirs = false
  private wasShown = false
  private readonly onTheirs: (isTheirs: boolean) => void

  constructor(map: MapLibre, onTheirs: (isTheirs: boolean) => void) {
    this.map = map
    this.onTheirs = onTheirs
    map.on("dragstart", () => this.setTheirs(true))
    map.on("resize", () => this.look(0))
  }

  show(order: TrackedOrder): void {
    const isFirst = this.order?.destination === undefined
    this.order = order
    if (order.destination !== undefined)
      this.destination.setLngLat([order.destination.lng, order.destination.lat]).addTo(this.map)
    const { position } = order
    if (position === undefined) this.driver.remove()
    else this.moveTo(position)
    if (isFirst || this.wasShown !== (position !== undefined)) this.look(isFirst ? 0 : 800)
    this.wasShown = position !== undefined
  }

  /** Gives the camera back to the page. */
  recentre(): void {
    this.setTheirs(false)
    this.look(500)
  }

  end(): void {
    if (this.frame !== undefined) cancelAnimationFrame(this.frame)
    this.driver.remove()
    this.destination.remove()
  }

  private setTheirs(isTheirs: boolean): void {
    if (isTheirs === this.isTheirs) return
    this.isTheirs = isTheirs
    this.onTheirs(isTheirs)
  }

  private moveTo(position: TrackedPosition): void {
    this.glide.take([{ id: driverId, ...position }], performance.now())
    this.driver.setRotation(position.headingDeg ?? 0)
    this.draw()
    this.driver.addTo(this.map)
  }

  private readonly draw = (): void => {
    const position = this.order?.position
    if (position === undefined) return
    const now = performance.now()
    const at = this.isStill ? [position.lng, position.lat] : this.glide.at({ id: driverId, ...position }, now)
    this.driver.setLngLat([at[0] ?? position.lng, at[1] ?? position.lat])
    this.keepInView(at[0] ?? position.lng, at[1] ?? position.lat)
    if (this.frame !== undefined) cancelAnimationFrame(this.frame)
    this.frame = this.glide.isMoving(now) ? requestAnimationFrame(this.draw) : undefined
  }

  private keepInView(lng: number, lat: number): void {
    if (this.isTheirs || this.map.isMoving()) return
    const { x, y } = this.map.project([lng, lat])
    const { clientWidth, clientHeight } = this.map.getContainer()
    const { top, right, bottom, left } = this.padding()
    const isSeen =
      x > left - slackPx &&
      y > top - slackPx &&
      x < clientWidth - right + slackPx &&
      y < clientHeight - bottom + slackPx
    if (!isSeen) this.look(800)
  }

  private padding(): typeof room {
    const { clientWidth, clientHeight } = this.map.getContainer()
    const across = Math.min(1, (clientWidth * roomShareMax) / (room.left + room.right))
    const down = Math.min(1, (clientHeight * roomShareMax) / (room.top + room.bottom))
    return { top: room.top * down, right: room.right * across, bottom: room.bottom * down, left: room.left * across }
  }

  private look(durationMs: number): void {
    const { destination, position } = this.order ?? {}
    if (this.isTheirs || destination === undefined) return
    const bounds = new LngLatBounds([destination.lng, destination.lat], [destination.lng, destination.lat])
    if (position !== undefined) bounds.extend([position.lng, position.lat])
    const duration = this.isStill ? 0 : durationMs
    this.map.fitBounds(bounds, { padding: this.padding(), maxZoom: closeZoomMax, duration })
  }
}
