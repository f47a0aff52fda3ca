import { formatRuleError } from '../../core/detect/errors.ts'
import { explainRule, renderExplanation } from '../../core/detect/explain.ts'
import type { LoadResult } from '../../core/detect/load-rule-set.ts'
import type { LoadedRule } from '../../core/detect/loaded-rule.ts'
import { messageOf } from '../../core/errors.ts'
import { runSequence } from './run-sequence.ts'
import { eventOf, eventsOf, type RuleCase, type RuleTestFile, type SequenceCase } from './test-file.ts'

export interface CaseResult {
  readonly file: string
  readonly name: string
  /** Id of the rule; null when there is none. */
  readonly rule: string | null
  readonly expected: string
  /** Verdict of the rule: match, no_match, filtered, not_evaluable, other_logsource; error when it could not be asked. */
  readonly verdict: string
  readonly passed: boolean
  /** What is wrong, with the explanation of the rule; null when nothing is. */
  readonly why: string | null
}

/** The rule that a case is about, or why there is none. */
function ruleOf(file: RuleTestFile, given: RuleCase, { loaded, errors }: LoadResult): LoadedRule | string {
  const rules = loaded.filter(({ document }) => document.file === file.rule_file)
  const { rule: wanted } = given
  const found = rules.filter(
    ({ document }) => wanted === undefined || document.id === wanted || document.name === wanted
  )
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  if (found.length > 1) return `${file.rule_file} holds ${found.length} rules: say which with rule: NAME`
  const error = errors.find((known) => known.file === file.rule_file)
  if (error !== undefined) return `the rule did not load: ${formatRuleError(error)}`
  return wanted === undefined ? `${file.rule_file} holds no rule` : `${file.rule_file} holds no rule called ${wanted}`
}

function runCase(file: RuleTestFile, given: RuleCase, result: LoadResult): CaseResult {
  const expected = given.expect === 'match' ? 'match' : (given.because ?? 'no_match')
  const base = { file: file.file, name: given.name, expected }
  const rule = ruleOf(file, given, result)
  if (typeof rule === 'string') return { ...base, rule: null, verdict: 'error', passed: false, why: rule }
  const { id } = rule.document
  try {
    const event = eventOf(given)
    const explanation = explainRule(rule, event)
    // What is asked for is what the rule set does; the explanation has to say the same.
    const signal = result.rules.match(event).find((candidate) => candidate.rule.id === id)
    const matched = signal !== undefined
    const { verdict } = explanation
    let why: string | null = null
    if (matched !== (verdict === 'match'))
      why = `the rule set ${matched ? 'matches' : 'does not match'}, explained otherwise:`
    else if (verdict !== expected) why = `expected ${expected}, got ${verdict}:`
    else if (given.title !== undefined && signal?.title !== given.title) {
      why = `expected the title "${given.title}", got "${signal?.title ?? ''}":`
    }
    const text = why === null ? null : `${why}\n${renderExplanation(explanation)}`
    return { ...base, rule: id, verdict, passed: why === null, why: text }
  } catch (error) {
    return { ...base, rule: id, verdict: 'error', passed: false, why: `the event cannot be made: ${messageOf(error)}` }
  }
}

/** The rule with memory that a case is about, or why there is none. */
function memoryOf(file: RuleTestFile, given: SequenceCase, { windows, correlations, profiles, errors }: LoadResult) {
  const known = [...correlations, ...profiles.map(({ document }) => document)]
  const found = known.filter(
    (document) =>
      document.file === file.rule_file &&
      (document.kind === 'profile' || windows.some(({ id }) => id === document.id)) &&
      (given.rule === undefined || document.id === given.rule || document.name === given.rule)
  )
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  if (found.length > 1) return `${file.rule_file} holds ${found.length} correlations: say which with rule: NAME`
  const error = errors.find((one) => one.file === file.rule_file)
  return error === undefined
    ? `${file.rule_file} holds no correlation${given.rule === undefined ? '' : ` called ${given.rule}`}`
    : `the correlation did not load: ${formatRuleError(error)}`
}

function runSequenceCase(file: RuleTestFile, given: SequenceCase, result: LoadResult): CaseResult {
  const base = { file: file.file, name: given.name, expected: given.expect }
  const rule = memoryOf(file, given, result)
  if (typeof rule === 'string') return { ...base, rule: null, verdict: 'error', passed: false, why: rule }
  try {
    const { alerts, parts } = runSequence(result, rule.id, eventsOf(given))
    const verdict = alerts.length > 0 ? 'match' : 'no_match'
    let why: string | null = null
    if (verdict !== given.expect) why = `expected ${given.expect}, got ${verdict}:`
    else if (given.alerts !== undefined && alerts.length !== given.alerts)
      why = `expected ${given.alerts} alerts, got ${alerts.length}:`
    else if (given.title !== undefined && alerts[0]?.title !== given.title)
      why = `expected the title "${given.title}", got "${alerts[0]?.title ?? ''}":`
    const seen = [...parts].map(([title, count]) => `  ${count} events match ${title}`)
    const told = alerts.map((alert) => `  alert of ${alert.count} events: ${alert.title}`)
    const text =
      why === null ? null : [why, ...(seen.length > 0 ? seen : ['  no event matches a part']), ...told].join('\n')
    return { ...base, rule: rule.id, verdict, passed: why === null, why: text }
  } catch (error) {
    return { ...base, rule: rule.id, verdict: 'error', passed: false, why: messageOf(error) }
  }
}

/** Runs rule tests on the rules of a folder. Never throws on account of a rule or a test. */
export function runRuleTests(files: readonly RuleTestFile[], result: LoadResult): readonly CaseResult[] {
  return files.flatMap((file) => [
    ...file.cases.map((given) => runCase(file, given, result)),
    ...file.sequences.map((given) => runSequenceCase(file, given, result))
  ])
}
