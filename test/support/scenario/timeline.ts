/** Times of a scenario: microseconds since the epoch as numbers, written the ways the sources write them. */

export const MS_US = 1000
export const SECOND_US = 1_000_000
export const MINUTE_US = 60 * SECOND_US
export const HOUR_US = 60 * MINUTE_US
export const DAY_US = 24 * HOUR_US

/**
 * Microseconds of an offset written as `minutes:seconds`, such as `3:07` or `12:30.250`.
 * @throws RangeError when the text is not of that form
 */
export function offset_us(text: string): number {
  const parts = /^(\d+):([0-5]\d(?:\.\d{1,6})?)$/.exec(text)
  if (parts === null) throw new RangeError(`'${text}' is not an offset such as 3:07 or 12:30.250`)
  return Number(parts[1]) * MINUTE_US + Math.round(Number(parts[2]) * SECOND_US)
}

function seconds(time_us: number): string {
  return new Date(Math.floor(time_us / SECOND_US) * 1000).toISOString().slice(0, 19)
}

function fraction(time_us: number): string {
  return String(time_us % SECOND_US).padStart(6, '0')
}

/** `2026-11-17T06:30:00Z`: metav1.Time, as in Kubernetes objects. */
export function rfc3339Seconds(time_us: number): string {
  return `${seconds(time_us)}Z`
}

/** `2026-11-17T06:30:00.123456Z`: metav1.MicroTime, as in audit events. */
export function rfc3339Micros(time_us: number): string {
  return `${seconds(time_us)}.${fraction(time_us)}Z`
}

/** `2026-11-17T06:30:00.123456789Z`: protobuf timestamps of Tetragon; `nanos` is what lies below the microsecond, 0 to 999. */
export function rfc3339Nanos(time_us: number, nanos: number): string {
  return `${seconds(time_us)}.${fraction(time_us)}${String(nanos).padStart(3, '0')}Z`
}
