import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import { formatRuleError } from '../../services/core/detect/errors.ts'
import { viewOf } from '../../services/core/detect/event-view.ts'
import { type LoadOptions, type LoadResult, loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { planByClass } from '../../services/core/detect/plan.ts'
import { enrich } from '../../services/core/enrich/join.ts'
import { decodeRecords } from '../../services/core/events/format.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { kindOf, oracleEvent } from '../rules/oracle-event.ts'
import { RULES } from '../rules/rule-tests.ts'
import { oracleMatches } from '../rules/sigma-oracle.ts'
import { loadTexts } from '../support/rule-text.ts'
import { generatedEvents } from '../support/rules/generated-events.ts'
import { type GeneratedRule, generatedRules } from '../support/rules/generated-rules.ts'
import { type Figure, measure } from './measure.ts'

const FIXTURE = join(import.meta.dirname, '../fixtures/scarleteel')
const GENERATED_EVENTS = 6_000
/** A recording is short: passes over it once would measure how fast the engine of the language warms up. */
const RECORDINGS = 4
/** The interpreter is slow. */
const INTERPRETED_EVENTS = 250
const SIZES = [10, 100, 120, 200, 1_000] as const

function recorded(file: string): readonly EnrichedEvent[] {
  const defaults = { cluster: { id: 'bench', name: 'bench' }, instance: 'bench', received: 0 }
  const rows = gunzipSync(readFileSync(join(FIXTURE, file)))
    .toString()
    .split('\n')
  return rows
    .filter((row) => row !== '')
    .flatMap((row) => decodeRecords(JSON.parse(row), defaults).events.map((event) => enrich(event, () => null)))
}

/** Copies with strings of their own, so that nothing is known about them (hashes, interned copies) from the pass before. */
function freshOf(events: readonly EnrichedEvent[]): () => readonly EnrichedEvent[] {
  const text = JSON.stringify(events)
  return () => JSON.parse(text) as readonly EnrichedEvent[]
}

interface Counted {
  readonly figure: Figure
  readonly matches: number
}

/** Loads rules of which none may be wrong: what was left out would not be measured. */
function load(rules: readonly GeneratedRule[], options: LoadOptions = {}): LoadResult {
  const result = loadTexts(
    rules.map(({ text }) => text),
    options
  )
  if (result.loaded.length < rules.length) throw new Error(result.errors.map(formatRuleError).join('\n'))
  return result
}

function measureEngine(name: string, { matching }: LoadResult, events: readonly EnrichedEvent[]): Counted {
  let matches = 0
  const figure = measure(
    name,
    events.length,
    (fresh) => {
      matches = 0
      for (const event of fresh) matches += matching(viewOf(event)).length
    },
    freshOf(events)
  )
  return { figure, matches }
}

function measureInterpreter(name: string, rules: readonly GeneratedRule[], events: readonly EnrichedEvent[]): Counted {
  const seen = events.map((event) => ({ kind: kindOf(event), event: oracleEvent(event) }))
  let matches = 0
  const figure = measure(name, events.length, () => {
    matches = 0
    for (const { kind, event } of seen) {
      for (const rule of rules) if (rule.events === kind && oracleMatches(rule, event)) matches += 1
    }
  })
  return { figure, matches }
}

const against = ({ figure }: Counted, base: Counted): Figure => ({
  ...figure,
  ratio: base.figure.us_per_event / figure.us_per_event
})

function same(one: Counted, other: Counted): void {
  if (one.matches !== other.matches) {
    throw new Error(
      `${one.figure.name} found ${one.matches} matches and ${other.figure.name} ${other.matches}: one of them is wrong`
    )
  }
}

const BY_CLASS: LoadOptions = { plan: planByClass }

/**
 * Evaluation of rules alone: which rules match events that are there as objects. Ratios say how many times less CPU time a row
 * takes than the one it is compared with.
 */
export async function benchRules(print: (title: string, figures: readonly Figure[]) => void): Promise<void> {
  const files = await readRuleFolder(RULES)
  for (const file of ['audit.ndjson.gz', 'tetragon.ndjson.gz']) {
    const events = Array.from({ length: RECORDINGS }, () => recorded(file)).flat()
    const byClass = measureEngine('every rule of the class', loadRuleSet(files, BY_CLASS), events)
    const planned = measureEngine('plan', loadRuleSet(files), events)
    same(planned, byClass)
    print(`Built-in rules on ${file}, ${planned.matches} matches, against every rule of the class`, [
      byClass.figure,
      against(planned, byClass)
    ])
  }
  const events = generatedEvents(GENERATED_EVENTS)
  const few = events.slice(0, INTERPRETED_EVENTS)
  const planned = new Map<number, Counted>()
  for (const size of SIZES) {
    const rules = generatedRules(size)
    const byClass = measureEngine('every rule of the class', load(rules, BY_CLASS), events)
    const engine = load(rules)
    const plan = measureEngine('plan', engine, events)
    same(plan, byClass)
    planned.set(size, plan)
    print(`${size} generated rules on generated events, ${plan.matches} matches, against every rule of the class`, [
      byClass.figure,
      against(plan, byClass)
    ])
    if (size === 120) {
      const interpreter = measureInterpreter('plain interpreter', rules, few)
      same(measureEngine('plan', engine, few), interpreter)
      print(`${size} generated rules, against the plain interpreter`, [
        interpreter.figure,
        against(byClass, interpreter),
        against(plan, interpreter)
      ])
    }
  }
  const hundred = planned.get(100)
  if (hundred === undefined) return
  print(
    'Cost of an event by number of rules, as a part of that of 100',
    [...planned].map(([size, { figure }]) => ({
      ...figure,
      name: `${size} rules`,
      ratio: figure.us_per_event / hundred.figure.us_per_event
    }))
  )
}
