/** IUGG mean earth radius R1, metres. */
export const earthRadiusM = 6_371_008.8

const e7ToRadians = Math.PI / 180 / 1e7

/**
 * Great-circle distance in metres between two points in degrees x 10^7, by the haversine formula (Sinnott 1984), which keeps
 * its precision for the few metres between two fixes. Across the antimeridian the shorter way.
 */
export const distanceM = (aLatE7: number, aLngE7: number, bLatE7: number, bLngE7: number): number => {
  const halfLat = ((bLatE7 - aLatE7) * e7ToRadians) / 2
  const halfLng = ((bLngE7 - aLngE7) * e7ToRadians) / 2
  const sinLat = Math.sin(halfLat)
  const sinLng = Math.sin(halfLng)
  const h = sinLat * sinLat + Math.cos(aLatE7 * e7ToRadians) * Math.cos(bLatE7 * e7ToRadians) * sinLng * sinLng
  return 2 * earthRadiusM * Math.asin(Math.min(1, Math.sqrt(h)))
}

/** Initial bearing from a to b in hundredths of a degree from true north, 0..35999. */
export const bearingCdeg = (aLatE7: number, aLngE7: number, bLatE7: number, bLngE7: number): number => {
  const aLat = aLatE7 * e7ToRadians
  const bLat = bLatE7 * e7ToRadians
  const dLng = (bLngE7 - aLngE7) * e7ToRadians
  const y = Math.sin(dLng) * Math.cos(bLat)
  const x = Math.cos(aLat) * Math.sin(bLat) - Math.sin(aLat) * Math.cos(bLat) * Math.cos(dLng)
  return (Math.round((Math.atan2(y, x) * 18_000) / Math.PI) + 36_000) % 36_000
}
