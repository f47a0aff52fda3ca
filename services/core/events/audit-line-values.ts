import type { Bodies } from '../bodies.ts'
import { parseJson } from '../json.ts'
import { type Field, type Line, lengthOf, PLACE, withBodies } from './audit-line.ts'
import { bodyOf } from './fields.ts'
import type { Members } from './json-members.ts'
import { microsFrom, microTimeAt } from './timestamp.ts'

const QUOTE = 0x22

/** A string without anything that has to be unescaped or checked. */
const PLAIN = /^"[\x20\x21\x23-\x5b\x5d-\x7e]*"$/
const ASCII = /^[\x20-\x7e]*$/

/**
 * Bodies that writing back would change: a zero with a sign, a number that may be infinite. They are parsed as they would have
 * been written.
 */
const CHANGED = /(?:^|[:,[\s])-0|[0-9][eE]\+?[0-9]{3}|[0-9]{32}/

export type BodyField = 'requestObject' | 'responseObject'

/** The values in scanned bytes. */
export class Scanned {
  readonly #line: Line
  #bodies: Members | null = null

  constructor(line: Line) {
    this.#line = line
  }

  raw(field: BodyField): string | undefined {
    this.#bodies ??= withBodies(this.#line)
    const { extents } = this.#bodies
    const start = extents[PLACE[field] * 2] ?? -1
    return start < 0 ? undefined : this.#line.bytes.toString('utf8', start, extents[PLACE[field] * 2 + 1])
  }

  /** @returns the text of a value, undefined when the field is not there */
  source(field: Field): string | undefined {
    const { bytes, text, members } = this.#line
    const start = members.extents[PLACE[field] * 2] ?? -1
    if (start < 0) return undefined
    const end = members.extents[PLACE[field] * 2 + 1] ?? -1
    const slice = text.slice(start, end)
    return slice !== undefined && (text.isAscii || ASCII.test(slice)) ? slice : bytes.toString('utf8', start, end)
  }

  /** @throws SyntaxError when the value is not JSON */
  value(field: Field): unknown {
    const source = this.source(field)
    if (source === undefined) return undefined
    return PLAIN.test(source) ? source.slice(1, -1) : JSON.parse(source)
  }

  /** Microseconds since the epoch; null when the value is no time. */
  micros(field: Field): number | null {
    const { bytes, members } = this.#line
    const start = members.extents[PLACE[field] * 2] ?? -1
    if (start < 0) return null
    const end = members.extents[PLACE[field] * 2 + 1] ?? -1
    return (bytes[start] === QUOTE ? microTimeAt(bytes, start + 1, end - 1) : null) ?? microsFrom(this.value(field))
  }

  has(field: BodyField): boolean {
    if (this.#line.bodiesFrom < 0 && lengthOf(this.#line.members, field) === 0) return false
    const raw = this.raw(field)
    return raw !== undefined && raw !== 'null'
  }

  /** A body as `auditEventFrom` has it; as it is written when it is not JSON, which readers of bodies find out. */
  bodyText(field: BodyField): string | null {
    const raw = this.raw(field)
    if (raw === undefined) return null
    try {
      return bodyOf(JSON.parse(raw), field, [])
    } catch {
      return raw
    }
  }

  /** What `bodyText` means. */
  body(field: BodyField): unknown {
    const raw = this.raw(field)
    if (raw === undefined || raw === 'null') return undefined
    // A body that is a string may be one that holds the body as text.
    return raw.startsWith('"') || CHANGED.test(raw) ? parseJson(this.bodyText(field)) : parseJson(raw)
  }
}

/** Bodies of an event, each parsed once and only when it is asked for. */
export function bodiesIn(scanned: Scanned): Bodies {
  const parsed: Partial<Record<BodyField, { readonly value: unknown }>> = {}
  const once = (field: BodyField) => () => {
    parsed[field] ??= { value: scanned.body(field) }
    return parsed[field].value
  }
  return {
    request: once('requestObject'),
    response: once('responseObject'),
    has: (body) => scanned.has(`${body}Object`)
  }
}
