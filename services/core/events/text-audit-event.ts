import type { AuditEvent, AuditUser, ObjectReference, ResponseStatus } from '../../../schemas/generated/types.ts'
import { LazyRecord } from '../avro/lazy-record.ts'
import { isObject } from '../json.ts'
import { remembered } from '../remembered.ts'
import type { Scanned } from './audit-line-values.ts'
import { annotationsFrom, objectRefFrom, responseStatusFrom, userFrom } from './audit-parts.ts'
import { textOf, textsOf } from './fields.ts'

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

export interface Head {
  readonly auditID: string
  readonly stage: string
  readonly requestReceivedTimestamp: number
  readonly stageTimestamp: number
}

/** An audit event that reads its text field by field. Nothing is cut, or it would not be one. */
export class TextAuditEvent extends LazyRecord implements AuditEvent {
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
