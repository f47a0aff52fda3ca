import { isObject, type JsonObject } from '../json.ts'

/** Nothing in an event is nested nearly as deep. */
const DEPTH_MAX = 32

/** Seconds and nanoseconds since the epoch as the export file writes a time. */
function timeText(seconds: unknown, nanos: unknown): string | null {
  const whole = Number(seconds)
  const fraction = Number(nanos)
  const date = new Date(whole * 1000)
  if (Number.isNaN(date.getTime()) || !(fraction >= 0 && fraction < 1e9)) return null
  // Protobuf's JSON has no fraction, or one of three, six or nine digits.
  const digits = String(fraction).padStart(9, '0')
  const kept = fraction === 0 ? '' : `.${digits.replace(/(?:000){1,2}$/, '')}`
  return `${date.toISOString().slice(0, 19)}${kept}Z`
}

/** The first names of enumerations, which stand for nothing. */
const UNSET: ReadonlySet<string> = new Set(['KPROBE_ACTION_UNKNOWN', 'THROTTLE_UNKNOWN'])

/** What protobuf's JSON leaves out of a message: fields that are as if they were not there. */
function isAbsent(key: string, value: unknown): boolean {
  // An argument is there or not, also when it is zero or empty.
  if (key.endsWith('_arg')) return value === null || value === undefined
  if (Array.isArray(value)) return value.length === 0
  if (typeof value === 'string') return value === '' || UNSET.has(value) || isZeroOf(key, value)
  return value === null || value === undefined || value === 0 || value === false
}

/** 64-bit numbers come as text, so that none loses digits. */
const LONGS: ReadonlySet<string> = new Set(['number', 'cookie', 'orig_size', 'Config', 'ProbeOffset'])
const isZeroOf = (key: string, value: string): boolean => value === '0' && LONGS.has(key)

function jsonOf(value: unknown, depth: number): unknown {
  if (depth === 0) return null
  if (Array.isArray(value)) return value.map((item) => jsonOf(item, depth - 1))
  if (!isObject(value)) return value
  if ('of_value' in value) return value.of_value
  if ('of_seconds' in value) return timeText(value.of_seconds, value.of_nanos)
  const json: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    const inner = value[key]
    if (key === '__proto__' || isAbsent(key, inner)) continue
    // Labels are text by any name.
    json[key] = key === 'pod_labels' ? inner : jsonOf(inner, depth - 1)
  }
  return json
}

/**
 * An event of Tetragon's gRPC stream as its export file has it, so that both are read in one way.
 * @param message message `GetEventsResponse` with all fields (absent ones at their defaults), names as in the API, enumerations by
 *   name, 64-bit numbers as text; wrapped values as `{of_value}`, times as `{of_seconds, of_nanos}`
 * @returns JSON as a line of the export file, without fields that are not read
 */
export function tetragonExportOf(message: JsonObject): JsonObject {
  const json = jsonOf(message, DEPTH_MAX)
  return isObject(json) ? json : {}
}
