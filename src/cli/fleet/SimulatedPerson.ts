import type { PlayedDriver } from "./DriverAccounts.ts"

const firstNames = [
  "Amara",
  "Bruno",
  "Chiara",
  "Dmitri",
  "Elif",
  "Farid",
  "Greta",
  "Hugo",
  "Ines",
  "Jonas",
  "Kenji",
  "Leila",
  "Mateo",
  "Nadia",
  "Oskar",
  "Priya",
  "Quentin",
  "Rosa",
  "Samir",
  "Tessa",
  "Umar",
  "Vera",
  "Wanda",
  "Yusuf",
  "Zoe"
]
const lastNames = ["Abel", "Berg", "Costa", "Dahl", "Engel", "Fontana", "Gomez", "Haas", "Ivanov", "Jansen", "Kaya"]
const vehicles = [{ type: "van" }, { type: "car" }, { type: "van" }, { type: "motorbike" }] as const

/** The driver of an index (from 0) within a domain of addresses; the same in every run. */
export const simulatedPerson = (index: number, domain: string): PlayedDriver => {
  const first = firstNames[index % firstNames.length] ?? ""
  const last = lastNames[index % lastNames.length] ?? ""
  // Names repeat only after 275 drivers, since 25 and 11 have no common divisor; from there on a numeral tells them apart.
  const generation = Math.floor(index / (firstNames.length * lastNames.length))
  return {
    email: `driver-${String(index + 1).padStart(5, "0")}@${domain}`,
    name: generation === 0 ? `${first} ${last}` : `${first} ${last} ${generation + 1}`,
    vehicle: vehicles[index % vehicles.length] ?? vehicles[0]
  }
}
