import { hash } from 'node:crypto'
import type { Entity, Severity, Signal } from '../../../schemas/generated/types.ts'
import { EVENT_LIMITS } from '../detect/limits.ts'
import { plainLine } from '../detect/plain-text.ts'
import { SEVERITIES, severityRank } from '../severity.ts'
import type { ProfileRule } from './profile-rule.ts'
import type { RateGroup } from './rate-group.ts'
import type { NewEvent, ValueGroup } from './state.ts'

const MAX_ENTITIES = 48
const MAX_PARTS = 100
const MAX_SHOWN = 5

const digest = (parts: readonly unknown[]): string => hash('sha256', JSON.stringify(parts), 'hex').slice(0, 32)

/** One step less severe: what a release explains. */
export function lowered(level: Severity): Severity {
  return SEVERITIES[Math.max(0, severityRank(level) - 1)] ?? level
}

interface Telling {
  readonly rule: ProfileRule
  readonly id: string
  readonly key: string
  readonly scope: number
  readonly level: Severity
  readonly title: string
  readonly shown: ReadonlyMap<string, string>
}

function fill(text: string, shown: ReadonlyMap<string, string>, quote: boolean): string {
  return text.replace(/\{([^}]*)\}/g, (_, name: string) => {
    const value = shown.get(name)
    // A value in quotes cannot end them.
    if (quote) return (value ?? '').replace(/["\\]/g, '\\$&')
    return plainLine(value ?? 'unknown', EVENT_LIMITS.title_value_characters)
  })
}

/** A signal of the profile that otherwise says what the signal of an event does. */
function told(signal: Signal, { rule, id, key, scope, level, title, shown }: Telling): Signal {
  const { document, profile } = rule
  return {
    ...signal,
    id,
    rule: { id: rule.id, code: document.weir.code, title: document.title, level: rule.level },
    severity: level,
    title: plainLine(fill(title, shown, false), EVENT_LIMITS.title_characters),
    dedup_key: digest([rule.id, signal.cluster.id, key]),
    tactics: rule.tactics.length > 0 ? rule.tactics : signal.tactics,
    techniques: rule.techniques.length > 0 ? rule.techniques : signal.techniques,
    evidence: { ...signal.evidence, 'profile.scope': profile.scopes[scope]?.scope ?? '' },
    playbook: document.weir.playbook ?? signal.playbook,
    investigation: document.weir.investigation.map(({ step, query }) => ({
      step,
      query: query === null ? null : fill(query.text, shown, true)
    })),
    role: 'alert',
    parts: [signal.id],
    count: 1
  }
}

function shownOf({ correlation_fields }: Signal, scope: string): Map<string, string> {
  const shown = new Map(Object.entries(correlation_fields).map(([name, values]) => [name, values.join(', ')]))
  return shown.set('scope', scope)
}

const scopeName = ({ profile }: ProfileRule, scope: number): string => profile.scopes[scope]?.scope ?? ''

/** Something is new. @param released whether a release of the workload explains it */
export function newValueSignal({ rule, signal, value }: NewEvent, group: ValueGroup, released: boolean): Signal {
  const { scope, key } = group
  const level = rule.profile.scopes[scope]?.level ?? rule.level
  const shown = shownOf(signal, scopeName(rule, scope))
  const alert = told(signal, {
    rule,
    id: digest(['profile', rule.id, signal.cluster.id, key, value, signal.id]),
    key,
    scope,
    level: released ? lowered(level) : level,
    title: rule.document.weir.title?.text ?? rule.document.title,
    shown
  })
  return released ? { ...alert, evidence: { ...alert.evidence, 'profile.release': 'true' } } : alert
}

/** `[["list"],["pods"]]` is shown as `list pods`; a long value by its beginning. */
export function shownValue(value: string): string {
  const texts = JSON.parse(value) as readonly (string | readonly string[])[]
  const [first] = texts
  return typeof first === 'string'
    ? `${first}…`
    : texts.map((all) => (typeof all === 'string' ? all : all.join(', '))).join(' ')
}

function merged(signals: readonly Signal[]): readonly Entity[] {
  const found = new Map<string, Entity>()
  for (const { entities } of signals) {
    for (const entity of entities) {
      const key = JSON.stringify([entity.type, entity.id])
      if (!found.has(key)) found.set(key, entity)
    }
  }
  return [...found.values()].slice(0, MAX_ENTITIES)
}

/**
 * Many things are new for one scope: one signal for all.
 * @param events in order, those that are to be told of
 * @param last the one with which they became too many
 */
export function crowdSignal(
  events: readonly NewEvent[],
  last: NewEvent,
  group: ValueGroup,
  until: number,
  released: boolean
): Signal {
  const { rule } = last
  const { scope, key, names } = group
  const level = rule.profile.scopes[scope]?.level ?? rule.level
  const values = events.map(({ value }) => shownValue(value))
  const more = values.length > MAX_SHOWN ? ` and ${values.length - MAX_SHOWN} more` : ''
  const shown = shownOf(last.signal, scopeName(rule, scope))
  const owner = scope === 0 && names.length === 0 ? 'the cluster' : names.map((texts) => texts.join(', ')).join('/')
  const why = released ? ' after a release' : ''
  const listed = plainLine(values.slice(0, MAX_SHOWN).join(', '), EVENT_LIMITS.title_value_characters)
  const id = digest(['profile', 'many', rule.id, last.signal.cluster.id, key, until])
  const alert = told(last.signal, {
    rule,
    id,
    key,
    scope,
    level: released ? lowered(level) : level,
    title: '',
    shown
  })
  const title = `${rule.document.title}, ${events.length} times within an hour${why}, ${plainLine(owner, 120)}: ${listed}${more}`
  return {
    ...alert,
    title: plainLine(title, EVENT_LIMITS.title_characters),
    entities: merged([last.signal, ...events.map(({ signal }) => signal)]),
    evidence: { ...alert.evidence, 'profile.values': listed, ...(released ? { 'profile.release': 'true' } : {}) },
    parts: events.slice(0, MAX_PARTS).map(({ signal }) => signal.id),
    count: events.length
  }
}

/** What is kept of an event to show who it is that does more than usual: no target of one request stands for all. */
export function sampleOf(signal: Signal): Signal {
  const entities = signal.entities.filter(({ role }) => role !== 'target').slice(0, 8)
  return { ...signal, entities, evidence: {}, ancestry: [], investigation: [], parts: [] }
}

/** Something happens more often than usual. @param usual mean of the habit */
export function rateSignal(
  { rule, scope, key }: RateGroup,
  sample: Signal,
  {
    period,
    time,
    count,
    need,
    usual
  }: {
    readonly period: number
    readonly time: number
    readonly count: number
    readonly need: number
    readonly usual: number
  }
): Signal {
  const level = rule.profile.scopes[scope]?.level ?? rule.level
  const shown = shownOf(sample, scopeName(rule, scope))
  const mean = String(Number(usual.toFixed(1)))
  shown.set('count', String(count)).set('usual', mean)
  const alert = told(sample, {
    rule,
    id: digest(['profile', 'rate', rule.id, sample.cluster.id, key, period]),
    key,
    scope,
    level,
    title: rule.document.weir.title?.text ?? `${rule.document.title}: {count}, usually {usual}`,
    shown
  })
  const evidence = {
    ...alert.evidence,
    'profile.count': String(count),
    'profile.usual': mean,
    'profile.limit': String(need)
  }
  return { ...alert, time, evidence, count }
}
