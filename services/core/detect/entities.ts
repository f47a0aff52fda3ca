import type {
  CloudEvent,
  EnrichedEvent,
  Entity,
  EntityRole,
  EntityType,
  Pod,
  Workload
} from '../../../schemas/generated/types.ts'
import { isPublicAddress } from '../enrich/client-address.ts'
import { workloadKindOfResource } from '../enrich/workload-kinds.ts'
import { urlsIn } from './facts/address.ts'
import { EVENT_LIMITS } from './limits.ts'
import { plainLine } from './plain-text.ts'

/**
 * The entities an event touches. The correlator stitches signals by type and id, so both halves of the product have to give the
 * same id to the same thing: a UID where there is one, else `namespace/name`.
 */

const ROLE_STRENGTH: Readonly<Record<EntityRole, number>> = { actor: 2, target: 1, context: 0 }

/** Where kubelet mounts the tokens of a pod's service account, for the API and for a role in AWS; /var/run is a link to /run in most images. */
const TOKEN_FOLDER =
  /^(?:\/var)?\/run\/secrets\/(?:kubernetes\.io|(?:pods\.)?eks\.amazonaws\.com)\/serviceaccount(?:\/|$)/

/** Addresses of cloud metadata: link-local, and still what an attack is about. */
const METADATA_ADDRESSES: ReadonlySet<string> = new Set(['169.254.169.254', '169.254.170.2'])

/** Where EKS's authenticator puts the id of the access key that a request was signed with. */
const EKS_ACCESS_KEY = 'accessKeyId'

/** Resources of one request to a cloud that are worth an entity. */
const MOST_RESOURCES = 8

type Add = (type: EntityType, id: string | null | undefined, name: string | null | undefined, role: EntityRole) => void

const scoped = (namespace: string | null, name: string): string => (namespace === null ? name : `${namespace}/${name}`)

const workloadName = (workload: Workload): string => `${workload.kind}/${scoped(workload.namespace, workload.name)}`

function addPod(pod: Pod | null, role: EntityRole, add: Add): void {
  if (pod === null) return
  const name = pod.name === null ? null : scoped(pod.namespace, pod.name)
  add('pod', pod.uid ?? name, name ?? pod.uid, role)
}

function addTarget(event: EnrichedEvent, add: Add): void {
  const reference = event.audit?.objectRef ?? null
  if (reference === null || reference.resource === null) return
  const { resource, namespace, name } = reference
  const path = name === null ? null : scoped(namespace, name)
  const kind = workloadKindOfResource(resource)
  if (resource === 'pods') {
    const { pod } = event
    const isThatPod =
      pod !== null && pod.namespace === namespace && pod.name !== null && (name === null || pod.name === name)
    // A create may leave the name to the API server; then only the pod itself tells.
    const own = isThatPod && (name !== null || event.audit?.verb === 'create')
    if (own) addPod(pod, 'target', add)
    else add('pod', path, path, 'target')
  } else if (kind !== null) {
    const { workload } = event
    const isThat =
      workload !== null &&
      workload.kind === kind.kind &&
      workload.name !== '' &&
      (name === null || workload.name === name)
    const label = isThat ? workloadName(workload) : path === null ? null : `${kind.kind}/${path}`
    add('workload', (isThat ? workload.uid : null) ?? label, label, 'target')
  } else if (resource === 'secrets') {
    const id = path ?? (namespace === null ? '*' : `${namespace}/*`)
    add('secret', id, id, 'target')
  } else if (resource === 'rolebindings' || resource === 'clusterrolebindings') {
    add('role_binding', path, path, 'target')
  } else if (resource === 'serviceaccounts') {
    add('service_account', path, path, 'target')
  } else if (resource === 'nodes') {
    add('node', name, name, 'target')
  } else if (path !== null) {
    add('object', `${resource}/${path}`, `${resource}/${path}`, 'target')
  }
}

function addAudit(event: EnrichedEvent, add: Add): void {
  const { actor, pod_spec } = event
  if (actor !== null) {
    if (actor.kind === 'service_account') add('service_account', actor.service_account, actor.service_account, 'actor')
    else if (actor.kind === 'node') add('node', actor.node_name, actor.node_name, 'actor')
    else add('user', actor.name, actor.name, 'actor')
    add('credential', actor.credential_id, actor.credential_id, 'actor')
    // Whoever comes with an identity of AWS has signed with an access key, which EKS writes down; the trail has the same.
    const key = event.audit?.user.extra[EKS_ACCESS_KEY]?.[0]
    if (actor.kind === 'user' && actor.credential_id === null) add('credential', key, key, 'actor')
    if (actor.pod_uid !== null) {
      const namespace = actor.service_account?.split('/')[0] ?? null
      add('pod', actor.pod_uid, actor.pod_name === null ? actor.pod_uid : scoped(namespace, actor.pod_name), 'actor')
    }
  }
  add('source_address', event.source_ip, event.source_ip, 'context')
  addTarget(event, add)
  for (const image of pod_spec?.images ?? []) add('image', image, image, 'target')
}

