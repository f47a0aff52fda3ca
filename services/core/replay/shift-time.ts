import { replayError } from './errors.ts'

/**
 * Moves a recording in time: rewrites the times in raw records (audit events with the objects in their bodies, Tetragon's export,
 * kubectl's lists), so that a recording can end now. Ids and everything else stay as they are.
 */

/** Members that hold a time in the records Weir reads, and in Kubernetes objects. */
const TIME_MEMBERS: ReadonlySet<string> = new Set([
  // audit.k8s.io/v1
  'requestReceivedTimestamp',
  'stageTimestamp',
  // Tetragon; `time` is also that of managedFields
  'time',
  'start_time',
  // Kubernetes objects
  'creationTimestamp',
  'deletionTimestamp',
  'expirationTimestamp',
  'firstTimestamp',
  'lastTimestamp',
  'eventTime',
  'lastObservedTime',
  'lastTransitionTime',
  'lastUpdateTime',
  'lastProbeTime',
  'lastHeartbeatTime',
  'startTime',
  'startedAt',
  'finishedAt',
  'completionTime',
  'lastScheduleTime',
  'lastSuccessfulTime',
  'lastScaleTime',
  'renewTime',
  'acquireTime',
  'kubectl.kubernetes.io/restartedAt',
  'batch.kubernetes.io/cronjob-scheduled-timestamp'
])

/** Deeper than any Kubernetes object; a record beyond it is not replayed. */
const MAX_DEPTH = 128

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/
const MICROS_DIGITS = 6
const SECOND_US = 1_000_000
/** 0001-01-01T00:00:00Z and the second after 9999-12-31T23:59:59Z. */
const FIRST_SECOND = -62_135_596_800
const END_SECOND = 253_402_300_800

interface Parts {
  /** Seconds since the epoch of the wall clock that is written, without its zone. */
  readonly seconds: number
  /** The digits after the point, empty when there is none. */
  readonly fraction: string
  readonly zone: string
}

function partsOf(text: string): Parts | null {
  const match = RFC3339.exec(text)
  if (match === null) return null
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match
  const date = new Date(0)
  // Date.UTC would take the years 0 to 99 for 1900 to 1999
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second))
  const seconds = date.getTime() / 1000
  if (seconds < FIRST_SECOND || seconds >= END_SECOND) return null
  // a day or hour that does not exist rolls over, and then the text is no time
  return date.toISOString().slice(0, 19) === text.slice(0, 19) ? { seconds, fraction, zone } : null
}

/**
 * Shifts a time written as RFC 3339 and keeps its form: as many digits after the point, the same zone. What the form cannot
 * express of the shift is cut off towards zero, so that shifting there and back gives the same text. With six digits or more
 * the result is exact to the microsecond; without any, to the second.
 * @param delta_us microseconds, negative for the past
 * @returns text that is no such time is given back as it is
 * @throws REPLAY_TIME_OUT_OF_RANGE
 */
export function shiftTimestamp(text: string, delta_us: number): string {
  const parts = partsOf(text)
  if (parts === null) return text
  const { fraction, zone } = parts
  const digits = fraction.length
  // one unit of the last digit, in microseconds, and how many of them make a second
  const unit_us = 10 ** Math.max(0, MICROS_DIGITS - digits)
  const perSecond = 10 ** digits
  const deltaSeconds = Math.trunc(delta_us / SECOND_US)
  const rest_us = Math.trunc((delta_us - deltaSeconds * SECOND_US) / unit_us) * unit_us
  const units = Number(fraction === '' ? 0 : fraction) + (rest_us * perSecond) / SECOND_US
  const carry = Math.floor(units / perSecond)
  const seconds = parts.seconds + deltaSeconds + carry
  if (seconds < FIRST_SECOND || seconds >= END_SECOND)
    throw replayError('REPLAY_TIME_OUT_OF_RANGE', `${text} shifted by ${delta_us} µs is no year of four digits`)
  const point = digits === 0 ? '' : `.${String(units - carry * perSecond).padStart(digits, '0')}`
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${point}${zone}`
}

function shifted(value: unknown, delta_us: number, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH)
    throw replayError('REPLAY_RECORD_TOO_DEEP', `a record is nested more than ${MAX_DEPTH} levels deep`)
  if (Array.isArray(value)) return value.map((element) => shifted(element, delta_us, depth + 1))
  // fromEntries defines own members, whatever their names
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      typeof member === 'string' && TIME_MEMBERS.has(key)
        ? shiftTimestamp(member, delta_us)
        : shifted(member, delta_us, depth + 1)
    ])
  )
}

/**
 * A raw record with all its times shifted; the record given is not changed.
 * @param record parsed JSON: an audit event, a line of Tetragon's export, a Kubernetes object or list
 * @param delta_us whole microseconds, negative for the past
 * @throws REPLAY_DELTA_INVALID, REPLAY_TIME_OUT_OF_RANGE, REPLAY_RECORD_TOO_DEEP
 */
export function shiftTimes<T>(record: T, delta_us: number): T {
  if (!Number.isSafeInteger(delta_us))
    throw replayError('REPLAY_DELTA_INVALID', `a shift of ${delta_us} is not a whole number of microseconds`)
  // the shape is the same: only strings are replaced, by strings
  return shifted(record, delta_us, 0) as T
}

/**
 * The shift that makes a recording end at a time, rounded down to whole seconds: times with and without fractions then keep
 * their order among each other.
 * @param last_us time of the recording's last record, microseconds since the epoch
 * @param end_us when it is to be, microseconds since the epoch
 */
export function shiftToEndAt(last_us: number, end_us: number): number {
  return Math.floor((end_us - last_us) / SECOND_US) * SECOND_US
}
