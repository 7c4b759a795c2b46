import { readProblem, ServerUnreachable } from "./Problem.ts"
import type { RestClient } from "./RestClient.ts"

/**
 * The bytes of a stored file.
 * @throws Problem when there is no such file for whoever asks, ServerUnreachable when nobody answers.
 */
export const downloadFile = async (rest: RestClient, fileId: string): Promise<Uint8Array> => {
  const { url } = await rest.get<{ readonly url: string }>(`/v1/files/${encodeURIComponent(fileId)}/download`)
  let response: Response
  try {
    response = await fetch(url)
  } catch (cause) {
    throw new ServerUnreachable(url, cause)
  }
  if (!response.ok) throw await readProblem(`GET ${fileId}`, response)
  return new Uint8Array(await response.arrayBuffer())
}
