import { Problem } from "../../client/Problem.ts"
import type { DriverLocation, RestClient } from "../../client/RestClient.ts"
import { nearestStreet, placeMetres } from "../../domain/simulation/StreetNetwork.ts"
import type { City, SimulatedDriver } from "./SimulatedDriver.ts"

const requestsAtOnceMax = 16
/** One request for each: beyond this the server's quota would hold up the start, and nobody watches a single marker of so many. */
const askedMax = 1_000
/** Further from any street than this, a driver was left by another city. Metres. */
const besideMMax = 60

/** Lets drivers of an earlier run (`oldIds`) go on from the last place that the server has of them, so that no marker jumps. */
export const resumePlaces = async (rest: RestClient, city: City, oldIds: ReadonlySet<string>): Promise<void> => {
  const old = city.drivers.filter(({ driverId }) => oldIds.has(driverId)).slice(0, askedMax)
  let next = 0
  const work = async (): Promise<void> => {
    for (let driver = old[next++]; driver !== undefined; driver = old[next++]) {
      const place = await lastPlace(rest, driver)
      if (place !== undefined) resume(city, driver, place)
    }
  }
  await Promise.all(Array.from({ length: requestsAtOnceMax }, work))
}

const lastPlace = async (rest: RestClient, { driverId }: SimulatedDriver): Promise<DriverLocation | undefined> => {
  try {
    return await rest.driverLocation(driverId)
  } catch (cause) {
    if (cause instanceof Problem && cause.code === "location_unknown") return undefined
    throw cause
  }
}

const resume = ({ network }: City, { motion }: SimulatedDriver, place: DriverLocation): void => {
  const { x, y } = placeMetres(network, place.lat, place.lng)
  const found = nearestStreet(network, x, y, place.heading_deg ?? 0)
  if (found.besideM <= besideMMax) motion.beginIn(found)
}
