import type { Severity } from '../../schemas/generated/types.ts'
import type { LoadResult } from '../core/detect/load-rule-set.ts'
import type { LoadedRule } from '../core/detect/loaded-rule.ts'

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
  /** Facts that its detection asks for, by name. */
  readonly facts: readonly string[]
}

/** Facts among the fields of a rule's detection. */
function factsOf({ detection }: LoadedRule): readonly string[] {
  const paths = [...detection.items.values()].flatMap(({ fields }) => fields.flatMap((field) => field.paths))
  const facts = paths.flatMap(({ steps: [step] }) =>
    step?.kind === 'json' && typeof step.root === 'object' ? [step.root.fact] : []
  )
  return [...new Set(facts)].sort()
}

/** The rules of a set as they are listed, by code and name. */
export function listRules({
  alerting,
  loaded,
  windows,
  profiles
}: Pick<LoadResult, 'alerting' | 'loaded' | 'windows' | 'profiles'>): readonly ListedRule[] {
  const kinds = new Map<string, ListedRule['kind']>([
    ...windows.map(({ id }) => [id, 'correlation'] as const),
    ...profiles.map(({ id }) => [id, 'profile'] as const)
  ])
  const facts = new Map(loaded.map((rule) => [rule.document.id, factsOf(rule)]))
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
      known_gaps: document.weir.known_gaps,
      facts: facts.get(document.id) ?? []
    }))
    .toSorted(
      (a, b) => (a.code ?? '~').localeCompare(b.code ?? '~', 'en', { numeric: true }) || a.name.localeCompare(b.name)
    )
}
