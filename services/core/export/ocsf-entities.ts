import type { Entity, EntityType, Signal } from '../../../schemas/generated/types.ts'
import { compact, type Draft, freeForm, type Tally, take, text } from './bounds.ts'

/** Entities in the shapes OCSF has for them: observables, resources and evidence. Numbers are those of OCSF 1.6.0. */

/** `observable.type_id` by entity; the others are OCSF's `Other` with our word for the type. */
const OBSERVABLE: Partial<Readonly<Record<EntityType, { readonly type_id: number; readonly type: string }>>> = {
  source_address: { type_id: 2, type: 'IP Address' },
  user: { type_id: 4, type: 'User Name' },
  service_account: { type_id: 4, type: 'User Name' },
  cloud_identity: { type_id: 4, type: 'User Name' },
  node: { type_id: 1, type: 'Hostname' },
  container: { type_id: 10, type: 'Resource UID' },
  credential: { type_id: 19, type: 'User Credential ID' },
  process: { type_id: 39, type: 'Process Entity Object: uid' },
  pod: { type_id: 38, type: 'Resource Details Object: name' },
  workload: { type_id: 38, type: 'Resource Details Object: name' },
  secret: { type_id: 38, type: 'Resource Details Object: name' },
  role_binding: { type_id: 38, type: 'Resource Details Object: name' },
  object: { type_id: 38, type: 'Resource Details Object: name' }
}
/** Entities that are pivoted on by identity rather than by name. */
const BY_ID: ReadonlySet<EntityType> = new Set(['container', 'credential', 'process'])

const USERS: ReadonlySet<EntityType> = new Set(['user', 'service_account', 'cloud_identity'])
const ADDRESSES: ReadonlySet<EntityType> = new Set(['source_address'])
const PROCESSES: ReadonlySet<EntityType> = new Set(['process'])

/** Entities that are objects of the cluster, hence OCSF resources. */
const RESOURCES: ReadonlySet<EntityType> = new Set([
  'container',
  'pod',
  'workload',
  'service_account',
  'node',
  'image',
  'secret',
  'role_binding',
  'object'
])
/** `resource_details.role_id`. */
const ROLE: Readonly<Record<Entity['role'], { readonly role_id: number; readonly role: string }>> = {
  target: { role_id: 1, role: 'Target' },
  actor: { role_id: 2, role: 'Actor' },
  context: { role_id: 4, role: 'Related' }
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/
const IPV6 = /^[0-9a-fA-F:.]{2,45}$/
const HASH = /^(?:sha256:)?(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/

function isAddress(value: string): boolean {
  return IPV4.test(value) || (IPV6.test(value) && value.includes(':') && URL.canParse(`http://[${value}]/`))
}

function observableType(entity: Entity, value: string): { readonly type_id: number; readonly type: string } {
  if (entity.type === 'indicator') {
    if (isAddress(value)) return { type_id: 2, type: 'IP Address' }
    return HASH.test(value) ? { type_id: 8, type: 'Hash' } : { type_id: 1, type: 'Hostname' }
  }
  return OBSERVABLE[entity.type] ?? { type_id: 99, type: entity.type }
}

/** `name` points at the attribute the value also stands in, as OCSF asks for: all entities are in `unmapped`. */
export function observables(entities: readonly Entity[], tally: Tally): readonly Draft[] {
  return take(entities, tally).flatMap((entity) => {
    const byId = BY_ID.has(entity.type) || entity.name === ''
    const value = text(byId ? entity.id : entity.name, tally)
    if (value === undefined) return []
    return { name: `unmapped.entities.${byId ? 'id' : 'name'}`, value, ...observableType(entity, value) }
  })
}

export function allEntities(entities: readonly Entity[], tally: Tally): readonly Draft[] {
  return take(entities, tally).map(({ type, id, name, role }) => ({
    type,
    id: text(id, tally),
    name: text(name, tally),
    role
  }))
}

/** What made the rule fire: the values it shows, and who, from where and with which process, as far as OCSF has objects. */
export function evidences(signal: Signal, tally: Tally): readonly Draft[] | undefined {
  const first = (types: ReadonlySet<EntityType>) => signal.entities.find(({ type }) => types.has(type))
  const user = first(USERS)
  const userName = text(user?.name || user?.id, tally)
  const address = first(ADDRESSES)
  const ip = address?.name || address?.id
  const process = first(PROCESSES)
  const processUid = text(process?.id, tally)
  const found = compact({
    data: freeForm(signal.evidence, tally),
    actor: userName === undefined ? undefined : { user: { name: userName } },
    src_endpoint: ip === undefined || !isAddress(ip) ? undefined : { ip },
    process: processUid === undefined ? undefined : { uid: processUid, cmd_line: text(process?.name, tally) }
  })
  return found === undefined ? undefined : [{ uid: signal.event_id, ...found }]
}

/** Takes the name of an entity apart: `shop/web`, and with its kind `Deployment/shop/web` or `configmaps/shop/settings`. */
function placeOf({ type, name }: Entity): {
  readonly type: string
  readonly namespace?: string
  readonly name: string
} {
  const [kind, rest] = type === 'workload' || type === 'object' ? splitOnce(name) : [null, name]
  const [namespace, own] = type === 'image' || type === 'node' || type === 'container' ? [null, rest] : splitOnce(rest)
  return { type: kind ?? type, ...(namespace !== null && { namespace }), name: own }
}

function splitOnce(text: string): readonly [string | null, string] {
  const slash = text.indexOf('/')
  return slash === -1 ? [null, text] : [text.slice(0, slash), text.slice(slash + 1)]
}

export function resources(entities: readonly Entity[], tally: Tally): readonly Draft[] {
  return take(
    entities.filter(({ type }) => RESOURCES.has(type)),
    tally
  ).flatMap((entity) => {
    const { type, namespace, name } = placeOf(entity)
    const uid = text(entity.id, tally)
    const label = text(name, tally)
    // An object needs one of the two.
    if (uid === undefined && label === undefined) return []
    return { uid, name: label, namespace: text(namespace, tally), type: text(type, tally), ...ROLE[entity.role] }
  })
}
