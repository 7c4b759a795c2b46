import type { FileRow } from "../../persistence/files/FileRepo.ts"

const extensionOf = (mime: string): string => mime.slice(mime.indexOf("/") + 1)

/** How a file is to be saved (RFC 6266): the plain name for old programs, the whole one beside it. */
export const contentDisposition = ({ id, name, mime }: FileRow): string => {
  const whole = name ?? `${id}.${extensionOf(mime)}`
  const plain = whole.replace(/[^A-Za-z0-9._-]/g, "_")
  const encoded = encodeURIComponent(whole.toWellFormed()).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
