import type { AuditEvent, AuditUser, ObjectReference, ResponseStatus } from '../../../schemas/generated/types.ts'
import { LazyRecord } from '../avro/lazy-record.ts'
import type { Bodies } from '../bodies.ts'
import { isObject, parseJson } from '../json.ts'
import { annotationsFrom, objectRefFrom, responseStatusFrom, userFrom } from './audit-parts.ts'
import { bodyOf, textOf, textsOf } from './fields.ts'
import { memberScanner } from './json-members.ts'
import { microsFrom } from './timestamp.ts'

/** Fields that are looked for in the text; the bodies last. */
const FIELDS = [
  'kind',
  'apiVersion',
  'auditID',
  'stage',
  'requestURI',
  'requestReceivedTimestamp',
  'stageTimestamp',
  'level',
  'verb',
  'user',
  'impersonatedUser',
  'sourceIPs',
  'userAgent',
  'objectRef',
  'responseStatus',
  'annotations',
  // Only to know that it is there: Panther's mark of a cloud's events.
  'p_log_type',
  'requestObject',
  'responseObject'
] as const
type Field = (typeof FIELDS)[number]
const PLACE = Object.fromEntries(FIELDS.map((field, number) => [field, number])) as Readonly<Record<Field, number>>
const scan = memberScanner(FIELDS, PLACE.requestObject)

/**
 * Up to these sizes nothing in an event can cross the bounds of `fields.ts`: JSON is written back up to six times as long as it
 * was read (a lone surrogate), and a list has as many entries as commas, and one.
 */
const SMALL = { rest: 2_700, body: 43_000, commas: 249 } as const

/** A string without anything that has to be unescaped or checked. */
const PLAIN = /^"[\x20\x21\x23-\x5b\x5d-\x7e]*"$/
const ASCII = /^[\x20-\x7e]*$/

/**
 * Bodies that writing back would change: a zero with a sign, a number that may be infinite. They are parsed as they would have
 * been written.
 */
const CHANGED = /(?:^|[:,[\s])-0|[0-9][eE]\+?[0-9]{3}|[0-9]{32}/

type BodyField = 'requestObject' | 'responseObject'

/** The values in scanned bytes. */
class Scanned {
  readonly #bytes: Buffer
  readonly #extents: readonly number[]
  /** What is before the bodies and after them, as a character a byte: fields of ASCII are slices, which cost little. */
  readonly #start: string
  readonly #rest: string
  readonly #restFrom: number

  constructor(bytes: Buffer, extents: readonly number[]) {
    this.#bytes = bytes
    this.#extents = extents
    this.#start = bytes.toString('latin1', 0, SMALL.rest)
    this.#restFrom = Math.max(this.#start.length, bytes.length - SMALL.rest)
    this.#rest = this.#restFrom >= bytes.length ? '' : bytes.toString('latin1', this.#restFrom)
  }

  #sliced(start: number, end: number): string | undefined {
    if (end <= this.#start.length) return this.#start.slice(start, end)
    return start >= this.#restFrom ? this.#rest.slice(start - this.#restFrom, end - this.#restFrom) : undefined
  }

  raw(field: Field): string | undefined {
    const start = this.#extents[PLACE[field] * 2] ?? -1
    return start < 0 ? undefined : this.#bytes.toString('utf8', start, this.#extents[PLACE[field] * 2 + 1])
  }

  /** @throws SyntaxError when the value is not JSON */
  value(field: Field): unknown {
    const start = this.#extents[PLACE[field] * 2] ?? -1
    if (start < 0) return undefined
    const end = this.#extents[PLACE[field] * 2 + 1] ?? -1
    const text = this.#sliced(start, end)
    if (text === undefined) return JSON.parse(this.#bytes.toString('utf8', start, end))
    if (PLAIN.test(text)) return text.slice(1, -1)
    return JSON.parse(ASCII.test(text) ? text : this.#bytes.toString('utf8', start, end))
  }

  has(field: BodyField): boolean {
    const [start, end] = [this.#extents[PLACE[field] * 2] ?? -1, this.#extents[PLACE[field] * 2 + 1] ?? -1]
    return start >= 0 && !(end - start === 4 && this.raw(field) === 'null')
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

/** What is always read of an event. */
interface Head {
  readonly auditID: string
  readonly stage: string
  readonly requestURI: string
  readonly requestReceivedTimestamp: number
  readonly stageTimestamp: number
}

/** An audit event that reads its text field by field. Nothing is cut, or it would not be one. */
class TextAuditEvent extends LazyRecord implements AuditEvent {
  readonly #scanned: Scanned
  readonly #head: Head
  #verb: string | null | undefined
  #user: AuditUser | undefined
  #impersonatedUser: AuditUser | null | undefined
  #sourceIPs: readonly string[] | undefined
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
  get requestURI() {
    return this.#head.requestURI
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
    this.#user ??= userFrom(this.#scanned.value('user'), 'user', [])
    return this.#user
  }
  get impersonatedUser(): AuditUser | null {
    if (this.#impersonatedUser === undefined) {
      const value = this.#scanned.value('impersonatedUser')
      this.#impersonatedUser = isObject(value) ? userFrom(value, 'impersonatedUser', []) : null
    }
    return this.#impersonatedUser
  }
  get sourceIPs(): readonly string[] {
    this.#sourceIPs ??= textsOf(this.#scanned.value('sourceIPs'), 'sourceIPs', [])
    return this.#sourceIPs
  }
  get objectRef(): ObjectReference | null {
    if (this.#objectRef === undefined) this.#objectRef = objectRefFrom(this.#scanned.value('objectRef'), [])
    return this.#objectRef
  }
  get responseStatus(): ResponseStatus | null {
    if (this.#responseStatus === undefined) {
      this.#responseStatus = responseStatusFrom(this.#scanned.value('responseStatus'), [])
    }
    return this.#responseStatus
  }
  get annotations(): Readonly<Record<string, string>> {
    this.#annotations ??= annotationsFrom(this.#scanned.value('annotations'), [])
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
  const members = scan(bytes)
  if (members === null || members.commas > SMALL.commas) return null
  const { extents } = members
  const lengthOf = (field: Field) => (extents[PLACE[field] * 2 + 1] ?? 0) - (extents[PLACE[field] * 2] ?? 0)
  const [request, response] = [lengthOf('requestObject'), lengthOf('responseObject')]
  if (bytes.length - request - response > SMALL.rest || request > SMALL.body || response > SMALL.body) return null
  const scanned = new Scanned(bytes, extents)
  try {
    if (scanned.value('kind') !== 'Event' || scanned.value('p_log_type') !== undefined) return null
    const apiVersion = scanned.value('apiVersion')
    if (typeof apiVersion !== 'string' || !apiVersion.startsWith('audit.k8s.io/')) return null
    const auditID = scanned.value('auditID')
    const stage = scanned.value('stage')
    const requestURI = scanned.value('requestURI')
    const requestReceivedTimestamp = microsFrom(scanned.value('requestReceivedTimestamp'))
    const stageTimestamp = microsFrom(scanned.value('stageTimestamp'))
    if (typeof auditID !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(auditID)) return null
    if (typeof stage !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(stage)) return null
    if (typeof requestURI !== 'string' || requestURI === '') return null
    if (requestReceivedTimestamp === null || stageTimestamp === null) return null
    const head = { auditID, stage, requestURI, requestReceivedTimestamp, stageTimestamp }
    return { event: new TextAuditEvent(scanned, head), bodies: bodiesIn(scanned) }
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
