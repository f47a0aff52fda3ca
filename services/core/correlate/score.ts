import type { Severity, Signal, SourceType } from '../../../schemas/generated/types.ts'
import { SEVERITIES, severityRank } from '../severity.ts'
import { inKillChainOrder, tacticWords } from './tactics.ts'
import { counted, listed } from './text.ts'

/**
 * The table an incident's score is added up from; 0 to 100.
 *
 * | what | points |
 * |---|---|
 * | most severe signal: informational, low, medium, high, critical | 5, 15, 40, 55, 65 |
 * | each tactic after the first of signals from low on, up to four | 4 |
 * | secrets of the whole cluster read, or kube-system acted on | 5, and 8 for both |
 * | both halves saw it, and it has medium signals of both, a high one, or five such tactics by five rules | 25, and at least 70 with two tactics but for the last |
 * | both halves saw it, otherwise | 3, and at most 54 |
 * | only one half saw it | at most 69, and at most 34 with no signal above low |
 *
 * Informational signals tell what happened beside and raise nothing: people and controllers give any number of them every day.
 *
 * The trail of the cloud account is a third source: two of the three count as both halves.
 *
 * So whatever both halves saw to be more than odd outranks everything that only one saw. One medium signal of a build, with what its
 * runner asks of the API, does not.
 */
const POINTS = {
  severity: { informational: 5, low: 15, medium: 40, high: 55, critical: 65 },
  tactic: 4,
  most_tactics: 4,
  one_sensitive: 5,
  two_sensitive: 8,
  both: 25,
  both_floor: 70,
  both_weak: 3,
  weak_cap: 54,
  single_cap: 69,
  single_low_cap: 34,
  narrow_cap: 79
} as const

/** Lowest score of each severity. Critical also needs both halves, three tactics, and more than medium signals of one half. */
const THRESHOLDS = [
  ['critical', 80],
  ['high', 55],
  ['medium', 35],
  ['low', 10],
  ['informational', 0]
] as const satisfies ReadonlyArray<readonly [Severity, number]>

export interface Score {
  readonly score: number
  readonly severity: Severity
  /** What the score comes from, for people. */
  readonly reasons: readonly string[]
}

/** Whether a request is about the secrets of all namespaces: the enricher names their collection `*`. */
function spansAllSecrets({ entities, outcome }: Signal): boolean {
  return (
    outcome !== 'failure' && entities.some(({ type, role, id }) => type === 'secret' && role === 'target' && id === '*')
  )
}

const KUBE_SYSTEM = /(?:^|\/)kube-system(?:\/|$)/

function touchesKubeSystem({ entities, outcome }: Signal): boolean {
  if (outcome === 'failure') return false
  return entities.some(({ role, id, name }) => role === 'target' && (KUBE_SYSTEM.test(id) || KUBE_SYSTEM.test(name)))
}

/** Sources as they read in a sentence. */
export const SOURCE_NAMES: Readonly<Record<SourceType, string>> = {
  audit: 'the API audit log',
  runtime: 'the container runtime',
  cloud: "the cloud account's trail"
}

const SOURCES: readonly SourceType[] = ['audit', 'runtime', 'cloud']

export function sourcesOf(signals: readonly Signal[]): readonly SourceType[] {
  return SOURCES.filter((source) =>
    signals.some((signal) => signal.source === source || signal.sources.includes(source))
  )
}

const isAtLeast =
  (least: Severity) =>
  ({ severity }: Signal): boolean =>
    severityRank(severity) >= severityRank(least)

/**
 * Whether signals that belong together are worth an analyst's look: one of them is of medium severity or more, or one is low and
 * two rules of two tactics matched. Single weak signals are kept and count when something joins them.
 */
export function isWorthALook(signals: readonly Signal[]): boolean {
  if (signals.some(isAtLeast('medium'))) return true
  if (!signals.some(isAtLeast('low'))) return false
  const rules = new Set(signals.map(({ rule }) => rule.id))
  const tactics = new Set(signals.flatMap((signal) => signal.tactics))
  return rules.size >= 2 && tactics.size >= 2
}

/** Whether there is a signal above medium, or medium ones of two sources. */
function isGrave(signals: readonly Signal[]): boolean {
  return signals.some(isAtLeast('high')) || sourcesOf(signals.filter(isAtLeast('medium'))).length > 1
}

/** How many rules say more than what happened beside. One rule may have several tactics. */
function rulesOf(signals: readonly Signal[]): number {
  return new Set(signals.filter(isAtLeast('low')).map(({ rule }) => rule.id)).size
}

/** @param signals of one incident, at least one */
export function scoreOf(signals: readonly Signal[]): Score {
  const worst = SEVERITIES[Math.max(...signals.map(({ severity }) => severityRank(severity)))] ?? 'informational'
  const tactics = inKillChainOrder(signals.filter(isAtLeast('low')).flatMap((signal) => signal.tactics))
  const isSerious = severityRank(worst) >= severityRank('medium')
  const sources = sourcesOf(signals)
  const seenByBoth = sources.length > 1
  const reasons: string[] = [`the most severe signal is ${worst}`]

  let score: number = POINTS.severity[worst]
  if (tactics.length > 1) {
    score += POINTS.tactic * Math.min(POINTS.most_tactics, tactics.length - 1)
    reasons.push(`it spans ${counted(tactics.length, 'tactic')} (${tactics.map(tacticWords).join(', ')})`)
  }
  const sensitive = [
    ...(signals.some(spansAllSecrets) ? ['the secrets of all namespaces'] : []),
    ...(signals.some(touchesKubeSystem) ? ['kube-system'] : [])
  ]
  if (sensitive.length > 0) {
    score += sensitive.length === 1 ? POINTS.one_sensitive : POINTS.two_sensitive
    reasons.push(`it reached for ${sensitive.join(' and ')}`)
  }
  if (seenByBoth) {
    const weighs = isGrave(signals) || (tactics.length >= 5 && rulesOf(signals) >= 5)
    score = weighs ? score + POINTS.both : Math.min(score + POINTS.both_weak, POINTS.weak_cap)
    if (isGrave(signals) && tactics.length >= 2) score = Math.max(score, POINTS.both_floor)
    reasons.push(
      `${sources.length === 2 ? 'both ' : ''}${listed(sources.map((source) => SOURCE_NAMES[source]))} saw it`
    )
  } else {
    score = Math.min(score, isSerious ? POINTS.single_cap : POINTS.single_low_cap)
  }
  if (!seenByBoth || tactics.length < 3 || !isGrave(signals)) score = Math.min(score, POINTS.narrow_cap)
  score = Math.min(100, score)
  const severity = THRESHOLDS.find(([, least]) => score >= least)?.[0] ?? 'informational'
  return { score, severity, reasons }
}
