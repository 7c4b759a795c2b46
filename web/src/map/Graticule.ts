import type { FeatureCollection, LineString } from "geojson"

/** Distances between lines, degrees. */
const steps = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
const linesWanted = 7

/** Meridians and parallels through a part of the map (degrees): a measure to see motion by where no street is known. */
export const graticule = (
  west: number,
  south: number,
  east: number,
  north: number
): FeatureCollection<LineString, { readonly isMajor: boolean }> => {
  const step = steps.find((size) => (east - west) / size >= linesWanted) ?? 0.001
  const lines: Array<{ readonly coordinates: Array<[number, number]>; readonly isMajor: boolean }> = []
  const first = (edge: number): number => Math.floor(edge / step) - 1
  for (let i = first(west); i * step <= east + step; i++) {
    const lng = i * step
    lines.push({ coordinates: along(south - step, north + step, step, (lat) => [lng, lat]), isMajor: i % 5 === 0 })
  }
  for (let i = first(south); i * step <= north + step; i++) {
    const lat = i * step
    if (Math.abs(lat) > 85) continue
    lines.push({
      coordinates: [
        [west - step, lat],
        [east + step, lat]
      ],
      isMajor: i % 5 === 0
    })
  }
  return {
    type: "FeatureCollection",
    features: lines.map(({ coordinates, isMajor }) => ({
      type: "Feature",
      properties: { isMajor },
      geometry: { type: "LineString", coordinates }
    }))
  }
}

const along = (
  from: number,
  to: number,
  step: number,
  at: (lat: number) => [number, number]
): Array<[number, number]> => {
  const points: Array<[number, number]> = []
  for (let lat = Math.max(-85, from); lat < Math.min(85, to); lat += Math.max(step, 1)) points.push(at(lat))
  points.push(at(Math.min(85, to)))
  return points
}
