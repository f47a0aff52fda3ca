import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { messageOf, WeirError } from '../../core/errors.ts'
import { readSecret } from '../config/load.ts'
import { WEBHOOK_ERRORS } from './errors.ts'
import type { WebhookServerOptions } from './options.ts'

/** What the webhook shows and asks for, read from files. */
export interface Credentials {
  readonly cert: Buffer | null
  readonly key: Buffer | null
  readonly client_ca: Buffer | null
  /** SHA-256 of the bearer token. */
  readonly token_hash: Buffer | null
  /** Changes when any of them does. */
  readonly fingerprint: string
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest()

/**
 * Reads the files that the settings name.
 * @throws WeirError WEBHOOK_TLS_UNREADABLE: a file cannot be read, or the certificate and key do not belong together
 */
export function readCredentials({ tls, bearer_token_file }: WebhookServerOptions): Credentials {
  try {
    const read = (file: string | undefined) => (file === undefined ? null : readFileSync(file))
    const cert = read(tls?.cert_file)
    const key = read(tls?.key_file)
    const client_ca = read(tls?.client_ca_file)
    if (cert !== null && key !== null) createSecureContext({ cert, key, ...(client_ca !== null && { ca: client_ca }) })
    const token = bearer_token_file === undefined ? null : readSecret(bearer_token_file)
    if (token === '') throw new Error(`${bearer_token_file} is empty`)
    const token_hash = token === null ? null : sha256(token)
    const all = Buffer.concat([cert, key, client_ca, token_hash].map((part) => sha256(part ?? '')))
    return { cert, key, client_ca, token_hash, fingerprint: sha256(all).toString('hex') }
  } catch (error) {
    throw new WeirError(WEBHOOK_ERRORS, 'WEBHOOK_TLS_UNREADABLE', `the webhook's credentials: ${messageOf(error)}`, {
      cause: error
    })
  }
}

/** Whether a token is the right one; takes the same time for every wrong one. */
export function isToken(given: string | undefined, token_hash: Buffer): boolean {
  return timingSafeEqual(sha256(given ?? ''), token_hash)
}
