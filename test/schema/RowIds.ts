/** A UUIDv7-shaped id that says whose it is. */
export const idOf = (n: number): string => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`

export const hash = `\\x${"ab".repeat(32)}`
export const now = new Date().toISOString()
export const later = new Date(Date.now() + 3_600_000).toISOString()

export const user = idOf(1)
export const customer = idOf(2)
export const wechat = idOf(3)
export const session = idOf(4)
export const key = idOf(5)
export const vehicle = idOf(6)
export const driver = idOf(7)
export const device = idOf(8)
export const driverSession = idOf(9)
export const product = idOf(10)
export const address = idOf(11)
export const order = idOf(12)
export const payment = idOf(13)
export const shipment = idOf(14)
export const assignment = idOf(15)
export const run = idOf(16)
export const file = idOf(17)
export const ad = idOf(18)
export const thread = idOf(19)
export const message = idOf(20)
export const report = idOf(21)
export const webhook = idOf(22)
