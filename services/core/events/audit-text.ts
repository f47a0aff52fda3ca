import type { AuditEvent } from '../../../schemas/generated/types.ts'
import type { Bodies } from '../bodies.ts'
import { lengthOf, lineOf, SMALL } from './audit-line.ts'
import { bodiesIn, Scanned } from './audit-line-values.ts'
import { TextAuditEvent } from './text-audit-event.ts'

/** What is always read of an event: strings in which nothing has to be unescaped. */
const KIND = /^"Event"$/
const API_VERSION = /^"audit\.k8s\.io\/[a-z0-9]+"$/
const AUDIT_ID = /^"[\x21\x23-\x5b\x5d-\x7e]{1,128}"$/
const STAGE = /^"[A-Za-z0-9_-]{1,64}"$/

const isName = (source: string | undefined, form: RegExp): source is string => source !== undefined && form.test(source)

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
