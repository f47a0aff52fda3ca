import { stringAt } from '../../json.ts'
import { addressFacts, urlsIn } from './address.ts'
import { type Fact, type FactSubject, fact, factOfText } from './fact.ts'
import { placeOf } from './place.ts'
import { ancestorsOf, podAgeSeconds, programNameOf } from './process.ts'

const commandLine = ({ event: { runtime } }: FactSubject) => runtime?.process?.command_line ?? null

/** Facts about a process, where it is and where it connects to. */
export const RUNTIME_FACTS = {
  'facts.process.program': fact(
    null,
    [],
    'Name of the program without folders, in lower case; applets of busybox by theirs.',
    ({ event: { runtime } }) => programNameOf(runtime?.process ?? null)
  ),
  'facts.process.parent': fact(null, [], 'The same of the parent.', ({ event: { runtime } }) =>
    programNameOf(runtime?.process?.ancestors[0] ?? null)
  ),
  'facts.process.ancestors': fact(null, [], 'The same of all known ancestors, the parent first.', ({ event }) =>
    ancestorsOf(event.runtime)
  ),
  'facts.place': fact(
    null,
    [],
    'Where a runtime event happened: namespace/pod, container and its id while the pod is not known, or host.',
    ({ event }) => placeOf(event)
  ),
  'facts.pod_age_seconds': fact(null, [], 'Age of the pod at the time of the event.', ({ event }) =>
    podAgeSeconds(event)
  ),
  'facts.destination.kind': factOfText(
    ['runtime', 'network', 'destination_ip'],
    'Where a connection goes: public, private, loopback, link_local, metadata, unspecified or other.',
    (address) => addressFacts(address).kind
  ),
  'facts.destination.network': factOfText(
    ['runtime', 'network', 'destination_ip'],
    'The network that a connection goes to: /24 for IPv4, /48 for IPv6.',
    (address) => addressFacts(address).network
  ),
  'facts.urls': fact(
    null,
    ['scheme', 'host', 'port', 'path', 'kind'],
    'URLs and bare addresses in the command line of a process, or in that of an exec: kind is public, private, loopback, metadata, cluster or name.',
    (view, facts) => {
      const exec = facts('facts.exec')
      return urlsIn(commandLine(view) ?? stringAt(exec, 'command_line'))
    }
  )
} as const satisfies Readonly<Record<string, Fact>>
