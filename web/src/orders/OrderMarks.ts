import { LngLatBounds, type Map as MapLibre, Marker } from "maplibre-gl"
import { prefersStill } from "../map/Motion.ts"

/** Where an order is fetched and brought, degrees. */
export interface OrderPlaces {
  readonly pickup: { readonly lat: number; readonly lng: number } | undefined
  readonly dropoff: { readonly lat: number; readonly lng: number } | undefined
}

const box = `<svg viewBox="0 0 32 40" width="32" height="40" aria-hidden="true"><path class="pin-body" d="M5 1h22a4 4 0 0 1 4 4v20a4 4 0 0 1-4 4h-6l-5 9-5-9H5a4 4 0 0 1-4-4V5a4 4 0 0 1 4-4z"/><path class="pin-home" d="M8 11l8-4 8 4v9l-8 4-8-4zm2.6 1L16 14.7 21.4 12 16 9.3z"/></svg>`
const pin = `<svg viewBox="0 0 32 40" width="32" height="40" aria-hidden="true"><path class="pin-body" d="M16 1C7.7 1 1 7.7 1 16c0 10.5 15 23 15 23s15-12.5 15-23C31 7.7 24.3 1 16 1z"/><path class="pin-home" d="M16 8.5l-7 6V23h5v-5h4v5h5v-8.5z"/></svg>`

const fitZoomMax = 15
const fitMs = 700
/** Room at the edges for pins and their names, and for the panel that lies over the map on a wide screen. CSS pixels. */
const roomPx = 72
const panelPx = 480
/** From this width of the map on there is place for the panel beside what is shown. CSS pixels. */
const wideMapPx = 760

const mark = (className: string, svg: string, name: string): Marker => {
  const element = document.createElement("div")
  element.className = `pin ${className}`
  element.innerHTML = svg
  element.appendChild(document.createElement("span")).textContent = name
  element.setAttribute("role", "img")
  element.setAttribute("aria-label", name)
  return new Marker({ element, anchor: "bottom" })
}

/** The chosen order on the map: pickup and drop-off, told apart by shape and word. */
export class OrderMarks {
  private readonly map: MapLibre
  private readonly pickup = mark("pin-pickup", box, "Pickup")
  private readonly dropoff = mark("pin-dropoff", pin, "Drop-off")
  private readonly isStill = prefersStill()

  constructor(map: MapLibre) {
    this.map = map
  }

  show(places: OrderPlaces | undefined): void {
    this.put(this.pickup, places?.pickup)
    this.put(this.dropoff, places?.dropoff)
  }

  /** Brings places into view, clear of the panel. */
  fit(places: ReadonlyArray<{ readonly lat: number; readonly lng: number }>): void {
    if (places.length === 0) return
    const bounds = new LngLatBounds()
    for (const { lat, lng } of places) bounds.extend([lng, lat])
    const isWide = this.map.getContainer().clientWidth >= wideMapPx
    const padding = { top: roomPx, bottom: roomPx / 2, left: roomPx, right: isWide ? panelPx : roomPx }
    this.map.fitBounds(bounds, { padding, maxZoom: fitZoomMax, duration: this.isStill ? 0 : fitMs })
  }

  private put(marker: Marker, place: OrderPlaces["pickup"]): void {
    if (place === undefined) marker.remove()
    else marker.setLngLat([place.lng, place.lat]).addTo(this.map)
  }
}
