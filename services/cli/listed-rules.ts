import type { Severity } from '../../schemas/generated/types.ts'
import type { LoadResult } from '../core/detect/load-rule-set.ts'

/** What lists and pages say of a rule, whatever kind of document it is. */
export interface ListedRule {
  readonly file: string
  readonly id: string
  readonly name: string
  readonly code: string | null
  readonly title: string
  readonly level: Severity
  readonly kind: 'rule' | 'correlation' | 'profile'
  readonly tactics: readonly string[]
  readonly techniques: readonly string[]
  readonly techniques_v19: readonly string[]
  readonly microsoft: readonly string[]
  readonly known_gaps: readonly string[]
}

/** The rules of a set as they are listed, by code and name. */
export function listRules({
  alerting,
  windows,
  profiles
}: Pick<LoadResult, 'alerting' | 'windows' | 'profiles'>): readonly ListedRule[] {
  const kinds = new Map<string, ListedRule['kind']>([
    ...windows.map(({ id }) => [id, 'correlation'] as const),
    ...profiles.map(({ id }) => [id, 'profile'] as const)
  ])
  return alerting
    .map(({ document, tactics, techniques }) => ({
      file: document.file,
      id: document.id,
      name: document.name ?? document.id,
      code: document.weir.code,
      title: document.title,
      level: document.level,
      kind: kinds.get(document.id) ?? 'rule',
      tactics,
      techniques,
      techniques_v19: document.weir.techniques_v19,
      microsoft: document.weir.microsoft,
      known_gaps: document.weir.known_gaps
    }))
    .toSorted(
      (a, b) => (a.code ?? '~').localeCompare(b.code ?? '~', 'en', { numeric: true }) || a.name.localeCompare(b.name)
    )
}
