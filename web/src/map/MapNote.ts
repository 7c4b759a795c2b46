import type { IControl } from "maplibre-gl"

/** A quiet sentence at the edge of the map. */
export class MapNote implements IControl {
  private readonly element = document.createElement("p")

  constructor(text: string) {
    this.element.className = "maplibregl-ctrl map-side-note"
    this.element.setAttribute("role", "status")
    this.element.textContent = text
  }

  onAdd(): HTMLElement {
    return this.element
  }

  onRemove(): void {
    this.element.remove()
  }
}
