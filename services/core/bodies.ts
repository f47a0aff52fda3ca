import type { AuditEvent, CloudEvent } from '../../schemas/generated/types.ts'
import { parseJson } from './json.ts'

/**
 * The bodies of one audit event as JSON: each is parsed when it is first asked for, once for all who ask. Made beside the event and
 * gone with it. What is handed out is shared and not to be changed.
 */
export interface Bodies {
  /** The request body, undefined when there is none or it is not JSON. */
  readonly request: () => unknown
  /** The response body, undefined when there is none or it is not JSON. */
  readonly response: () => unknown
  /** Whether there is such a body, which may be one that is not JSON. */
  readonly has: (body: 'request' | 'response') => boolean
}

const absent = () => undefined
const NO_BODIES: Bodies = { request: absent, response: absent, has: () => false }

type WithBodies = Pick<AuditEvent, 'requestObject' | 'responseObject'>

/** Reads the text when it is asked for, too: an event that is read lazily decodes it then. */
function parsedOnce(event: WithBodies, field: keyof WithBodies): () => unknown {
  let parsed: { readonly value: unknown } | null = null
  return () => {
    parsed ??= { value: parseJson(event[field]) }
    return parsed.value
  }
}

/** The bodies of an event of any source: of a request to the cloud its parameters and what the service answered. */
export function eventBodies(event: { readonly audit: AuditEvent | null; readonly cloud?: CloudEvent | null }): Bodies {
  if (event.audit !== null || event.cloud == null) return bodiesOf(event.audit)
  const { requestParameters, responseElements } = event.cloud
  return bodiesOf({ requestObject: requestParameters, responseObject: responseElements })
}

/** @param event the audit event whose bodies are meant; null where an event is none and so has no bodies */
export function bodiesOf(event: WithBodies | null): Bodies {
  if (event === null) return NO_BODIES
  return {
    request: parsedOnce(event, 'requestObject'),
    response: parsedOnce(event, 'responseObject'),
    has: (body) => event[`${body}Object`] !== null
  }
}
