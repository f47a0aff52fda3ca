import type { AuditEvent } from '../../../../schemas/generated/types.ts'

/** Facts from the line of a request: its path, its query and its user agent. */
/** One more than expressions look at, so that crossing that bound is told. */
const MAX_COMMAND_CHARACTERS = 65_537

/** Percent-decoded text; as it is when it is not percent-encoded UTF-8. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** What an exec or attach asks for in its query (PodExecOptions of the API). */
export interface ExecFact {
  /** The command's arguments with blanks between them; null for an attach. */
  readonly command_line: string | null
  /** First argument without its folders, in lower case. */
  readonly program: string | null
  readonly container: string | null
  readonly stdin: boolean
  readonly tty: boolean
}

const STREAMS: ReadonlySet<string> = new Set(['exec', 'attach'])

/** @returns null when the request is no exec or attach */
export function execOf({ objectRef, requestURI }: AuditEvent): ExecFact | null {
  if (!STREAMS.has(objectRef?.subresource ?? '') || requestURI === null) return null
  const question = requestURI.indexOf('?')
  const query = new URLSearchParams(question === -1 ? '' : requestURI.slice(question + 1))
  const command = query.getAll('command')
  const [first] = command
  return {
    command_line: first === undefined ? null : command.join(' ').slice(0, MAX_COMMAND_CHARACTERS),
    program: first === undefined ? null : programOf(first),
    container: query.get('container'),
    stdin: query.get('stdin') === 'true' || query.get('stdin') === '1',
    tty: query.get('tty') === 'true' || query.get('tty') === '1'
  }
}

/** Last part of a path, in lower case. */
export const programOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1).toLowerCase()

/** Path of a request without its query, decoded. */
export function requestPath(requestURI: string | null): string | null {
  return requestURI === null ? null : decoded(requestURI.split('?', 1)[0] ?? '')
}

/** The first product of a user agent (RFC 9110, 10.1.5) in lower case, such as kubectl or curl; null when there is none. */
export function clientFamily(userAgent: string | null): string | null {
  const found = /^[^/\s(]+/.exec(userAgent ?? '')
  return found === null ? null : found[0].toLowerCase()
}
