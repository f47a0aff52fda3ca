import type { AuditEvent, AuditUser, ObjectReference, ResponseStatus } from '../../../schemas/generated/types.ts'
import { LazyRecord } from '../avro/lazy-record.ts'
import type { Bodies } from '../bodies.ts'
import { isObject, parseJson } from '../json.ts'
import { remembered } from '../remembered.ts'
import { annotationsFrom, objectRefFrom, responseStatusFrom, userFrom } from './audit-parts.ts'
import { bodyOf, textOf, textsOf } from './fields.ts'
import { type Members, memberScanner } from './json-members.ts'
import { microsFrom, microTimeAt } from './timestamp.ts'

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
type Field = (typeof FIELDS)[number]
const PLACE = Object.fromEntries(FIELDS.map((field, number) => [field, number])) as Readonly<Record<Field, number>>
const scanner = memberScanner(FIELDS, PLACE.requestObject)

/** What follows the bodies in the API server's order. */
const BEHIND_BODIES = ',"requestReceivedTimestamp":'

/**
 * Up to these sizes nothing in an event can cross the bounds of `fields.ts`: JSON is written back up to six times as long as it
 * was read (a lone surrogate), and a list has as many entries as commas, and one.
 */
const SMALL = { rest: 2_700, body: 43_000, commas: 249 } as const

/** Lines of up to so many bytes are made one text, of which fields are slices; of longer ones only the start and the end. */
const ONE_TEXT = 4_096

const QUOTE = 0x22

/** A string without anything that has to be unescaped or checked. */
const PLAIN = /^"[\x20\x21\x23-\x5b\x5d-\x7e]*"$/
const ASCII = /^[\x20-\x7e]*$/

/**
 * Bodies that writing back would change: a zero with a sign, a number that may be infinite. They are parsed as they would have
 * been written.
 */
