/** Largest time that is believed: the start of the year 2100, far from the edges of an Avro long. */
const END_SECONDS = 4_102_444_800
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const LONGEST_TEXT = 64

/** The decimal number in text[start, end), or -1 when there is anything but digits. */
function digits(text: string, start: number, end: number): number {
  let number = 0
  for (let index = start; index < end; index++) {
    const digit = text.charCodeAt(index) - 48
    if (!(digit >= 0 && digit <= 9)) return -1
    number = number * 10 + digit
  }
  return number
}

/** Days from 1970-01-01 to a date of the Gregorian calendar, by counting from March so that the leap day comes last. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

function daysInMonth(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && leap ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0)
}

/**
 * Offset from UTC in seconds of the text from `start` on, or null when that is no zone. No zone at all means UTC.
 * Takes Z, UTC, +hh, +hhmm, +hh:mm, also after a blank and followed by the zone's name as Go prints it.
 */
function zoneOffset(text: string, start: number): number | null {
  if (start === text.length) return 0
  const zone = text.slice(start).trim()
  if (zone === 'Z' || zone === 'z' || zone === 'UTC') return 0
  const sign = zone.charCodeAt(0) === 43 ? 1 : zone.charCodeAt(0) === 45 ? -1 : 0
  if (sign === 0) return null
  const named = zone.endsWith(' UTC') ? zone.slice(0, -4) : zone
  const colon = named.charCodeAt(3) === 58 ? 1 : 0
  const hours = digits(named, 1, 3)
  const minutes = named.length === 3 ? 0 : digits(named, 3 + colon, 5 + colon)
  if (named.length !== 3 && named.length !== 5 + colon) return null
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return null
  return sign * (hours * 3600 + minutes * 60)
}

/**
 * Reads a time of day as logs write it: RFC 3339, also with a blank for the T, without a zone (UTC), and with a fraction
 * of any length, of which six digits count and the rest is cut off.
 * @returns microseconds since the epoch, exact; null for anything else and for times before 1970 or after 2099
 */
export function parseTimestamp(text: string): number | null {
  if (text.length < 19 || text.length > LONGEST_TEXT) return null
  const separator = text.charCodeAt(10)
  if (separator !== 84 && separator !== 32 && separator !== 116) return null
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return null
  if (text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58) return null
  const year = digits(text, 0, 4)
  const month = digits(text, 5, 7)
  const day = digits(text, 8, 10)
  const hour = digits(text, 11, 13)
  const minute = digits(text, 14, 16)
  const second = digits(text, 17, 19)
  // 60 is a leap second and counts as the first of the next minute.
  if (year < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return null
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null

  let position = 19
  let micros = 0
  const point = text.charCodeAt(position)
  if (point === 46 || point === 44) {
    const start = ++position
    let scale = 100_000
    for (; position < text.length; position++) {
      const digit = text.charCodeAt(position) - 48
      if (!(digit >= 0 && digit <= 9)) break
      micros += digit * scale
      scale = scale === 1 ? 0 : scale / 10
    }
    if (position === start) return null
  }
  const offset = zoneOffset(text, position)
  if (offset === null) return null
  const seconds = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
  if (seconds < 0 || seconds >= END_SECONDS) return null
  return seconds * 1_000_000 + micros
}

/** Microseconds of a number since the epoch whose unit, seconds to nanoseconds, shows in its size; else null. */
function microsOfEpoch(value: number): number | null {
  // Below a hundred million seconds (1973) a number is more likely to be something else than a time.
  if (!(value >= 1e8)) return null
  const micros =
    value < 1e11
      ? Math.round(value * 1e6)
      : value < 1e14
        ? Math.round(value * 1e3)
        : value < 1e17
          ? Math.floor(value)
          : Math.floor(value / 1e3)
  return micros < END_SECONDS * 1_000_000 ? micros : null
}

/**
 * Reads a time in whichever way a record gives it: text (see `parseTimestamp`), or a number since the epoch in seconds,
 * milliseconds, microseconds or nanoseconds, also as text.
 * @returns microseconds since the epoch, or null
 */
export function microsFrom(value: unknown): number | null {
  if (typeof value === 'number') return microsOfEpoch(value)
  if (typeof value !== 'string') return null
  if (value.length >= 9 && value.length <= 19 && digits(value, 0, value.length) >= 0) {
    // A number of nanoseconds is beyond what a double holds: cut before reading.
    return value.length === 19 ? microsOfEpoch(Number(value.slice(0, -3))) : microsOfEpoch(Number(value))
  }
  return parseTimestamp(value)
}

const MICRO_TIME_BYTES = 'yyyy-mm-ddThh:mm:ss.ffffffZ'.length

/** The decimal number in bytes[start, end), or -1 when there is anything but digits. */
function digitsAt(bytes: Uint8Array, start: number, end: number): number {
  let number = 0
  for (let index = start; index < end; index++) {
    const digit = (bytes[index] ?? 0) - 48
    if (!(digit >= 0 && digit <= 9)) return -1
    number = number * 10 + digit
  }
  return number
}

/**
 * Reads a time in the one form that API servers write (RFC 3339 in UTC with six digits of a fraction, `MicroTime` of Kubernetes)
 * from its bytes, which costs a part of what text does.
 * @param start offset of the first digit of the year
 * @param end offset behind the Z
 * @returns microseconds since the epoch, as `parseTimestamp`; null for any other form, which may be a time all the same
 */
export function microTimeAt(bytes: Uint8Array, start: number, end: number): number | null {
  if (end - start !== MICRO_TIME_BYTES) return null
  if (bytes[start + 4] !== 45 || bytes[start + 7] !== 45 || bytes[start + 10] !== 84) return null
  if (bytes[start + 13] !== 58 || bytes[start + 16] !== 58 || bytes[start + 19] !== 46) return null
  if (bytes[start + 26] !== 90) return null
  const year = digitsAt(bytes, start, start + 4)
  const month = digitsAt(bytes, start + 5, start + 7)
  const day = digitsAt(bytes, start + 8, start + 10)
  const hour = digitsAt(bytes, start + 11, start + 13)
  const minute = digitsAt(bytes, start + 14, start + 16)
  const second = digitsAt(bytes, start + 17, start + 19)
  const micros = digitsAt(bytes, start + 20, start + 26)
  if (year < 1970 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return null
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month) || micros < 0) return null
  const seconds = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
  return seconds >= END_SECONDS ? null : seconds * 1_000_000 + micros
}
