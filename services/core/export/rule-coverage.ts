import type { Severity } from '../../../schemas/generated/types.ts'
import type { AlertingRule } from '../detect/loaded-rule.ts'

/** A rule as coverage names it. */
export interface CoveringRule {
  readonly id: string
  readonly code: string | null
  readonly name: string | null
  readonly title: string
  readonly level: Severity
}

/** An ATT&CK technique with the rules that are tagged with it. */
export interface TechniqueCoverage {
  readonly technique: string
  /** Tactics of those rules; a technique may serve several. */
  readonly tactics: readonly string[]
  readonly rules: readonly CoveringRule[]
}

export interface RuleCoverage {
  readonly rules: number
  /** By technique id. */
  readonly techniques: readonly TechniqueCoverage[]
  /** Rules that name no technique. */
  readonly without_technique: readonly CoveringRule[]
}

/** Techniques against rules. Says which techniques rules are tagged with, not how well they see them. */
export function coverageOf(loaded: readonly AlertingRule[]): RuleCoverage {
  const techniques = new Map<string, { readonly tactics: Set<string>; readonly rules: CoveringRule[] }>()
  const without: CoveringRule[] = []
  const sorted = loaded.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b), 'en', { numeric: true }))
  for (const rule of sorted) {
    const { id, name, title, level, weir } = rule.document
    const covering = { id, code: weir.code, name, title, level }
    if (rule.techniques.length === 0) without.push(covering)
    for (const technique of rule.techniques) {
      const entry = techniques.get(technique) ?? { tactics: new Set<string>(), rules: [] }
      for (const tactic of rule.tactics) entry.tactics.add(tactic)
      entry.rules.push(covering)
      techniques.set(technique, entry)
    }
  }
  return {
    rules: loaded.length,
    techniques: [...techniques]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([technique, { tactics, rules }]) => ({ technique, tactics: [...tactics].sort(), rules })),
    without_technique: without
  }
}

const nameOf = ({ document }: AlertingRule): string => document.weir.code ?? document.name ?? document.id

/** The version of ATT&CK that tags of rules follow. */
const ATTACK_VERSION = '18'

/**
 * Coverage as a layer of the ATT&CK Navigator: the score of a technique is the number of its rules.
 * Source: ATT&CK Navigator, layer file format 4.5.
 */
export function navigatorLayer(coverage: RuleCoverage, name: string): object {
  const most = Math.max(1, ...coverage.techniques.map(({ rules }) => rules.length))
  return {
    name,
    versions: { attack: ATTACK_VERSION, navigator: '5.1.0', layer: '4.5' },
    domain: 'enterprise-attack',
    description: `Techniques that ${coverage.rules} rules are tagged with. The score is the number of rules.`,
    sorting: 3,
    hideDisabled: false,
    techniques: coverage.techniques.map(({ technique, rules }) => ({
      techniqueID: technique,
      score: rules.length,
      comment: rules.map(({ code, title }) => (code === null ? title : `${code} ${title}`)).join('\n'),
      enabled: true,
      showSubtechniques:
        !technique.includes('.') && coverage.techniques.some((other) => other.technique.startsWith(`${technique}.`))
    })),
    gradient: { colors: ['#ffffffff', '#66b1ffff'], minValue: 0, maxValue: most }
  }
}
