import { hash } from 'node:crypto'
import type { Entity, Signal } from '../../../schemas/generated/types.ts'
import { EVENT_LIMITS } from '../detect/limits.ts'
import { plainLine } from '../detect/plain-text.ts'
import type { Window } from './evaluate.ts'
import type { WindowRule } from './window-rule.ts'

const MAX_ENTITIES = 48
const MAX_PARTS = 100
const MAX_SHOWN = 5
/** What two events of one attack share as a rule: who did it, or where. */
const ANCHORS: ReadonlySet<Entity['type']> = new Set([
  'container',
  'pod',
  'workload',
  'service_account',
  'credential',
  'user'
])
const ROLE_STRENGTH = { actor: 2, target: 1, context: 0 } as const

const digest = (parts: readonly unknown[]): string => hash('sha256', JSON.stringify(parts), 'hex').slice(0, 32)

/** Identity of a window: the rule, the group and the first event; the same on every replay and in every order. */
export function windowId(rule: WindowRule, cluster_id: string, group: readonly string[], first: string): string {
  return digest(['window', rule.id, cluster_id, group, first])
}

interface Found {
  entity: Entity
  count: number
  /** Another of the same id and another type. */
  readonly other: Found | undefined
}

function foundOf(found: ReadonlyMap<string, Found>, { type, id }: Entity): Found | undefined {
  let one = found.get(id)
  while (one !== undefined && one.entity.type !== type) one = one.other
  return one
}

/** Different entities of all parts, with the number of those that have them and the strongest of their roles, in the order of the parts. */
function countEntities(parts: readonly Signal[]): readonly Found[] {
  const found = new Map<string, Found>()
  const all: Found[] = []
  for (const { entities } of parts) {
    for (const entity of entities) {
      const known = foundOf(found, entity)
      if (known === undefined) {
        const one = { entity, count: 1, other: found.get(entity.id) }
        found.set(entity.id, one)
        all.push(one)
        continue
      }
      known.count += 1
      if (ROLE_STRENGTH[entity.role] > ROLE_STRENGTH[known.entity.role])
        known.entity = { ...known.entity, role: entity.role }
    }
  }
  return all
}

const asContext = (entity: Entity): Entity => (entity.role === 'context' ? entity : { ...entity, role: 'context' })

/**
 * Entities of all parts, those that most parts have first; a thing with several roles has the strongest. What no more than half
 * of the parts have is context. Where neither who nor a place within the cluster is shared, as with a window over a node or an
 * address, parts may be of several attacks: then only what the event that completed it has is more than context.
 */
function mergedEntities(parts: readonly Signal[], trigger: Signal): readonly Entity[] {
  const all = countEntities(parts)
    .toSorted((a, b) => b.count - a.count)
    .slice(0, MAX_ENTITIES)
  const isShared = ({ count }: { readonly count: number }) => count * 2 > parts.length
  const hasAnchor = all.some((one) => isShared(one) && ANCHORS.has(one.entity.type) && one.entity.role !== 'context')
  if (hasAnchor) return all.map((one) => (isShared(one) ? one.entity : asContext(one.entity)))
  const entityKey = ({ type, id }: Entity) => `${type} ${id}`
  const own = new Map(trigger.entities.map((entity) => [entityKey(entity), entity]))
  const others = all.filter(({ entity }) => !own.has(entityKey(entity)))
  return [...own.values(), ...others.map(({ entity }) => asContext(entity))].slice(0, MAX_ENTITIES)
}

/** Different texts of all, in the order in which they come. Lists that many signals share are looked at once. */
function unique<Text extends string>(lists: readonly (readonly Text[])[]): readonly Text[] {
  const [first = []] = lists
  let others: Set<Text> | null = null
  for (const list of lists) {
    if (list === first || (others === null && list.length <= 1 && list[0] === first[0])) continue
    others ??= new Set(first)
    for (const text of list) others.add(text)
  }
  return others === null ? [...new Set(first)] : [...others]
}

