/**
 * The server's clock minus this device's, to the second: phones' clocks may be minutes off, and the age of a position must not be.
 * Zero when the server cannot be asked.
 */
export const serverAheadMs = async (): Promise<number> => {
  try {
    const sentMs = Date.now()
    const response = await fetch("/livez", { cache: "no-store" })
    const date = Date.parse(response.headers.get("date") ?? "")
    // The header has whole seconds: on average the server is half a second further.
    return Number.isNaN(date) ? 0 : date + 500 - (sentMs + Date.now()) / 2
  } catch {
    return 0
  }
}
