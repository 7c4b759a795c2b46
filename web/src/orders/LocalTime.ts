/** What a `datetime-local` field shows of a time: the local day and minute. */
export const localText = (unixMs: number): string => {
  const time = new Date(unixMs)
  const two = (value: number): string => String(value).padStart(2, "0")
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-")
  return `${day}T${two(time.getHours())}:${two(time.getMinutes())}`
}

/** The RFC 3339 time of such a field; undefined while it is not whole. */
export const timeOfLocal = (text: string): string | undefined => {
  const ms = text === "" ? Number.NaN : new Date(text).getTime()
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString()
}