/** Several counted fields make one value, which is JSON: `[["shop"],["web"]]` is shown as shop/web. */
function shown(value: string): string {
  if (!value.startsWith('[[')) return value
  return (JSON.parse(value) as readonly (readonly string[])[]).map((texts) => texts.join(', ')).join('/')
}

function shownValues({ correlation }: WindowRule, window: Window): string {
  if (correlation.fields.length === 0) return ''
  const all = [...new Set(window.items.flatMap((item) => item.values))].sort()
  const values = correlation.fields.length > 1 ? all.map(shown) : all
  const more = values.length > MAX_SHOWN ? ` and ${values.length - MAX_SHOWN} more` : ''
  return `${values.slice(0, MAX_SHOWN).join(', ')}${more}`
}

/** Steps with the values of group-by put into their searches; a value in quotes cannot end them. */
function filledSteps({ investigation }: WindowRule, values: ReadonlyMap<string, string>): Signal['investigation'] {
  const fill = (query: string) =>
    query.replace(/\{([^}]*)\}/g, (_, name: string) => (values.get(name) ?? '').replace(/["\\]/g, '\\$&'))
  return investigation.map(({ step, query }) => ({ step, query: query === null ? null : fill(query) }))
}

/**
 * The signal of a window.
 * @param group names and values of group-by
 * @param parts the signals of its events, in the same order; at least one
 */
export function windowSignal(
  rule: WindowRule,
  id: string,
  group: ReadonlyArray<readonly [string, readonly string[]]>,
  window: Window,
  parts: readonly Signal[]
): Signal {
  const trigger = parts[window.items.indexOf(window.trigger)] ?? parts.at(-1)
  if (trigger === undefined) throw new RangeError('a window is made of signals, and there are none')
  const values = new Map<string, string>(group.map(([name, texts]) => [name, texts.join(', ')]))
  values.set('count', String(window.items.length))
  values.set('value', String(Number(window.value.toFixed(3))))
  values.set('values', shownValues(rule, window))
  const title = rule.template.replace(/\{([^}]*)\}/g, (_, name: string) =>
    plainLine(values.get(name) ?? 'unknown', EVENT_LIMITS.title_value_characters)
  )
  const evidence = [...values].filter(([, text]) => text !== '')
  return {
    id,
    time: window.trigger.time,
    cluster: trigger.cluster,
    source: trigger.source,
    rule: { id: rule.id, code: rule.code, title: rule.title, level: rule.level },
    severity: rule.severity,
    title: plainLine(title, EVENT_LIMITS.title_characters),
    dedup_key: digest([rule.id, trigger.cluster.id, group]),
    event_id: trigger.event_id,
    action: trigger.action,
    outcome: trigger.outcome,
    tactics: rule.tactics.length > 0 ? rule.tactics : unique(parts.map(({ tactics }) => tactics)),
    techniques: unique([rule.techniques, ...parts.map(({ techniques }) => techniques)]).toSorted(),
    entities: mergedEntities(parts, trigger),
    evidence: Object.fromEntries(
      evidence.map(([name, text]) => [name, plainLine(text, EVENT_LIMITS.evidence_characters)])
    ),
    ancestry: parts.find(({ ancestry }) => ancestry.length > 0)?.ancestry ?? [],
    playbook: rule.playbook ?? parts.find(({ playbook }) => playbook !== null)?.playbook ?? null,
    investigation: rule.investigation.length > 0 ? filledSteps(rule, values) : trigger.investigation,
    role: rule.role,
    sources: unique(parts.map(({ source, sources }) => (sources.length > 0 ? sources : [source]))),
    parts: parts.slice(0, MAX_PARTS).map((part) => part.id),
    count: window.items.length,
    correlation_fields: Object.fromEntries(group),
    verdict: null
  }
}
