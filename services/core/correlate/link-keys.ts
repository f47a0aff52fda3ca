import type { Entity, Signal } from '../../../schemas/generated/types.ts'
import { addressKind } from '../detect/facts/address.ts'
import { severityRank } from '../severity.ts'
import type { LinkKind } from './settings.ts'
import { isStoppedServiceAccount, isStoppedUser } from './stop-values.ts'

/** A key that a signal shares with others of the same attack. */
export interface Link {
  readonly kind: LinkKind
  /** Unique over kinds. */
  readonly key: string
  /**
   * Whether it ties together what shares the key. What only follows belongs to the nearest that lead, before and after it, and
   * two that follow are not tied: a developer enters pod after pod, and a deployment system changes workload after workload,
   * without these having to do with each other.
   */
  readonly leads: boolean
  /**
   * Of what follows: whether it is tied only to the next that leads, since a credential is taken before it is used. `last`: and
   * only when nothing else of this kind stands between, since of two that could have taken it the later is the likelier.
   */
  readonly precedes: 'no' | 'last' | 'each'
}

/** Sensors give container ids whole or cut (Falco to 12 characters): the shortest is enough to tell containers of a cluster apart. */
const CONTAINER_ID_CHARACTERS = 12

/** Ids of access keys; users, roles and sessions have ARNs and are never among the keys: too many hands share a role. */
const ACCESS_KEY = /^[A-Z0-9]{16,128}$/
const ANONYMOUS = 'system:anonymous'

/** What an entity is known by: its id, and for pods and workloads also the qualified name, since some sources know only that. */
function aliases(entity: Entity): readonly string[] {
  return entity.name !== entity.id && entity.name.includes('/') ? [entity.id, entity.name] : [entity.id]
}

/** Techniques of signals whose address is one that many go to: pools of miners, relays. It says nothing of who they are. */
const SHARED_SERVERS: ReadonlySet<string> = new Set(['T1496', 'T1496.001', 'T1090.003'])

const METADATA: ReadonlySet<string> = new Set(['169.254.169.254', '169.254.170.2'])

/** The technique of getting from a container to its node. */
const ESCAPE = 'T1611'

/** What a signal says of who acted, as far as keys are concerned. */
interface Actor {
  /** A user name, when no service account and no node. */
  readonly user: string | null
  readonly address: string | null
  /** Through the API, with the token of a pod: the pod says more than account and token. */
  readonly hasPod: boolean
  readonly actsForEverybody: boolean
}

function actorOf({ entities, source, parts }: Pick<Signal, 'entities' | 'source' | 'parts'>): Actor {
  const actors = entities.filter(({ role }) => role === 'actor')
  return {
    user: actors.find(({ type }) => type === 'user')?.id ?? null,
    address: entities.find(({ type }) => type === 'source_address')?.id ?? null,
    hasPod: (source === 'audit' || parts.length > 0) && actors.some(({ type }) => type === 'pod'),
    actsForEverybody: actors.some(
      ({ type, id }) =>
        type === 'node' ||
        (type === 'service_account' && isStoppedServiceAccount(id)) ||
        (type === 'user' && isStoppedUser(id))
    )
  }
}

/**
 * The keys that tie a signal to others. Images are never among them: too many innocent things share those.
 *
 * - Pods, containers and workloads lead from `low` on. A pod that acts through the API leads from `medium` on: programs that
 *   manage others act on many, all day, and that has to do with each other only if something is wrong with the pod itself.
 * - A service account or its token counts where no pod is known to have acted: the account is shared by pods, the pod is not.
 * - People count together with their address, since their credentials are with them wherever they are. They lead from `medium`
 *   on. Requests without credentials lead from `low` on: nobody works that way.
 * - The address of a pod leads to what is asked of the API from it, with whatever credential: one of a node, or of another pod.
 * - A session ties what ran in it to its request, and leads from `low` on.
 * - Requests with the credential of a node, by whatever is no kubelet, are tied by their address, and for some minutes to the
 *   last way out of a container of that node and to what was done on the node itself.
 * - Access keys lead into the cloud: the service account of a pod takes a role, which brings an access key, with which the cloud is
 *   asked. Taking the role leads, whatever its severity: without it nothing leads from the pod into the cloud.
 * - Indicators: bare addresses lead from `low` on, names from `medium` on, since names are where everybody goes.
 * - A correlation counts by what most of its parts share (the others are its context), since it may tell of several attacks.
 * - What is informational happens beside and only follows, whatever the key but for the one just named.
 * @returns keys without duplicates, in the order of the signal's entities
 */
