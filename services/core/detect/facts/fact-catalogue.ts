import { workloadKindOfResource } from '../../enrich/workload-kinds.ts'
import { stringAt } from '../../json.ts'
import type { EventView } from '../event-view.ts'
import { addressFacts, urlsIn } from './address.ts'
import { certificateRequestOf } from './certificate-request.ts'
import { credentialsIn } from './credentials.ts'
import { grantedRights, grantsToActor, isOwned, replicasOf, roleOf, subjectsOf } from './grants.ts'
import { lookAlikeOf, registryLookAlikeOf, trustedNameOf } from './look-alike.ts'
import { patchedFields, podTemplateOf, requestedObject, writesPodSpec } from './object.ts'
import { actsOutsideNamespace } from './own-namespace.ts'
import { placeOf } from './place.ts'
import {
  addedContainers,
  boundedContainers,
  commandsOf,
  hostPathsOf,
  imagesOf,
  projectedTokens,
  templateAnnotations,
  volumePath,
  weakenedIsolation
} from './pod-template.ts'
import { podAgeSeconds, processFacts } from './process.ts'
import { clientFamily, execOf, requestPath } from './request.ts'
import { webhookUrls } from './webhook.ts'

/** What a fact is read from, so that a rule can be told undecided when the audit level left that out. */
export type FactPart = 'object' | 'pod_template' | 'request' | null

/** Something worked out from an event that Sigma cannot say: a field of rules, found once per event and only when a rule asks. */
export interface Fact {
  /** What it is, in one line for rule authors. */
  readonly doc: string
  readonly part: FactPart
  /** Names inside it; null when it is JSON, where every path exists; empty for plain values. */
  readonly fields: readonly string[] | null
  readonly compute: (view: EventView, facts: FactReader) => unknown
}

/** Gives facts that other facts are made from, by name. */
export type FactReader = (name: string) => unknown

const fact = (part: FactPart, fields: Fact['fields'], doc: string, compute: Fact['compute']): Fact => ({
  doc,
  part,
  fields,
  compute
})

const audit =
  <T>(from: (view: EventView & { event: { audit: NonNullable<EventView['event']['audit']> } }) => T) =>
  (view: EventView): T | null =>
    view.event.audit === null ? null : from(view as Parameters<typeof from>[0])

/** Where the pod spec lies; null where the request is about a part of a workload that has none, such as its status or scale. */
const podSpecPath = ({ event: { audit } }: EventView): readonly string[] | null => {
  const subresource = audit?.objectRef?.subresource ?? null
  if (subresource !== null && subresource !== 'ephemeralcontainers') return null
  return workloadKindOfResource(audit?.objectRef?.resource)?.podSpec ?? null
}

const namesOf = (view: EventView, object: unknown): readonly string[] => {
  const reference = view.event.audit?.objectRef
  const names = [
    reference?.name ?? stringAt(object, 'metadata', 'name'),
    reference?.resource === 'namespaces' ? null : (reference?.namespace ?? null)
  ]
  return names.filter((name) => name !== null)
}

const commandLine = (view: EventView) => view.event.runtime?.process?.command_line ?? null

