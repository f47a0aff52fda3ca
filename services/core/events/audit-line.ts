import { type Members, memberScanner } from './json-members.ts'

/** Fields that are looked for in the text, in the order in which the API server writes them, but for the bodies, which are last. */
const FIELDS = [
  'kind',
  'apiVersion',
  'level',
  'auditID',
  'stage',
  'requestURI',
  'verb',
  'user',
  'impersonatedUser',
  'sourceIPs',
  'userAgent',
  'objectRef',
  'responseStatus',
  'requestReceivedTimestamp',
  'stageTimestamp',
  'annotations',
  // Only to know that it is there: Panther's mark of a cloud's events.
  'p_log_type',
  'requestObject',
  'responseObject'
] as const
export type Field = (typeof FIELDS)[number]
export const PLACE = Object.fromEntries(FIELDS.map((field, number) => [field, number])) as Readonly<
  Record<Field, number>
>
const scanner = memberScanner(FIELDS, PLACE.requestObject)

/** What follows the bodies in the API server's order. */
const BEHIND_BODIES = ',"requestReceivedTimestamp":'

/**
 * Up to these sizes nothing in an event can cross the bounds of `fields.ts`: JSON is written back up to six times as long as it
 * was read (a lone surrogate), and a list has as many entries as commas, and one.
 */
export const SMALL = { rest: 2_700, body: 43_000, commas: 249 } as const

/** Lines of up to so many bytes are made one text, of which fields are slices; of longer ones only the start and the end. */
const ONE_TEXT = 4_096

/** The text of a line, as far as fields are slices of it: by offsets in bytes. */
class LineText {
  readonly #start: string
  readonly #rest: string
  readonly #restFrom: number
  /** Whether it is known that a character is a byte and means it. */
  readonly isAscii: boolean

  constructor(bytes: Buffer) {
    const { length } = bytes
    this.#rest = ''
    this.#restFrom = length
    if (length <= ONE_TEXT) {
      const text = bytes.toString('utf8')
      // As many characters as bytes: every byte has become one, itself or the mark of what is not UTF-8, as in any part of it.
      this.isAscii = text.length === length
      this.#start = this.isAscii ? text : bytes.toString('latin1')
      return
    }
    this.isAscii = false
    this.#start = bytes.toString('latin1', 0, SMALL.rest)
    this.#restFrom = Math.max(SMALL.rest, length - SMALL.rest)
    this.#rest = bytes.toString('latin1', this.#restFrom)
  }

  /** @returns undefined for what goes beyond the start and the end of a long line */
  slice(start: number, end: number): string | undefined {
    if (end <= this.#start.length) return this.#start.slice(start, end)
    return start >= this.#restFrom ? this.#rest.slice(start - this.#restFrom, end - this.#restFrom) : undefined
  }

  /** Offset of the last of some characters at the end of the line, -1 when they are not there. */
  lastIndexOf(characters: string): number {
    if (this.#rest === '') return this.#start.lastIndexOf(characters)
    const at = this.#rest.lastIndexOf(characters)
    return at < 0 ? -1 : at + this.#restFrom
  }
}

/** A line, and where its members are. */
export interface Line {
  readonly bytes: Buffer
  readonly text: LineText
  readonly members: Members
  /** Offset of the key of the first body when bodies have not been looked at; else -1. */
  readonly bodiesFrom: number
  /** Offset behind the bodies then. */
  readonly bodiesTo: number
}

/**
 * Finds the members of a line. Bodies are most of the bytes of events that have any, so in lines that are in the API server's order
 * (that of the struct `Event` in k8s.io/apiserver/pkg/apis/audit/v1) they are not even scanned: the head is, up to the first body,
 * and what follows the bodies, which is found from the end of the line.
 *
 * Why what is found at the end is what follows the bodies and nothing inside of them, for a line that is JSON: the quote before
 * `requestReceivedTimestamp` has a comma before it and no backslash, so it opens or closes a string. Behind a quote that closes one
 * there is no letter, so it opens one, and all of it is a key of some object. From there on the scanner follows nesting and strings to the
 * end of the line, which closes that object and all around it. It takes a rest that closes one object and ends: nothing is around it,
 * so it is the event itself.
 *
 * Not known then is what else may be where the bodies are: members that come twice or out of order, or what is no JSON. It is found out
 * when a body is read (`withBodies`).
 * @returns null when the line is not one object, or nested too deeply
 */
export function lineOf(bytes: Buffer): Line | null {
  const members = scanner.empty()
  const stopped = scanner.head(bytes, members)
  if (stopped < 0) return null
  const text = new LineText(bytes)
  if (stopped === bytes.length) return { bytes, text, members, bodiesFrom: -1, bodiesTo: -1 }
  // The API server always writes these, and before the bodies.
  if (lengthOf(members, 'verb') > 0 && lengthOf(members, 'user') > 0) {
    const behind = text.lastIndexOf(BEHIND_BODIES)
    if (behind > stopped) {
      const { extents } = members
      const scanned = { extents: extents.slice(), commas: members.commas }
      const isRest = scanner.rest(bytes, behind + 1, scanned) >= 0
      if (isRest && lengthOf(scanned, 'requestObject') === 0 && lengthOf(scanned, 'responseObject') === 0) {
        return { bytes, text, members: scanned, bodiesFrom: stopped, bodiesTo: behind }
      }
    }
  }
  return scanner.rest(bytes, stopped, members) < 0 ? null : { bytes, text, members, bodiesFrom: -1, bodiesTo: -1 }
}

export function lengthOf({ extents }: Members, field: Field): number {
  return (extents[PLACE[field] * 2 + 1] ?? 0) - (extents[PLACE[field] * 2] ?? 0)
}

const isBody = (place: number) => place >= PLACE.requestObject * 2

/**
 * Members of a line with its bodies.
 * @throws SyntaxError when the line is not what its head and end were taken for, so that it has to be parsed as a whole
 */
export function withBodies({ bytes, members, bodiesFrom, bodiesTo }: Line): Members {
  if (bodiesFrom < 0) return members
  const all: Members = { extents: members.extents.slice(), commas: 0 }
  const isObject = scanner.rest(bytes, bodiesFrom, all) >= 0
  const isSame = all.extents.every((place, index) => isBody(index) || place === members.extents[index])
  const areTheirs = all.extents.every((place, index) => !isBody(index) || place <= bodiesTo)
  if (!isObject || !isSame || !areTheirs) throw new SyntaxError('members of the event are not in order')
  return all
}
