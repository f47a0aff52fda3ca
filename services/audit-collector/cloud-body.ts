import { WeirError } from '../core/errors.ts'
import { describe } from '../core/events/errors.ts'
import { detectFormat } from '../core/events/format.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { WEBHOOK_ERRORS, type WebhookErrorCode } from '../platform/webhook/errors.ts'
import { gunzipWithin } from '../platform/webhook/gunzip.ts'

const RECORDS_MAX = 10_000
const GZIP_MAGIC = [0x1f, 0x8b]
const LINE_FEED = Buffer.from('\n')
const SUBSCRIPTION_START = Buffer.from('{"messageType"')

export type Cloud = 'eks' | 'gke' | 'aks' | 'cloudtrail'

function refuse(code: WebhookErrorCode, message: string, options?: ErrorOptions): never {
  throw new WeirError(WEBHOOK_ERRORS, code, message, options)
}

/** What came out of a delivery, as the spool takes it. */
export interface CloudBody {
  readonly form: 'lines' | 'json'
  readonly body: Buffer
}

/**
 * What is inside a delivery of a managed cloud. Only the envelope is looked at: what is wrong inside becomes a dead letter later,
 * since a cloud that is refused would deliver the same again and again.
 *
 * - `eks`: a request of Amazon Data Firehose to an HTTP endpoint, whose records are what a CloudWatch Logs subscription wrote
 *   (gzip), or what Firehose has unpacked or extracted from it; or one such object itself
 * - `gke`: a push request of Pub/Sub around a LogEntry, or the LogEntry itself (payload unwrapping)
 * - `aks`: the body of an Event Hubs message as a function forwards it: `{"records": […]}`, one record, or an array of either
 * - `cloudtrail`: a request of Firehose as above, around records of a trail or what CloudWatch Logs or EventBridge made of them; or
 *   one record, file or delivery itself
 *
 * @param maxBytes bound for all that comes out together
 * @throws WEBHOOK_WRONG_ENVELOPE, WEBHOOK_BODY_TOO_LARGE, WEBHOOK_BODY_TRUNCATED, WEBHOOK_TOO_MANY_EVENTS
 */
export async function readCloudBody(cloud: Cloud, json: unknown, maxBytes: number): Promise<CloudBody> {
  if ((cloud === 'eks' || cloud === 'cloudtrail') && isObject(json) && Array.isArray(json.records)) {
    return { form: 'lines', body: await firehoseRecords(json.records, maxBytes) }
  }
  if (cloud === 'gke' && isObject(json) && isObject(json.message))
    return { form: 'json', body: pubSubData(json.message) }
  if (detectFormat(json) !== cloud) {
    refuse('WEBHOOK_WRONG_ENVELOPE', `the body is ${describe(json)} that is no delivery of ${cloud}`)
  }
  return { form: 'json', body: Buffer.from(JSON.stringify(json)) }
}

async function firehoseRecords(records: readonly unknown[], maxBytes: number): Promise<Buffer> {
  if (records.length > RECORDS_MAX) {
    refuse('WEBHOOK_TOO_MANY_EVENTS', `the request has ${records.length} records, at most ${RECORDS_MAX} are read`)
  }
  const texts: Buffer[] = []
  let left = maxBytes
  for (const [index, record] of records.entries()) {
    const data = isObject(record) ? record.data : undefined
    if (typeof data !== 'string') refuse('WEBHOOK_WRONG_ENVELOPE', `record ${index} has ${describe(data)} for data`)
    const bytes = Buffer.from(data, 'base64')
    const text =
      bytes[0] === GZIP_MAGIC[0] && bytes[1] === GZIP_MAGIC[1] ? await gunzipWithin(bytes, Math.max(left, 1)) : bytes
    left -= text.length
    if (left < 0) refuse('WEBHOOK_BODY_TOO_LARGE', `the records are larger than ${maxBytes} bytes when unpacked`)
    for (const part of concatenated(text)) texts.push(part, LINE_FEED)
  }
  return Buffer.concat(texts)
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
    const next = at + 1
    // Inside of a string the quote would be escaped, so this is the start of another record.
    if (!text.subarray(next, next + SUBSCRIPTION_START.length).equals(SUBSCRIPTION_START)) continue
    parts.push(text.subarray(start, at + 1))
    start = next
  }
  parts.push(text.subarray(start))
  return parts.filter((part) => part.length > 0)
}