export function linksOf(
  signal: Pick<Signal, 'entities' | 'source' | 'severity' | 'tactics' | 'techniques' | 'parts'>
): readonly Link[] {
  const rank = severityRank(signal.severity)
  const isLow = rank >= severityRank('low')
  const isMedium = rank >= severityRank('medium')
  const isAudit = signal.source === 'audit'
  const isCloud = signal.source === 'cloud'
  const isCorrelation = signal.parts.length > 0
  // Writing to the node is a way to stay; it does not give its credential.
  const isEscape = signal.techniques.includes(ESCAPE) && isMedium && !signal.tactics.includes('persistence')
  const isOnNode = !signal.entities.some(({ type }) => type === 'pod' || type === 'container')
  const goesWhereManyGo = signal.techniques.some((technique) => SHARED_SERVERS.has(technique))
  const actor = actorOf(signal)
  const links = new Map<string, Link>()
  const add = (kind: LinkKind, value: string, leads: boolean, precedes: Link['precedes'] = 'no') => {
    const key = `${kind}:${value}`
    const known = links.get(key)
    if (value !== '' && (known === undefined || (leads && !known.leads))) links.set(key, { kind, key, leads, precedes })
  }
  for (const entity of signal.entities) {
    // Of a correlation, context is what only few of its parts have.
    if (isCorrelation && entity.role === 'context') continue
    switch (entity.type) {
      case 'pod': {
        const actsOnOthers = isAudit && entity.role === 'actor'
        for (const alias of aliases(entity)) add('pod', alias, actsOnOthers ? isMedium : isLow)
        break
      }
      case 'workload':
        for (const alias of aliases(entity)) add('workload', alias, isLow)
        break
      case 'container':
        add('container', entity.id.slice(0, CONTAINER_ID_CHARACTERS), isLow)
        break
      case 'service_account':
        if (entity.role === 'context' || isStoppedServiceAccount(entity.id)) break
        // A token is read before it is used; two pods that read one of their account have nothing to do with each other.
        if (entity.role === 'target') add('service_account', entity.id, isAudit && isLow, isAudit ? 'no' : 'last')
        else if (!actor.hasPod) add('service_account', entity.id, isMedium || isCloud)
        break
      case 'exec_session':
        add('session', entity.id, isLow)
        break
      case 'credential':
        // A person's certificate says no more than the name; an access key of a cloud is its own.
        if (entity.role !== 'actor' || actor.hasPod || actor.actsForEverybody) break
        if (actor.user === null || ACCESS_KEY.test(entity.id)) add('credential', entity.id, isMedium)
        break
      case 'user': {
        if (entity.role !== 'actor' || actor.address === null) break
        if (entity.id === ANONYMOUS) add('user', `${entity.id} ${actor.address}`, isLow)
        else if (!isStoppedUser(entity.id)) add('user', `${entity.id} ${actor.address}`, isMedium)
        break
      }
      case 'source_address':
        if (addressKind(entity.id) !== 'private') break
        if (!isAudit) add('address', entity.id, isLow)
        // Many people may come from one private address, and all requests that a node has translated.
        else if (actor.user === null) add('address', entity.id, false)
        break
      case 'node':
        if (entity.role === 'actor') {
          add('node', entity.id, isMedium)
          if (actor.address !== null) add('user', `node ${entity.id} ${actor.address}`, isMedium)
        } else if (!isAudit && (isEscape || (isOnNode && isLow)))
          add('node', entity.id, false, isOnNode ? 'each' : 'last')
        break
      case 'indicator':
        if (entity.role !== 'target' || goesWhereManyGo || METADATA.has(entity.id)) break
        add('indicator', entity.id, addressKind(entity.id) === 'public' ? isLow : isMedium)
        break
      case 'cloud_identity':
        // Whoever is given a key uses it next: it ties as a target, too. In audit logs of EKS it is the credential of a person.
        if (entity.role !== 'context' && ACCESS_KEY.test(entity.id)) {
          add('cloud_key', entity.id, isLow)
          add('credential', entity.id, isLow)
        }
        break
      default:
        break
    }
  }
  return [...links.values()]
}
