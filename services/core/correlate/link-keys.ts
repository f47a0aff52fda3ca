import type { Entity, Signal } from '../../../schemas/generated/types.ts'
import type { LinkKind } from './settings.ts'
import { isStoppedServiceAccount, isStoppedUser } from './stop-values.ts'

/** A key that a signal shares with others of the same attack. */
export interface Link {
  readonly kind: LinkKind
  /** Unique over kinds. */
  readonly key: string
}

/** Sensors give container ids whole or cut (Falco to 12 characters): the shortest is enough to tell containers of a cluster apart. */
const CONTAINER_ID_CHARACTERS = 12

/** What an entity is known by: its id, and for pods and workloads also the qualified name, since some sources know only that. */
function aliases(entity: Entity): readonly string[] {
  return entity.name !== entity.id && entity.name.includes('/') ? [entity.id, entity.name] : [entity.id]
}

/**
 * The keys that tie a signal to others. Nodes, images, addresses, users and indicators are never among them: too many innocent
 * things share those. A service account counts when it acted or was acted on, not when it merely belongs to the pod. A
 * credential counts unless it is that of an identity that acts for everybody.
 * @returns keys without duplicates, in the order of the signal's entities
 */
export function linksOf(signal: Pick<Signal, 'entities'>): readonly Link[] {
  const actsForEverybody = signal.entities.some(
    ({ type, id, role }) =>
      role === 'actor' &&
      (type === 'node' ||
        (type === 'service_account' && isStoppedServiceAccount(id)) ||
        (type === 'user' && isStoppedUser(id)))
  )
  const links = new Map<string, Link>()
  const add = (kind: LinkKind, value: string) => {
    if (value !== '') links.set(`${kind}:${value}`, { kind, key: `${kind}:${value}` })
  }
  for (const entity of signal.entities) {
    switch (entity.type) {
      case 'pod':
      case 'workload':
        for (const alias of aliases(entity)) add(entity.type, alias)
        break
      case 'container':
        add('container', entity.id.slice(0, CONTAINER_ID_CHARACTERS))
        break
      case 'service_account':
        if (entity.role !== 'context' && !isStoppedServiceAccount(entity.id)) add('service_account', entity.id)
        break
      case 'exec_session':
        add('session', entity.id)
        break
      case 'credential':
        if (entity.role === 'actor' && !actsForEverybody) add('credential', entity.id)
        break
      default:
        break
    }
  }
  return [...links.values()]
}
