/** An age in words: "just now", "40 s", "3 min", "2 h". Negative ages (a clock that runs ahead) count as now. */
export const ageWords = (ageMs: number): string => {
  const seconds = Math.round(ageMs / 1_000)
  if (seconds < 5) return "just now"
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`
}

/** The same after "position": "just now", "40 s ago". */
export const agoWords = (ageMs: number): string => {
  const words = ageWords(ageMs)
  return words === "just now" ? words : `${words} ago`
}
