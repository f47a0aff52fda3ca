import { type Client, errors } from '@opensearch-project/opensearch'
import { messageOf, WeirError } from '../../core/errors.ts'
import { isObject, property, stringAt } from '../../core/json.ts'
import { OPENSEARCH_ERRORS } from './errors.ts'

export interface Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'HEAD'
  /** Path, its parts encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Newline-delimited JSON, for bulk requests. */
  readonly lines?: string
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/**
 * One request, one try.
 * @returns any answer, whatever its status
 * @throws OPENSEARCH_UNAVAILABLE when there is no answer, or one that is no JSON
 */
export async function request(client: Client, { method, path, query, body, lines }: Request): Promise<Answer> {
  try {
    const response = await client.transport.request({
      method,
      path,
      ...(query !== undefined && { querystring: { ...query } }),
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(lines !== undefined && { bulkBody: lines })
    })
    return { status: response.statusCode ?? 0, body: response.body }
  } catch (error) {
    if (error instanceof errors.ResponseError) return { status: error.statusCode, body: error.body }
    const message = `${method} ${path}: ${messageOf(error)}`
    throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_UNAVAILABLE', message, { cause: error })
  }
}

/** What OpenSearch says went wrong, in one line. */
export function reasonOf(body: unknown): string {
  const error = property(body, 'error')
  if (isObject(error)) return `${stringAt(error, 'type') ?? 'error'}: ${stringAt(error, 'reason') ?? 'no reason given'}`
  return typeof error === 'string' ? error : JSON.stringify(body ?? null).slice(0, 200)
}

/** As `request`, for callers that can go on with status 200 to 299 only. */
export async function demand(client: Client, wanted: Request): Promise<unknown> {
  const { status, body } = await request(client, wanted)
  if (status >= 200 && status < 300) return body
  const code = status === 401 || status === 403 ? 'OPENSEARCH_FORBIDDEN' : 'OPENSEARCH_UNAVAILABLE'
  throw new WeirError(OPENSEARCH_ERRORS, code, `${wanted.method} ${wanted.path}: ${status} ${reasonOf(body)}`)
}
