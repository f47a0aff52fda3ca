import { hash } from 'node:crypto'
import type { Signal } from '../../../schemas/generated/types.ts'
import { boundedSignal } from '../correlate/bounded-signal.ts'
import type { WindowRule } from '../windows/window-rule.ts'

/** Header of signals that have to do with windows that are spread. */
export const SPREAD_HEADER = 'weir.spread'
/** Its values. sent: the signal was sent to the topic of parts; told and withdrawn: a correlation tells it there, or takes it back. */
export const SPREAD = { sent: 'sent', told: 'told', withdrawn: 'withdrawn' } as const

/** Where a signal has to go, once for each correlation that counts it. */
export interface PartRoute {
  /** Same for all of a group, and of nothing else. */
  readonly key: string
  readonly correlation: string
  /** As windows take it. */
  readonly signal: Signal
}

/** By id of the rule whose signals count: the correlations, each with the names of the fields that say which group it is. */
export type PartUses = ReadonlyMap<
  string,
  ReadonlyArray<{ readonly correlation: string; readonly names: readonly string[] }>
>

/** @param spread correlations whose groups may be anywhere */
export function partUsesOf(spread: readonly WindowRule[]): PartUses {
  const uses = new Map<string, { correlation: string; names: readonly string[] }[]>()
  for (const { id, parts, fields } of spread) {
    for (const [place, part] of parts.entries()) {
      const known = uses.get(part)
      const use = { correlation: id, names: fields[place]?.group ?? [] }
      if (known === undefined) uses.set(part, [use])
      else known.push(use)
    }
  }
  return uses
}

const NO_ROUTES: readonly PartRoute[] = []

/** @returns none where no correlation counts the signal, or it lacks what says which group it belongs to */
export function routesOf(uses: PartUses, signal: Signal): readonly PartRoute[] {
  const own = uses.get(signal.rule.id)
  if (own === undefined || signal.role === 'withdrawn' || signal.role === 'verdict') return NO_ROUTES
  // Bounded first: values that are equal to windows have to be equal here.
  const bounded = boundedSignal(signal)
  const fields = bounded.correlation_fields
  const routes: PartRoute[] = []
  for (const { correlation, names } of own) {
    const values = names.map((name) => (Object.hasOwn(fields, name) ? (fields[name] ?? []) : []))
    if (values.some(({ length }) => length === 0)) continue
    const group = hash('sha256', JSON.stringify(values), 'hex').slice(0, 32)
    routes.push({ key: `${signal.cluster.id}/${correlation}/${group}`, correlation, signal: bounded })
  }
  return routes
}
