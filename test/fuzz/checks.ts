import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import { type EventView, viewOf } from '../../services/core/detect/event-view.ts'
import { explainRule, renderExplanation } from '../../services/core/detect/explain.ts'
import { type LoadOptions, type LoadResult, loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { planByClass } from '../../services/core/detect/plan.ts'
import { viewOfRaw } from '../../services/core/detect/raw-event.ts'
import { oracleEvent } from '../rules/oracle-event.ts'
import { written } from '../rules/rule-arbitrary.ts'
import { type OracleRule, oracleMatches } from '../rules/sigma-oracle.ts'
import { FIELDS, ruleText } from '../support/rule-text.ts'

/** What a round is about: texts of rules, and the events that they are evaluated on. */
export interface Subject<Event = unknown> {
  readonly rules: readonly string[]
  readonly events: readonly Event[]
}

export interface Counts {
  rounds: number
  rules: number
  loaded: number
  evaluations: number
  matches: number
  undecided: number
}

/** Throws when something is not as it has to be. */
export type Check<Event> = (subject: Subject<Event>, counts: Counts) => void

const load = (texts: readonly string[], options: LoadOptions): LoadResult =>
  loadRuleSet([FIELDS, ...texts.map((text, index) => ({ file: `${index + 1}.yml`, text }))], options)

/** What a rule set says of one event: what it leaves undecided or silences, then its matches in the order of rules. */
function sayings(texts: readonly string[], options: LoadOptions) {
  let said: string[] = []
  const result = load(texts, {
    ...options,
    observer: {
      notEvaluable: ({ document }) => said.push(`undecided ${document.id}`),
      filtered: ({ document }, filter) => said.push(`silenced ${document.id} by ${filter.document.id}`)
    }
  })
  const say = (view: EventView): readonly string[] => {
    said = []
    const found = result.matching(view).map(({ document }) => `match ${document.id}`)
    return [...said.toSorted(), ...found]
  }
  return { result, say }
}

function same(what: string, found: readonly string[], expected: readonly string[]): void {
  if (found.join('\n') === expected.join('\n')) return
  throw new Error(`${what}:\n  found    ${found.join(', ') || '-'}\n  expected ${expected.join(', ') || '-'}`)
}

function countSaid(counts: Counts, rules: number, said: readonly string[]): void {
  counts.evaluations += rules
  for (const one of said) {
    if (one.startsWith('match')) counts.matches += 1
    if (one.startsWith('undecided')) counts.undecided += 1
  }
}

function checkErrors({ errors }: LoadResult): void {
  for (const { line, column, code } of errors) {
    if (!(line >= 1 && column >= 1)) throw new Error(`${code} is said to be at ${line}:${column}`)
  }
}

const VERDICT_SAID: Readonly<Record<string, string>> = {
  match: 'match',
  not_evaluable: 'undecided',
  filtered: 'silenced'
}

/** The plan says what testing every rule says, explaining says it too, and nothing of it throws. */
export const checkModel: Check<EnrichedEvent> = ({ rules, events }, counts) => {
  const plan = sayings(rules, {})
  const every = sayings(rules, { plan: planByClass })
  checkErrors(plan.result)
  counts.rules += rules.length
  counts.loaded += plan.result.loaded.length
  for (const event of events) {
    const said = plan.say(viewOf(event))
    same('the plan against every rule', said, every.say(viewOf(event)))
    countSaid(counts, plan.result.loaded.length, said)
    const explained = plan.result.loaded.flatMap((rule) => {
      const explanation = explainRule(rule, event)
      renderExplanation(explanation)
      const verdict = VERDICT_SAID[explanation.verdict]
      return verdict === undefined ? [] : [`${verdict} ${rule.document.id}`]
    })
    same('explaining against matching', explained.sort(), said.map((one) => one.replace(/ by .*/s, '')).toSorted())
    const signals = plan.result.rules.match(event).length
    const matches = said.filter((one) => one.startsWith('match')).length
    if (signals !== matches) throw new Error(`${matches} matches made ${signals} signals`)
  }
}

/** On events that are any JSON, the plan says what testing every rule says. */
export const checkRaw: Check<unknown> = ({ rules, events }, counts) => {
  const plan = sayings(rules, { raw: true })
  const every = sayings(rules, { raw: true, plan: planByClass })
  checkErrors(plan.result)
  counts.rules += rules.length
  counts.loaded += plan.result.loaded.length
  for (const event of events) {
    const said = plan.say(viewOfRaw(event))
    same('the plan against every rule, on raw events', said, every.say(viewOfRaw(event)))
    countSaid(counts, plan.result.loaded.length, said)
  }
}

/** On rules that the plain interpreter reads, too, the plan says what it says. */
export function checkInterpreter(given: readonly OracleRule[], events: readonly EnrichedEvent[], counts: Counts): void {
  const texts = given.map(({ identifiers, condition }, index) =>
    ruleText({ ...identifiers, condition: written(condition) }, undefined, `rule ${index}`)
  )
  const { matching, loaded } = load(texts, {})
  if (loaded.length !== texts.length) throw new Error(`of ${texts.length} rules ${loaded.length} were loaded`)
  counts.rules += texts.length
  counts.loaded += loaded.length
  for (const event of events) {
    const seen = oracleEvent(event)
    const expected = given.flatMap((rule, index) => (oracleMatches(rule, seen) ? [`match rule ${index}`] : []))
    const found = matching(viewOf(event)).map(({ document }) => `match ${document.title}`)
    same('the plan against the plain interpreter', found.sort(), expected.sort())
    countSaid(counts, texts.length, found)
  }
}

/** Leaves out rules, events and lines of rules for as long as the check still fails. */
export function shrink<Event>(check: Check<Event>, subject: Subject<Event>): Subject<Event> {
  const spare: Counts = { rounds: 0, rules: 0, loaded: 0, evaluations: 0, matches: 0, undecided: 0 }
  const fails = (smaller: Subject<Event>): boolean => {
    try {
      check(smaller, spare)
      return false
    } catch {
      return true
    }
  }
  /** Elements without which it does not fail any more. */
  const needed = <Value>(
    values: readonly Value[],
    failsWith: (fewer: readonly Value[]) => boolean
  ): readonly Value[] => {
    let left = values
    for (let at = left.length - 1; at >= 0; at -= 1) {
      const fewer = left.toSpliced(at, 1)
      if (failsWith(fewer)) left = fewer
    }
    return left
  }
  const events = needed(subject.events, (fewer) => fails({ ...subject, events: fewer }))
  let rules = needed(subject.rules, (fewer) => fails({ rules: fewer, events }))
  rules.forEach((rule, at) => {
    const lines = needed(rule.split('\n'), (fewer) => fails({ rules: rules.with(at, fewer.join('\n')), events }))
    rules = rules.with(at, lines.join('\n'))
  })
  return { rules, events }
}