const CHANGED = /(?:^|[:,[\s])-0|[0-9][eE]\+?[0-9]{3}|[0-9]{32}/

type BodyField = 'requestObject' | 'responseObject'

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
interface Line {
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
function lineOf(bytes: Buffer): Line | null {
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

function lengthOf({ extents }: Members, field: Field): number {
  return (extents[PLACE[field] * 2 + 1] ?? 0) - (extents[PLACE[field] * 2] ?? 0)
}

const isBody = (place: number) => place >= PLACE.requestObject * 2

/**
 * Members of a line with its bodies.
 * @throws SyntaxError when the line is not what its head and end were taken for, so that it has to be parsed as a whole
 */
function withBodies({ bytes, members, bodiesFrom, bodiesTo }: Line): Members {
  if (bodiesFrom < 0) return members
  const all: Members = { extents: members.extents.slice(), commas: 0 }
  const isObject = scanner.rest(bytes, bodiesFrom, all) >= 0
  const isSame = all.extents.every((place, index) => isBody(index) || place === members.extents[index])
  const areTheirs = all.extents.every((place, index) => !isBody(index) || place <= bodiesTo)
  if (!isObject || !isSame || !areTheirs) throw new SyntaxError('members of the event are not in order')
  return all
}

/** The values in scanned bytes. */
class Scanned {
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

/** The values of fields that are alike in many events, by their text. */
const SHARED = {
  user: remembered((source) => userFrom(JSON.parse(source), 'user', [])),
  impersonatedUser: remembered((source) => {
    const value: unknown = JSON.parse(source)
    return isObject(value) ? userFrom(value, 'impersonatedUser', []) : null
  }),
  sourceIPs: remembered((source) => textsOf(JSON.parse(source), 'sourceIPs', [])),
  responseStatus: remembered((source) => responseStatusFrom(JSON.parse(source), [])),
  annotations: remembered((source) => annotationsFrom(JSON.parse(source), []))
}

/** Fields of the struct ObjectReference in its order, each left out when it is empty. */
const REFERENCE = ['namespace', 'name', 'uid', 'apiGroup', 'apiVersion', 'resourceVersion', 'subresource'] as const
const PLAIN_TEXT = '([^"\\\\\\x00-\\x1f]*)'
const PLAIN_REFERENCE = new RegExp(
  `^\\{"resource":"${PLAIN_TEXT}"${REFERENCE.map((field) => `(?:,"${field}":"${PLAIN_TEXT}")?`).join('')}\\}$`
)

/** References differ from event to event; in the form in which the API server writes them, one pattern takes them apart. */
function referenceIn(source: string): ObjectReference | null {
  const found = PLAIN_REFERENCE.exec(source)
  if (found === null) return objectRefFrom(JSON.parse(source), [])
  const [, resource, namespace, name, uid, apiGroup, apiVersion, resourceVersion, subresource] = found
  return objectRefFrom({ resource, namespace, name, uid, apiGroup, apiVersion, resourceVersion, subresource }, [])
}

const ABSENT = {
  user: userFrom(undefined, 'user', []),
  annotations: annotationsFrom(undefined, [])
}

/** What is always read of an event: strings in which nothing has to be unescaped. */
const KIND = /^"Event"$/
const API_VERSION = /^"audit\.k8s\.io\/[a-z0-9]+"$/
const AUDIT_ID = /^"[\x21\x23-\x5b\x5d-\x7e]{1,128}"$/
const STAGE = /^"[A-Za-z0-9_-]{1,64}"$/

const isName = (source: string | undefined, form: RegExp): source is string => source !== undefined && form.test(source)

interface Head {
  readonly auditID: string
  readonly stage: string
  readonly requestReceivedTimestamp: number
  readonly stageTimestamp: number
}

/** An audit event that reads its text field by field. Nothing is cut, or it would not be one. */
class TextAuditEvent extends LazyRecord implements AuditEvent {
  readonly #scanned: Scanned
  readonly #head: Head
  #requestURI: string | undefined
  #verb: string | null | undefined
  #user: AuditUser | undefined
  #objectRef: ObjectReference | null | undefined
  #responseStatus: ResponseStatus | null | undefined
  #annotations: Readonly<Record<string, string>> | undefined
  #requestObject: string | null | undefined
  #responseObject: string | null | undefined

  constructor(scanned: Scanned, head: Head) {
    super()
    this.#scanned = scanned
    this.#head = head
  }

  get auditID() {
    return this.#head.auditID
  }
  get stage() {
    return this.#head.stage
  }
  get requestURI(): string {
    this.#requestURI ??= String(this.#scanned.value('requestURI'))
    return this.#requestURI
  }
  get requestReceivedTimestamp() {
    return this.#head.requestReceivedTimestamp
  }
  get stageTimestamp() {
    return this.#head.stageTimestamp
  }
  get level(): string | null {
    return textOf(this.#scanned.value('level'), 'level', [])
  }
  get verb(): string | null {
    if (this.#verb === undefined) this.#verb = textOf(this.#scanned.value('verb'), 'verb', [])
    return this.#verb
  }
  get userAgent(): string | null {
    return textOf(this.#scanned.value('userAgent'), 'userAgent', [])
  }
  get user(): AuditUser {
    if (this.#user === undefined) {
      const source = this.#scanned.source('user')
      this.#user = source === undefined ? ABSENT.user : SHARED.user(source)
    }
    return this.#user
  }
  get impersonatedUser(): AuditUser | null {
    const source = this.#scanned.source('impersonatedUser')
    return source === undefined ? null : SHARED.impersonatedUser(source)
  }
  get sourceIPs(): readonly string[] {
    const source = this.#scanned.source('sourceIPs')
    return source === undefined ? [] : SHARED.sourceIPs(source)
  }
  get objectRef(): ObjectReference | null {
    if (this.#objectRef === undefined) {
      const source = this.#scanned.source('objectRef')
      this.#objectRef = source === undefined ? null : referenceIn(source)
    }
    return this.#objectRef
  }
  get responseStatus(): ResponseStatus | null {
    if (this.#responseStatus === undefined) {
      const source = this.#scanned.source('responseStatus')
      this.#responseStatus = source === undefined ? null : SHARED.responseStatus(source)
    }
    return this.#responseStatus
  }
  get annotations(): Readonly<Record<string, string>> {
    if (this.#annotations === undefined) {
      const source = this.#scanned.source('annotations')
      this.#annotations = source === undefined ? ABSENT.annotations : SHARED.annotations(source)
    }
    return this.#annotations
  }
  get requestObject(): string | null {
    if (this.#requestObject === undefined) this.#requestObject = this.#scanned.bodyText('requestObject')
    return this.#requestObject
  }
  get responseObject(): string | null {
    if (this.#responseObject === undefined) this.#responseObject = this.#scanned.bodyText('responseObject')
    return this.#responseObject
  }

  override toJSON(): AuditEvent {
    const { auditID, stage, level, verb, requestURI, user, impersonatedUser, sourceIPs, userAgent, objectRef } = this
    const { responseStatus, requestObject, responseObject, requestReceivedTimestamp, stageTimestamp, annotations } =
      this
    return {
      auditID,
      stage,
      level,
      verb,
      requestURI,
      user,
      impersonatedUser,
      sourceIPs,
      userAgent,
      objectRef,
      responseStatus,
      requestObject,
      responseObject,
      requestReceivedTimestamp,
      stageTimestamp,
      annotations
    }
  }
}

function bodiesIn(scanned: Scanned): Bodies {
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

/** An audit event that is read lazily, and its bodies. */
interface TextAudit {
  readonly event: AuditEvent
  readonly bodies: Bodies
}

/**
 * Reads the text of an audit event, in UTF-8, as the API server writes it, parsing of it only what is asked for; bodies are passed over. All
 * fields are as `auditEventFrom` has them.
 *
 * A text that is not JSON may be taken: fields throw when what they are read from is wrong, and a wrong body is one that cannot be
 * read. What is wrong where nobody looks is not noticed.
 *
 * @returns null for anything that is better parsed as a whole: other formats, large events, and ones that lack what the API server
 *   always writes
 */
export function auditEventFromText(bytes: Buffer): TextAudit | null {
  const line = lineOf(bytes)
  if (line === null || line.members.commas > SMALL.commas) return null
  const { members, bodiesFrom, bodiesTo } = line
  const request = bodiesFrom < 0 ? lengthOf(members, 'requestObject') : bodiesTo - bodiesFrom
  const response = lengthOf(members, 'responseObject')
  if (bytes.length - request - response > SMALL.rest || request > SMALL.body || response > SMALL.body) return null
  const scanned = new Scanned(line)
  try {
    if (!isName(scanned.source('kind'), KIND) || scanned.source('p_log_type') !== undefined) return null
    if (!isName(scanned.source('apiVersion'), API_VERSION)) return null
    const auditID = scanned.source('auditID')
    const stage = scanned.source('stage')
    const requestReceivedTimestamp = scanned.micros('requestReceivedTimestamp')
    const stageTimestamp = scanned.micros('stageTimestamp')
    if (!isName(auditID, AUDIT_ID) || !isName(stage, STAGE)) return null
    const requestURI = scanned.source('requestURI')
    if (requestURI === undefined || !requestURI.startsWith('"') || requestURI === '""') return null
    if (requestReceivedTimestamp === null || stageTimestamp === null) return null
    const head = {
      auditID: auditID.slice(1, -1),
      stage: stage.slice(1, -1),
      requestReceivedTimestamp,
      stageTimestamp
    }
    return { event: new TextAuditEvent(scanned, head), bodies: bodiesIn(scanned) }
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
