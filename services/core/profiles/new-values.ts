import { hash } from 'node:crypto'
import type { Severity, Signal } from '../../../schemas/generated/types.ts'
import { EVENT_LIMITS } from '../detect/limits.ts'
import { plainLine } from '../detect/plain-text.ts'
import type { ProfileRule } from './profile-rule.ts'

/** What is known of one identity, namespace or cluster. Times are microseconds since the epoch. */
interface Known {
  first: number
  /** Last time of each value, by hash. */
  readonly values: Map<string, number>
}

/** By profile, scope and its name. Changed in place by `learnValue`. */
export type ProfileState = Map<string, Known>

/** Most values remembered per scope; then the longest unseen is let go, and would count as new again. */
const MAX_VALUES = 4_096

const digest = (parts: readonly unknown[]): string => hash('sha256', JSON.stringify(parts), 'hex').slice(0, 32)

function textsOf(signal: Signal, names: readonly string[]): readonly (readonly string[])[] | null {
  const fields = signal.correlation_fields
  const texts = names.map((name) => (Object.hasOwn(fields, name) ? (fields[name] ?? []) : []))
  return texts.some((values) => values.length === 0) ? null : texts
}

function note(known: Known, value: string, time: number): void {
  known.first = Math.min(known.first, time)
  const last = known.values.get(value)
  known.values.delete(value)
  known.values.set(value, Math.max(last ?? time, time))
  if (known.values.size <= MAX_VALUES) return
  const [oldest] = known.values.keys()
  if (oldest !== undefined) known.values.delete(oldest)
}

/**
 * Learns the value that a signal has for a profile.
 * @param state of one cluster, changed in place
 * @param signal in the order of time: what is new depends on what was before
 * @returns the signal of the profile when the value is new where enough was learnt, else null
 */
export function learnValue(state: ProfileState, rule: ProfileRule, signal: Signal): Signal | null {
  const { profile, document } = rule
  if (!rule.parts.includes(signal.rule.id)) return null
  const texts = textsOf(signal, profile.of)
  if (texts === null) return null
  const value = digest(texts)
  let found: { readonly level: Severity; readonly scope: string; readonly key: string } | null = null
  for (const { scope, fields, level } of profile.scopes) {
    const names = textsOf(signal, fields)
    if (names === null) continue
    const key = `${rule.id}/${scope}/${JSON.stringify(names)}`
    const known = state.get(key) ?? { first: signal.time, values: new Map<string, number>() }
    state.set(key, known)
    const last = known.values.get(value)
    const isNew = last === undefined || last < signal.time - profile.memory_ms * 1000
    const isLearnt = signal.time - known.first >= profile.learn_ms * 1000
    // Scopes come the widest first: what is new there is new in those within.
    if (isNew && isLearnt && found === null) found = { level, scope, key }
    note(known, value, signal.time)
  }
  if (found === null) return null
  const { scope, level, key } = found
  const shown = new Map<string, string>(
    Object.entries(signal.correlation_fields).map(([name, values]) => [name, values.join(', ')])
  )
  shown.set('scope', scope)
  const title = (document.weir.title?.text ?? document.title).replace(/\{([^}]*)\}/g, (_, name: string) =>
    plainLine(shown.get(name) ?? 'unknown', EVENT_LIMITS.title_value_characters)
  )
  return {
    ...signal,
    id: digest(['profile', rule.id, signal.cluster.id, key, value]),
    rule: { id: rule.id, code: document.weir.code, title: document.title, level: rule.level },
    severity: level,
    title: plainLine(title, EVENT_LIMITS.title_characters),
    dedup_key: digest([rule.id, signal.cluster.id, key]),
    tactics: rule.tactics.length > 0 ? rule.tactics : signal.tactics,
    techniques: rule.techniques.length > 0 ? rule.techniques : signal.techniques,
    evidence: { ...signal.evidence, 'profile.scope': scope },
    role: 'alert',
    parts: [signal.id],
    count: 1
  }
}
