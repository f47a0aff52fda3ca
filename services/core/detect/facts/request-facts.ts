import { addressFacts } from './address.ts'
import { audit, type Fact, fact, factOfText } from './fact.ts'
import { actsOutsideNamespace } from './own-namespace.ts'
import { clientFamily, execOf, requestPath } from './request.ts'

/** Facts from the line and the sender of an API request. */
export const REQUEST_FACTS = {
  'facts.exec': fact(
    null,
    ['command_line', 'program', 'container', 'stdin', 'tty'],
    'What an exec or attach asks for in its query, decoded and joined.',
    audit((view) => execOf(view.event.audit))
  ),
  'facts.path': factOfText(['audit', 'requestURI'], 'Path of the request URI without query, decoded.', requestPath),
  'facts.client': factOfText(
    ['audit', 'userAgent'],
    'First product of the user agent in lower case: kubectl, curl, python-requests.',
    clientFamily
  ),
  'facts.source.kind': factOfText(
    ['source_ip'],
    'The client address of a request: public, private, loopback, link_local, metadata, unspecified or other.',
    (address) => addressFacts(address).kind
  ),
  'facts.source.network': factOfText(
    ['source_ip'],
    'The network of that address: /24 for IPv4, /48 for IPv6.',
    (address) => addressFacts(address).network
  ),
  'facts.outside_own_namespace': {
    ...fact(
      null,
      [],
      'Whether a service account acts on an object of another namespace or of the cluster; nothing for others.',
      ({ event }) => actsOutsideNamespace(event.actor, event.audit?.objectRef?.namespace ?? null)
    ),
    reads: [['actor'], ['audit', 'objectRef', 'namespace']]
  }
} as const satisfies Readonly<Record<string, Fact>>
