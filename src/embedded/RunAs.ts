import { readFileSync, statSync } from "node:fs"
import { dirname } from "node:path"

/** The account that the embedded servers run under; undefined means the current user's. */
export interface RunAs {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL refuses to run as root, so root starts the servers as `postgres`, or `nobody` where that account is missing. */
export const unprivilegedAccount = (passwd: string = readFileSync("/etc/passwd", "utf8")): RunAs | undefined => {
  const accounts = passwd.split("\n").map((line) => line.split(":"))
  for (const name of ["postgres", "nobody"]) {
    const account = accounts.find((fields) => fields[0] === name)
    const uid = Number(account?.[2])
    const gid = Number(account?.[3])
    if (uid > 0 && gid > 0) return { name, uid, gid }
  }
  return undefined
}

export const isRoot = (): boolean => process.getuid?.() === 0

/** Whether the account may pass through every folder above and including `path`, by the mode bits. */
export const canTraverse = (account: RunAs, path: string): boolean => {
  const { uid, gid, mode } = statSync(path)
  const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
  if ((mode & bit) === 0) return false
  const parent = dirname(path)
  return parent === path || canTraverse(account, parent)
}
