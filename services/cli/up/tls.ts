import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const DAYS = '365'

export interface Certificate {
  readonly cert_file: string
  readonly key_file: string
}

/**
 * A certificate for the webhook on this machine, made with openssl once and kept. For trying things out: a real installation
 * brings its own.
 * @returns null where there is no openssl; the webhook then speaks plain HTTP, on loopback only
 */
export async function localCertificate(directory: string): Promise<Certificate | null> {
  const files = { cert_file: join(directory, 'webhook.crt'), key_file: join(directory, 'webhook.key') }
  if (existsSync(files.cert_file) && existsSync(files.key_file)) return files
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const subject = ['-subj', '/CN=weir audit webhook', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.key_file]
  try {
    await run('openssl', ['req', '-x509', ...key, '-out', files.cert_file, '-days', DAYS, ...subject])
    return files
  } catch {
    return null
  }
}
