import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'

/** Posts JSON. @param ca certificate authority to trust, PEM; undefined for the usual ones */
export function postJson(
  url: string,
  body: string,
  options: { readonly ca: Buffer | undefined; readonly signal: AbortSignal }
): Promise<{ readonly status: number; readonly text: string }> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: 'POST',
        signal: options.signal,
        headers: { 'content-type': 'application/json' },
        ...(options.ca && { ca: options.ca })
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') })
        )
      }
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
