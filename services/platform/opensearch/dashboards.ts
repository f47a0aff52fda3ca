import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, WeirError } from '../../core/errors.ts'
import { isObject, property } from '../../core/json.ts'
import { readSecret } from '../config/load.ts'
import { OPENSEARCH_ERRORS } from './errors.ts'

const FILE = join(import.meta.dirname, '../../../infra/opensearch/dashboards.ndjson')
const TIMEOUT_MS = 30_000

export interface DashboardsOptions {
  /** Prefix of the indices, put into the titles of the index patterns. */
  readonly prefix: string
  readonly username?: string
  readonly password_file?: string
}

/** The saved objects for an index prefix, an object a line. */
export function dashboardsFile(prefix: string): string {
  return readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const object: unknown = JSON.parse(line)
      if (!isObject(object) || object['type'] !== 'index-pattern') return `${line}\n`
      const attributes = property(object, 'attributes')
      const title = String(property(attributes, 'title')).replace(/^weir-/, `${prefix}-`)
      return `${JSON.stringify({ ...object, attributes: { ...(isObject(attributes) && attributes), title } })}\n`
    })
    .join('')
}

/**
 * Imports the saved objects into Dashboards by its saved objects API (`POST /api/saved_objects/_import`), over those that are
 * there.
 * @param url base URL of Dashboards; a private CA is given to Node with NODE_EXTRA_CA_CERTS
 * @returns number of objects imported
 * @throws OPENSEARCH_UNAVAILABLE without an answer, OPENSEARCH_DASHBOARDS_REFUSED when it is not a yes
 */
export async function importDashboards(url: string, options: DashboardsOptions): Promise<number> {
  const form = new FormData()
  form.set('file', new Blob([dashboardsFile(options.prefix)], { type: 'application/ndjson' }), 'dashboards.ndjson')
  const target = new URL('api/saved_objects/_import?overwrite=true', url.endsWith('/') ? url : `${url}/`)
  const credentials =
    options.username === undefined || options.password_file === undefined
      ? null
      : Buffer.from(`${options.username}:${readSecret(options.password_file)}`).toString('base64')
  let status: number
  let text: string
  try {
    const response = await fetch(target, {
      method: 'POST',
      // Dashboards refuses writes without it: its guard against cross-site requests.
      headers: { 'osd-xsrf': 'true', ...(credentials !== null && { authorization: `Basic ${credentials}` }) },
      body: form,
      signal: AbortSignal.timeout(TIMEOUT_MS)
    })
    status = response.status
    text = await response.text()
  } catch (error) {
    const message = `Dashboards at ${url} does not answer: ${messageOf(error)}`
    throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_UNAVAILABLE', message, { cause: error })
  }
  const answer = parse(text)
  const count = property(answer, 'successCount')
  if (status === 200 && property(answer, 'success') === true && typeof count === 'number') return count
  const message = `Dashboards at ${url} answers ${status}: ${text.slice(0, 300)}`
  throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_DASHBOARDS_REFUSED', message)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
