import type { Entity, EntityRole, EntityType, Signal } from '../../../schemas/generated/types.ts'
import { plainText } from './text.ts'

/** Order in which people look at entities: who, what it ran in, what it touched, what it has to do with. */
const TYPE_ORDER: readonly EntityType[] = [
  'user',
  'service_account',
  'credential',
  'cloud_identity',
  'source_address',
  'workload',
  'pod',
  'container',
  'exec_session',
  'process',
  'secret',
  'role_binding',
  'object',
  'indicator',
  'image',
  'node'
]
const ROLE_ORDER: readonly EntityRole[] = ['actor', 'target', 'context']

/** Most entities of an incident; those with the strongest roles are kept. */
export const MAX_ENTITIES = 200
/** As many of one type at most where there are more than that in all: a hundred deleted events must not push out the images. */
const MAX_OF_TYPE = 40
const MAX_NAME_BYTES = 200

/** Gives an entity of some signal the id that it has in the whole incident. */
export type Canonical = (entity: Pick<Entity, 'type' | 'id'>) => string

/**
 * Some sources know a pod or workload by UID and name, others by name alone. Where exactly one UID goes with a name, the name
 * stands for it; where a name was used by several (a StatefulSet's pod before and after), it stays itself.
 */
export function canonicalIds(signals: readonly Signal[]): Canonical {
  const idsByName = { pod: new Map<string, string | null>(), workload: new Map<string, string | null>() }
  for (const { entities } of signals) {
    for (const { type, id, name } of entities) {
      if ((type !== 'pod' && type !== 'workload') || name === id) continue
      const known = idsByName[type].get(name)
      idsByName[type].set(name, known === undefined || known === id ? id : null)
    }
  }
  return ({ type, id }) => (type === 'pod' || type === 'workload' ? (idsByName[type].get(id) ?? id) : id)
}

/** @returns each entity once, with its strongest role: by role, then type, then first appearance */
export function mergedEntities(signals: readonly Signal[], canonical: Canonical): readonly Entity[] {
  const byType = new Map<EntityType, Map<string, { -readonly [Key in keyof Entity]: Entity[Key] }>>()
  for (const type of TYPE_ORDER) byType.set(type, new Map())
  for (const { entities } of signals) {
    for (const entity of entities) {
      const id = canonical(entity)
      const merged = byType.get(entity.type)
      const known = merged?.get(id)
      if (known === undefined) merged?.set(id, { ...entity, id })
      else if (ROLE_ORDER.indexOf(entity.role) < ROLE_ORDER.indexOf(known.role)) known.role = entity.role
    }
  }
  const types = [...byType.values()].map((merged) =>
    [...merged.values()].sort((a, b) => ROLE_ORDER.indexOf(a.role) - ROLE_ORDER.indexOf(b.role))
  )
  const total = types.reduce((sum, { length }) => sum + length, 0)
  const kept = total > MAX_ENTITIES ? types.map((ofType) => ofType.slice(0, MAX_OF_TYPE)) : types
  return kept
    .flat()
    .sort((a, b) => ROLE_ORDER.indexOf(a.role) - ROLE_ORDER.indexOf(b.role))
    .slice(0, MAX_ENTITIES)
    .map((entity) => ({ ...entity, name: plainText(entity.name === '' ? entity.id : entity.name, MAX_NAME_BYTES) }))
}

/** An entity as it reads in a sentence: `pod shop/web-1`, `Deployment shop/web`, `secrets of all namespaces`. */
export function phrase({ type, name }: Pick<Entity, 'type' | 'name'>): string {
  switch (type) {
    case 'workload': {
      const [kind, ...rest] = name.split('/')
      const isQualified = rest.length > 0 && kind !== undefined && /^[A-Z][A-Za-z]*$/.test(kind)
      if (!isQualified) return `workload ${name}`
      // A bare pod is its own workload.
      return `${kind === 'Pod' ? 'pod' : kind} ${rest.join('/')}`
    }
    case 'secret':
      if (name === '*') return 'secrets of all namespaces'
      return name.endsWith('/*') ? `secrets of namespace ${name.slice(0, -2)}` : `secret ${name}`
    case 'exec_session':
      return `session of ${name}`
    case 'source_address':
      return `address ${name}`
    case 'object':
    case 'indicator':
      return name
    default:
      return `${type.replaceAll('_', ' ')} ${name}`
  }
}