/** Every fact by the name that rules use. `facts.` keeps them apart from the event model; the two roots are documents. */
export const FACTS = {
  object: fact(
    'object',
    null,
    'The object of an API request, whatever the verb: as asked for by create and update, as it is after a patch (or what the patch sets), as it was before a delete.',
    audit((view) => requestedObject(view.event.audit, view.bodies))
  ),
  pod_template: fact(
    'pod_template',
    null,
    'The pod spec in that object, whatever the kind of workload: pod_template.hostPID, pod_template.volumes.',
    (view, facts) => {
      const path = podSpecPath(view)
      return path === null ? null : podTemplateOf(facts('object'), path)
    }
  ),
  'facts.writes_pod_spec': fact(
    null,
    [],
    'Whether a write says anything about the pod spec of a workload: not when a patch scales, labels or restarts it.',
    (view) => {
      const { audit } = view.event
      const path = podSpecPath(view)
      return audit !== null && path !== null && writesPodSpec(audit, view.bodies, path)
    }
  ),
  'facts.containers': fact(
    'pod_template',
    null,
    'Containers, init and ephemeral containers of the pod spec, each as in the API.',
    (_, facts) => boundedContainers(facts('pod_template'))
  ),
  'facts.commands': fact(
    'pod_template',
    [],
    'What the pod spec has run: command with args of each container, lifecycle hooks and exec probes.',
    (_, facts) => commandsOf(facts('pod_template'))
  ),
  'facts.images': fact(
    'pod_template',
    ['reference', 'registry', 'repository', 'name', 'tag', 'digest'],
    'Images of the pod spec, taken apart. registry is docker.io where none is written.',
    (_, facts) => imagesOf(facts('pod_template'))
  ),
  'facts.host_paths': fact(
    'pod_template',
    ['path', 'read_only', 'mounted', 'type'],
    'Host paths of the pod spec, normalised; read_only when every mount of it is.',
    (_, facts) => hostPathsOf(facts('pod_template'))
  ),
  'facts.tokens': fact(
    'pod_template',
    ['audience', 'seconds'],
    'Service-account tokens that the pod spec has projected.',
    (_, facts) => projectedTokens(facts('pod_template'))
  ),
  'facts.weakened': fact(
    'pod_template',
    [],
    'Isolation given up: seccomp_unconfined, apparmor_unconfined, unmasked_proc, shared_process_namespace, root_may_escalate, unsafe_sysctl, host_process.',
    (view, facts) => {
      const path = podSpecPath(view)
      return path === null ? [] : weakenedIsolation(facts('pod_template'), templateAnnotations(facts('object'), path))
    }
  ),
  'facts.added_containers': fact(
    'request',
    null,
    'Containers that a patch puts into a workload beside those it had, each as in the API.',
    (view) => {
      const path = podSpecPath(view)
      return path === null || view.event.audit?.verb !== 'patch' ? [] : addedContainers(view.bodies.request(), path)
    }
  ),
  'facts.volume_path': fact('object', [], 'The folder of the host behind a PersistentVolume, normalised.', (_, facts) =>
    volumePath(facts('object'))
  ),
  'facts.owned': fact(
    'object',
    [],
    'Whether the object has an owner, so that a controller made it and the finding belongs to the owner.',
    (_, facts) => isOwned(facts('object'))
  ),
  'facts.replicas': fact('object', [], 'Pods that the object asks for: replicas or parallelism.', (_, facts) =>
    replicasOf(facts('object'))
  ),
  'facts.patched': fact(
    'request',
    [],
    'Paths that a patch sets, without list indices: spec.template.spec.containers.image.',
    audit((view) => patchedFields(view.event.audit, view.bodies))
  ),
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
  'facts.source': fact(
    null,
    ['kind', 'network'],
    'The client address of a request: kind (public, private, loopback, link_local, metadata) and network (/24, /48).',
    ({ event: { source_ip } }) => addressFacts(source_ip)
  ),
  'facts.outside_own_namespace': fact(
    null,
    [],
    'Whether a service account acts on an object of another namespace or of the cluster; nothing for others.',
    ({ event }) => actsOutsideNamespace(event.actor, event.audit?.objectRef?.namespace ?? null)
  ),
  'facts.subjects': fact(
    'object',
    ['kind', 'name', 'namespace', 'identity'],
    'Subjects of a role binding; identity is the user or group name as audit events have it.',
    (view, facts) => subjectsOf(facts('object'), view.event.audit?.objectRef?.namespace ?? null)
  ),
  'facts.grants_self': fact(
    'object',
    [],
    'Whether a role binding gives rights to who writes it, or to a group that few are in and who writes it is.',
    (view, facts) => {
      const namespace = view.event.audit?.objectRef?.namespace ?? null
      return grantsToActor(subjectsOf(facts('object'), namespace), view.event.actor)
    }
  ),
  'facts.role': fact('object', ['kind', 'name'], 'The role that a role binding refers to.', (_, facts) =>
    roleOf(facts('object'))
  ),
  'facts.rights': fact(
    'object',
    [],
    'Rights that a role gives, each as verb and resource: get secrets, * *, create pods/exec.',
    (_, facts) => grantedRights(facts('object'))
  ),
  'facts.certificate': fact(
    'object',
    ['signer', 'common_names', 'organizations', 'readable', 'requester', 'usages'],
    'What a certificate signing request asks for, with the names read from the request itself; readable when all of it could be.',
    (_, facts) => certificateRequestOf(facts('object'))
  ),
  'facts.webhook_urls': fact(
    'object',
    ['scheme', 'host', 'port', 'path', 'kind'],
    'URLs outside of services that admission webhooks and conversions of definitions have the API server ask; kind as in facts.urls.',
    (_, facts) => webhookUrls(facts('object'))
  ),
  'facts.credentials': fact(
    'object',
    ['key', 'kind'],
    'Credentials in the data of a ConfigMap: key and kind, never the value.',
    (_, facts) => credentialsIn(facts('object'))
  ),
  'facts.look_alike': fact(
    'object',
    ['name', 'of'],
    'Names of the object and its namespace that are one or two characters off from a name of kube-system or of a node component.',
    (view, facts) =>
      namesOf(view, facts('object'))
        .map(lookAlikeOf)
        .filter((found) => found !== null)
  ),
  'facts.registry_look_alike': fact(
    'pod_template',
    ['name', 'of'],
    'Registries of the images of a pod spec whose host looks like that of a well-known one and is not it.',
    (_, facts) =>
      imagesOf(facts('pod_template'))
        .map(({ registry }) => registryLookAlikeOf(registry))
        .filter((found) => found !== null)
  ),
  'facts.trusted_name': fact(
    null,
    [],
    'The name of kube-system or of a node component that the object bears, suffixes of controllers taken away.',
    (view, facts) => {
      const name = view.event.audit?.objectRef?.name ?? stringAt(facts('object'), 'metadata', 'name')
      return name === null ? null : trustedNameOf(name)
    }
  ),
  'facts.process': fact(
    null,
    ['program', 'parent', 'ancestors'],
    'Programs by name without folders, in lower case, applets of busybox by theirs: of the process, its parent, all ancestors.',
    ({ event }) => processFacts(event)
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
  'facts.destination': fact(
    null,
    ['kind', 'network'],
    'Where a connection goes: kind (public, private, loopback, link_local, metadata) and network (/24, /48).',
    ({ event: { runtime } }) => addressFacts(runtime?.network?.destination_ip ?? null)
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

export type FactName = keyof typeof FACTS

const BY_NAME: ReadonlyMap<string, Fact> = new Map(Object.entries(FACTS))

export function factOf(name: string): Fact | null {
  return BY_NAME.get(name) ?? null
}

/** Every fact and every name inside one, as rules write them. */
export const FACT_PATHS: readonly string[] = [...BY_NAME].flatMap(([name, { fields }]) => [
  name,
  ...(fields ?? []).map((field) => `${name}.${field}`)
])
