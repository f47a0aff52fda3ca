import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { WeirError } from '../core/errors.ts'
import { describe } from '../core/events/errors.ts'
import { detectFormat } from '../core/events/format.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { WEBHOOK_ERRORS, type WebhookErrorCode } from './errors.ts'

const unzip = promisify(gunzip)
/** CloudWatch, Pub/Sub and Event Hubs nest a few levels; an audit event inside is text, or bounded by Kubernetes. */
export const CLOUD_DEPTH_MAX = 10_200
const RECORDS_MAX = 10_000
const GZIP_MAGIC = [0x1f, 0x8b]

export type Cloud = 'eks' | 'gke' | 'aks'

function refuse(code: WebhookErrorCode, message: string, options?: ErrorOptions): never {
  throw new WeirError(WEBHOOK_ERRORS, code, message, options)
}

/** Unpacks gzip within a bound. @throws WEBHOOK_BODY_TOO_LARGE, WEBHOOK_BODY_TRUNCATED */
export async function gunzipWithin(bytes: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await unzip(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      refuse('WEBHOOK_BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes when unpacked`, { cause: error })
    }
    refuse('WEBHOOK_BODY_TRUNCATED', 'the body is not whole gzip data', { cause: error })
  }
}

/**
 * What is inside a delivery of a managed cloud: JSON texts to be spooled as they are.
 *
 * - `eks`: a request of Amazon Data Firehose to an HTTP endpoint, whose records are what a CloudWatch Logs subscription wrote
 *   (gzip), one JSON object or several one after the other; or such an object itself
 * - `gke`: a push request of Pub/Sub around a LogEntry, or the LogEntry itself (payload unwrapping)
 * - `aks`: the body of an Event Hubs message as a function forwards it: `{"records": […]}`, one record, or an array of either
 *
 * @param maxBytes bound for all that comes out together
 * @throws WEBHOOK_WRONG_ENVELOPE, WEBHOOK_BODY_TOO_LARGE, WEBHOOK_TOO_MANY_EVENTS
 */
export async function readCloudBody(cloud: Cloud, json: unknown, maxBytes: number): Promise<Buffer[]> {
  if (cloud === 'eks' && isObject(json) && Array.isArray(json.records)) return firehoseRecords(json.records, maxBytes)
  if (cloud === 'gke' && isObject(json) && isObject(json.message)) return [pubSubData(json.message)]
  if (detectFormat(json) !== cloud) {
    refuse('WEBHOOK_WRONG_ENVELOPE', `the body is ${describe(json)} that is no delivery of ${cloud}`)
  }
  return [Buffer.from(JSON.stringify(json))]
}

async function firehoseRecords(records: readonly unknown[], maxBytes: number): Promise<Buffer[]> {
  if (records.length > RECORDS_MAX) {
    refuse('WEBHOOK_TOO_MANY_EVENTS', `the request has ${records.length} records, at most ${RECORDS_MAX} are read`)
  }
  const texts: Buffer[] = []
  let left = maxBytes
  for (const [index, record] of records.entries()) {
    const data = isObject(record) ? record.data : undefined
    if (typeof data !== 'string') refuse('WEBHOOK_WRONG_ENVELOPE', `record ${index} has ${describe(data)} for data`)
    const bytes = Buffer.from(data, 'base64')
    const text = bytes[0] === GZIP_MAGIC[0] && bytes[1] === GZIP_MAGIC[1] ? await gunzipWithin(bytes, Math.max(left, 1)) : bytes
    left -= text.length
    if (left < 0) refuse('WEBHOOK_BODY_TOO_LARGE', `the records are larger than ${maxBytes} bytes when unpacked`)
    texts.push(...concatenated(text))
  }
  return texts
}

function pubSubData(message: JsonObject): Buffer {
  const { data } = message
  if (typeof data !== 'string') refuse('WEBHOOK_WRONG_ENVELOPE', `the Pub/Sub message has ${describe(data)} for data`)
  return Buffer.from(data, 'base64')
}

/**
 * The objects of a text in which they follow each other with nothing or line ends between: Firehose joins the parts of a
 * subscription record so.
 */
function concatenated(text: Buffer): Buffer[] {
  const parts: Buffer[] = []
  let start = 0
  for (let at = text.indexOf('}'); at !== -1; at = text.indexOf('}', at + 1)) {
    let next = at + 1
    while (text[next] === 0x0a || text[next] === 0x0d) next += 1
    // Only the start of a subscription record, so that text inside of a message is not taken for one.
    if (!text.subarray(next, next + SUBSCRIPTION_START.length).equals(SUBSCRIPTION_START)) continue
    parts.push(text.subarray(start, at + 1))
    start = next
  }
  parts.push(text.subarray(start))
  return parts.filter((part) => part.length > 0)
}
const SUBSCRIPTION_START = Buffer.from('{"messageType"')
