import { addressKind, networkOf } from './address.ts'
import { audit, type Fact, fact } from './fact.ts'
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
  'facts.path': fact(
    null,
    [],
    'Path of the request URI without query, decoded.',
    audit((view) => requestPath(view.event.audit.requestURI))
  ),
  'facts.client': fact(
    null,
    [],
    'First product of the user agent in lower case: kubectl, curl, python-requests.',
    audit((view) => clientFamily(view.event.audit.userAgent))
  ),
  'facts.source.kind': fact(
    null,
    [],
    'The client address of a request: public, private, loopback, link_local, metadata, unspecified or other.',
    ({ event: { source_ip } }) => addressKind(source_ip)
  ),
  'facts.source.network': fact(null, [], 'The network of that address: /24 for IPv4, /48 for IPv6.', ({ event }) =>
    networkOf(event.source_ip)
  ),
  'facts.outside_own_namespace': fact(
    null,
    [],
    'Whether a service account acts on an object of another namespace or of the cluster; nothing for others.',
    ({ event }) => actsOutsideNamespace(event.actor, event.audit?.objectRef?.namespace ?? null)
  )
} as const satisfies Readonly<Record<string, Fact>>