/** An access key names a session or a user's credential: whatever is done with it is done by the same hands. */
function addCloud(event: EnrichedEvent, cloud: CloudEvent, add: Add): void {
  const { userIdentity: identity, workload, issued_key_id } = cloud
  const name = identity.arn ?? identity.userName ?? identity.principalId
  // The service that takes a role for a pod is not who acts.
  const isForPod = workload !== null && workload.service_account !== null
  if (isForPod) add('service_account', workload.service_account, workload.service_account, 'actor')
  else if (identity.accessKeyId === null)
    add('cloud_identity', name ?? identity.invokedBy, name ?? identity.invokedBy, 'actor')
  if (!isForPod) add('cloud_identity', identity.accessKeyId, name, 'actor')
  if (!isForPod)
    add(
      'cloud_identity',
      identity.sessionContext?.sessionIssuer?.arn,
      identity.sessionContext?.sessionIssuer?.arn,
      'context'
    )
  addPod(event.pod, 'actor', add)
  add('source_address', event.source_ip, event.source_ip, 'context')
  add('cloud_identity', issued_key_id, issued_key_id, 'target')
  for (const { ARN } of cloud.resources.slice(0, MOST_RESOURCES)) add('object', ARN, ARN, 'target')
}

/** Names that resolve inside the cluster or the pod say nothing about where an attack goes. */
const isInternalName = (domain: string): boolean =>
  !domain.includes('.') || /(?:^|\.)(?:cluster\.local|svc|localhost|local|(?:ec2|compute)\.internal)$/.test(domain)

function addDestination(event: EnrichedEvent, add: Add): void {
  const network = event.runtime?.network ?? null
  if (network === null || network.direction === 'ingress' || network.direction === 'listen') return
  const domain = network.domain?.toLowerCase().replace(/\.$/, '') ?? null
  const address = network.destination_ip
  if (domain !== null && domain !== '' && !isInternalName(domain)) add('indicator', domain, domain, 'target')
  else if (address !== null && (isPublicAddress(address) || METADATA_ADDRESSES.has(address))) {
    add('indicator', address, address, 'target')
  }
}

/** Most hosts of URLs of one command line that are taken as indicators. */
const MAX_URL_HOSTS = 4

/** Whom a program was told to talk to: a connection may be made by another process, and be seen by no sensor. */
function addUrlHosts(event: EnrichedEvent, add: Add): void {
  if (event.runtime?.category !== 'process') return
  for (const { scheme, host, kind } of urlsIn(event.runtime.process?.command_line ?? null).slice(0, MAX_URL_HOSTS)) {
    // A mining pool is where everybody who mines goes.
    if (scheme?.startsWith('stratum') === true) continue
    if (kind === 'public' || (kind === 'name' && !isInternalName(host))) add('indicator', host, host, 'target')
  }
}

function addRuntime(event: EnrichedEvent, add: Add): void {
  const { container, pod, workload, runtime } = event
  const process = runtime?.process ?? null
  if (process !== null) {
    add('process', process.entity_id, process.command_line ?? process.executable ?? process.name, 'actor')
  }
  add('container', container?.id, container?.name ?? container?.id, 'actor')
  addPod(pod, 'actor', add)
  if (workload !== null) add('workload', workload.uid ?? workloadName(workload), workloadName(workload), 'context')
  const readsToken = TOKEN_FOLDER.test(runtime?.file?.path ?? '')
  add('service_account', pod?.service_account, pod?.service_account, readsToken ? 'target' : 'context')
  const node = pod?.node ?? event.source.instance
  add('node', node, node, 'context')
  const image = container?.image_name ?? container?.image_id
  add('image', image, image, 'context')
  // The pod's own address is what the API server sees of requests from it, whoever's credential they carry.
  if (pod?.ip != null && pod.host_network !== true) add('source_address', pod.ip, pod.ip, 'context')
  addDestination(event, add)
  addUrlHosts(event, add)
}

/**
 * The entities an event touches, at most `EVENT_LIMITS.entities`.
 * @returns distinct by type and id, in the order of roles as found; where a thing has several roles, the strongest counts
 *   (actor, target, context)
 */
export function entitiesOf(event: EnrichedEvent): readonly Entity[] {
  const entities = new Map<string, Entity>()
  const add: Add = (type, id, name, role) => {
    if (id === null || id === undefined || id === '') return
    const key = `${type} ${id}`
    const known = entities.get(key)
    if (known !== undefined) {
      if (ROLE_STRENGTH[role] > ROLE_STRENGTH[known.role]) entities.set(key, { ...known, role })
    } else if (entities.size < EVENT_LIMITS.entities) {
      entities.set(key, { type, id, name: plainLine(name || id, EVENT_LIMITS.entity_name_characters), role })
    }
  }
  if (event.audit !== null) addAudit(event, add)
  else if (event.cloud !== null) addCloud(event, event.cloud, add)
  else addRuntime(event, add)
  return [...entities.values()]
}

/** The process of a runtime event and its ancestors, the process first, named by their command lines; empty for audit events. */
export function ancestryOf(event: EnrichedEvent): readonly Entity[] {
  const process = event.runtime?.process ?? null
  if (process === null) return []
  const named = (line: string | null, executable: string | null, name: string | null) =>
    plainLine(line ?? executable ?? name ?? 'unknown', EVENT_LIMITS.entity_name_characters)
  return [
    {
      type: 'process',
      id: process.entity_id,
      name: named(process.command_line, process.executable, process.name),
      role: 'actor'
    },
    ...process.ancestors.slice(0, EVENT_LIMITS.entities).map(
      (ancestor, index): Entity => ({
        type: 'process',
        // Engines that do not name an ancestor still name the process it is an ancestor of.
        id: ancestor.entity_id ?? `${process.entity_id}^${index + 1}`,
        name: named(ancestor.command_line, ancestor.executable, ancestor.name),
        role: 'context'
      })
    )
  ]
}
