import type { Map as MapLibre } from "maplibre-gl"
import type { Theme } from "../map/Theme.ts"
import { statusLooks, statusOrder } from "./Status.ts"

/** Icons are drawn at this many device pixels per CSS pixel, so that they are sharp on phones. */
const ratio = 2
const iconPx = 26
const clusterPx = 44

const canvasOf = (sizePx: number): CanvasRenderingContext2D => {
  const canvas = document.createElement("canvas")
  canvas.width = sizePx * ratio
  canvas.height = sizePx * ratio
  const pen = canvas.getContext("2d")
  if (pen === null) throw new Error("this browser cannot draw")
  pen.scale(ratio, ratio)
  return pen
}

const pixels = (pen: CanvasRenderingContext2D): ImageData => pen.getImageData(0, 0, pen.canvas.width, pen.canvas.height)

const put = (map: MapLibre, id: string, image: ImageData): void => {
  if (map.hasImage(id)) map.updateImage(id, image)
  else map.addImage(id, image, { pixelRatio: ratio })
}

/** Draws the sign of each status, with a halo that sets it off from streets; again after a change of theme. */
export const drawStatusIcons = (map: MapLibre, theme: Theme): void => {
  for (const status of statusOrder) {
    const { path, token } = statusLooks[status]
    const pen = canvasOf(iconPx)
    const shape = new Path2D(path)
    pen.translate(iconPx / 2 - 9, iconPx / 2 - 9)
    pen.scale(0.75, 0.75)
    pen.lineJoin = "round"
    pen.lineWidth = 4
    pen.strokeStyle = theme("--map-halo")
    pen.stroke(shape)
    pen.fillStyle = theme(token)
    pen.fill(shape, "evenodd")
    put(map, `status-${status}`, pixels(pen))
  }
}

const clusterPrefix = "cluster-"

const drawCluster = (map: MapLibre, id: string, theme: Theme): void => {
  const pen = canvasOf(clusterPx)
  const middle = clusterPx / 2
  pen.beginPath()
  pen.arc(middle, middle, middle - 3, 0, 2 * Math.PI)
  pen.fillStyle = theme("--surface")
  pen.fill()
  pen.lineWidth = 3
  pen.strokeStyle = theme("--accent")
  pen.stroke()
  pen.fillStyle = theme("--ink")
  pen.font = `650 14px ${theme("--font")}`
  pen.textAlign = "center"
  pen.textBaseline = "middle"
  pen.fillText(id.slice(clusterPrefix.length), middle, middle + 1)
  put(map, id, pixels(pen))
}

/** Draws the sign of a cluster when the map first needs its number: a style without fonts cannot write one. */
export const drawClustersOnDemand = (map: MapLibre, theme: () => Theme): void => {
  map.setMissingStyleImageResolver((id) => {
    if (id.startsWith(clusterPrefix)) drawCluster(map, id, theme())
  })
}

/** Draws the clusters that are known again, after a change of theme. */
export const redrawClusters = (map: MapLibre, theme: Theme): void => {
  for (const id of map.listImages()) if (id.startsWith(clusterPrefix)) drawCluster(map, id, theme)
}
