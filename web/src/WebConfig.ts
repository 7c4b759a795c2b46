/** What the server tells its pages. */
export interface WebConfig {
  /** A MapLibre style of the operator's choice; without one the pages draw their own map. */
  readonly mapStyleUrl: string | undefined
}

/** Reads what the server wrote into the page. */
export const webConfig = (): WebConfig => {
  const { map_style_url: url } = JSON.parse(document.getElementById("web-config")?.textContent ?? "{}") as {
    readonly map_style_url?: unknown
  }
  return { mapStyleUrl: typeof url === "string" ? url : undefined }
}

/** The address of a stream on the server that served the page. */
export const streamUrl = (path: string): string => `${location.origin.replace(/^http/, "ws")}${path}`
