import type { Entity, Signal } from '../../../schemas/generated/types.ts'

type Shape = readonly (readonly [Entity['type'], Entity['role']])[]

/** What many signals share. */
export interface Template {
  readonly common: Omit<
    Signal,
    'id' | 'time' | 'event_id' | 'entities' | 'ancestry' | 'correlation_fields' | 'title' | 'evidence' | 'dedup_key'
  >
  readonly fields: readonly string[]
  readonly entities: Shape
  readonly ancestry: Shape
}

const shapeOf = (entities: readonly Entity[]): Shape => entities.map(({ type, role }) => [type, role])

function templateOf(signal: Signal): Template {
  const { cluster, source, rule, severity, action, outcome, tactics, techniques, playbook } = signal
  return {
    common: {
      cluster: { id: cluster.id, name: cluster.name },
      source,
      rule: { id: rule.id, code: rule.code, title: rule.title, level: rule.level },
      ...{ severity, action, outcome, tactics: [...tactics], techniques: [...techniques], playbook },
      ...{ investigation: [], role: signal.role, sources: [...signal.sources], parts: [] },
      ...{ count: signal.count, verdict: null }
    },
    fields: Object.keys(signal.correlation_fields),
    entities: shapeOf(signal.entities),
    ancestry: shapeOf(signal.ancestry)
  }
}

function sameTexts(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false
  for (let at = 0; at < some.length; at += 1) if (some[at] !== others[at]) return false
  return true
}

function sameShape(shape: Shape, entities: readonly Entity[]): boolean {
  if (shape.length !== entities.length) return false
  for (let at = 0; at < shape.length; at += 1) {
    const entity = entities[at]
    const one = shape[at]
    if (entity === undefined || one === undefined || entity.type !== one[0] || entity.role !== one[1]) return false
  }
  return true
}

function sameNames(names: readonly string[], fields: Signal['correlation_fields']): boolean {
  let at = 0
  for (const name in fields) {
    if (!Object.hasOwn(fields, name)) continue
    if (names[at] !== name) return false
    at += 1
  }
  return at === names.length
}

/** Whether a signal is told by the template and what is packed of it. */
function fits({ common, fields, entities, ancestry }: Template, signal: Signal): boolean {
  const { rule, cluster } = signal
  return (
    common.action === signal.action &&
    common.outcome === signal.outcome &&
    common.severity === signal.severity &&
    common.source === signal.source &&
    common.role === signal.role &&
    common.count === signal.count &&
    common.playbook === signal.playbook &&
    common.cluster.id === cluster.id &&
    common.cluster.name === cluster.name &&
    common.rule.code === rule.code &&
    common.rule.title === rule.title &&
    common.rule.level === rule.level &&
    sameShape(entities, signal.entities) &&
    sameShape(ancestry, signal.ancestry) &&
    sameNames(fields, signal.correlation_fields) &&
    sameTexts(common.tactics, signal.tactics) &&
    sameTexts(common.techniques, signal.techniques) &&
    sameTexts(common.sources, signal.sources)
  )
}

/** Templates remembered per rule: of most there are a few. What is packed keeps its template by itself. */
const REMEMBERED = 8

export interface Templates {
  /** The template of a signal. */
  for(signal: Signal): Template
}

export function createTemplates(): Templates {
  /** By rule, the latest first. */
  const ofRule = new Map<string, Template[]>()
  return {
    for(signal) {
      const known = ofRule.get(signal.rule.id) ?? []
      for (const template of known) if (fits(template, signal)) return template
      const template = templateOf(signal)
      ofRule.set(signal.rule.id, [template, ...known.slice(0, REMEMBERED - 1)])
      return template
    }
  }
}
