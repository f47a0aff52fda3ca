import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { messageOf } from '../core/errors.ts'
import { VERSION } from '../platform/version.ts'
import type { ResponderOptions } from './options.ts'
import type { Delivered } from './perform.ts'

const TIMEOUT_MS = 5_000

/** Signature of a body, as receivers check it: HMAC-SHA256 over time and body, so that it cannot be sent again later. */
export function signatureOf(secret: string, time_ms: number, body: string): string {
  return `t=${time_ms},v1=${createHmac('sha256', secret).update(`${time_ms}.${body}`).digest('hex')}`
}

/** Tells everybody in the settings. One that cannot be reached costs the others nothing. */
export function createNotify(targets: ResponderOptions['notify'], now_ms: () => number) {
  const withSecrets = targets.map(({ url, secret_file }) => ({
    url,
    secret: secret_file === undefined ? null : readFileSync(secret_file, 'utf8').trim()
  }))
  return async (body: string): Promise<Delivered> => {
    const answers = await Promise.all(
      withSecrets.map(async ({ url, secret }) => {
        const headers = {
          'content-type': 'application/json',
          'user-agent': `weir-responder/${VERSION}`,
          ...(secret === null ? {} : { 'x-weir-signature': signatureOf(secret, now_ms(), body) })
        }
        try {
          const { status } = await fetch(url, {
            method: 'POST',
            headers,
            body,
            redirect: 'error',
            signal: AbortSignal.timeout(TIMEOUT_MS)
          })
          return { status, text: String(status) }
        } catch (error) {
          return { status: 0, text: messageOf(error) }
        }
      })
    )
    const worst = answers.find(({ status }) => status < 200 || status >= 300)
    // The address itself may be a secret: Slack's are.
    return {
      status: worst?.status ?? 200,
      message: answers.map(({ text }, place) => `${place + 1}: ${text}`).join('; ')
    }
  }
}
