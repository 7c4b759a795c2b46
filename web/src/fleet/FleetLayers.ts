import type { Feature, FeatureCollection, Point } from "geojson"
import type { ExpressionSpecification, GeoJSONSource, Map as MapLibre } from "maplibre-gl"
import type { Theme } from "../map/Theme.ts"
import { statusLooks } from "./Status.ts"

/** What the map knows of a driver's marker. */
export interface MarkerProperties {
  readonly id: string
  readonly icon: string
  /** Degrees the sign is turned by. */
  readonly turn: number
  /** 0 fresh, 1 old, 2 very old. */
  readonly fade: 0 | 1 | 2
}

/** A driver's marker. */
export type MarkerFeature = Feature<Point, MarkerProperties>

/** Names of the fleet's sources and layers. */
export const fleetIds = {
  drivers: "fleet-drivers",
  clusters: "fleet-clusters",
  trail: "fleet-trail",
  trailEdge: "fleet-trail-edge"
} as const

/** Up to this zoom drivers who would cover each other are counted. */
export const clusterZoomMax = 12

const fade: ExpressionSpecification = ["match", ["get", "fade"], 0, 1, 1, 0.55, 0.3]
const size: ExpressionSpecification = ["interpolate", ["linear"], ["zoom"], 9, 0.62, 13, 0.8, 16, 1.05]

const empty: FeatureCollection = { type: "FeatureCollection", features: [] }

/** Adds the fleet's sources and layers on top of a map. */
export const addFleetLayers = (map: MapLibre, theme: Theme): void => {
  map.addSource(fleetIds.trail, { type: "geojson", data: empty })
  map.addSource(fleetIds.drivers, {
    type: "geojson",
    data: empty,
    cluster: true,
    clusterMaxZoom: clusterZoomMax,
    clusterRadius: 44,
    clusterMinPoints: 5
  })
  map.addLayer({
    id: fleetIds.trailEdge,
    type: "line",
    source: fleetIds.trail,
    layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": theme("--map-halo"), "line-width": 6, "line-opacity": 0.85 }
  })
  map.addLayer({
    id: fleetIds.trail,
    type: "line",
    source: fleetIds.trail,
    layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": theme("--focus"), "line-width": 3 }
  })
  map.addLayer({
    id: fleetIds.drivers,
    type: "symbol",
    source: fleetIds.drivers,
    filter: ["!", ["has", "point_count"]],
    layout: {
      "icon-image": ["get", "icon"],
      "icon-rotate": ["get", "turn"],
      "icon-rotation-alignment": "map",
      "icon-size": size,
      "icon-allow-overlap": true,
      "icon-ignore-placement": true
    },
    paint: { "icon-opacity": fade }
  })
  map.addLayer({
    id: fleetIds.clusters,
    type: "symbol",
    source: fleetIds.drivers,
    filter: ["has", "point_count"],
    layout: {
      "icon-image": ["concat", "cluster-", ["to-string", ["get", "point_count_abbreviated"]]],
      "icon-allow-overlap": true,
      "icon-ignore-placement": true
    }
  })
}

/** Colours that follow the theme. */
export const paintFleetLayers = (map: MapLibre, theme: Theme): void => {
  map.setPaintProperty(fleetIds.trailEdge, "line-color", theme("--map-halo"))
  map.setPaintProperty(fleetIds.trail, "line-color", theme("--focus"))
}

/** A source of the fleet. */
export const fleetSource = (map: MapLibre, id: string): GeoJSONSource => {
  const source = map.getSource<GeoJSONSource>(id)
  if (source === undefined) throw new Error(`the map has no source ${id}`)
  return source
}

/** A driver's marker at `[lng, lat]`. */
export const markerOf = (
  driver: { readonly id: string; readonly status: keyof typeof statusLooks; readonly headingDeg: number | undefined },
  at: [number, number],
  fadeStep: MarkerProperties["fade"]
): MarkerFeature => ({
  type: "Feature",
  properties: {
    id: driver.id,
    icon: `status-${driver.status}`,
    turn: statusLooks[driver.status].turns ? (driver.headingDeg ?? 0) : 0,
    fade: fadeStep
  },
  geometry: { type: "Point", coordinates: at }
})
