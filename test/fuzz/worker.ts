import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import { enrich } from '../../services/core/enrich/join.ts'
import { decodeRecords } from '../../services/core/events/format.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import * as arbitrary from '../rules/rule-arbitrary.ts'
import { RULES } from '../rules/rule-tests.ts'
import { ruleText } from '../support/rule-text.ts'
import { createRandom, type Random } from '../support/scenario/random.ts'
import { type Check, type Counts, checkInterpreter, checkModel, checkRaw, type Subject, shrink } from './checks.ts'
import { mutateJson, mutateText, wordsOf } from './mutations.ts'

/** What the worker tells: the round that it begins (so that a hang can be told), how it went, what went wrong. */
export type Told =
  | { readonly kind: 'round'; readonly seed: number; readonly counts: Counts }
  | { readonly kind: 'failure'; readonly seed: number; readonly text: string }
  | { readonly kind: 'done'; readonly counts: Counts }

const FIXTURES = join(import.meta.dirname, '../fixtures')
const EVENTS_A_ROUND = 6

const files = [...(await readRuleFolder(RULES)), ...(await readRuleFolder(join(FIXTURES, 'sigma')))]
const ruleTexts = files.filter(({ file }) => !file.endsWith('fields.yml')).map(({ text }) => text)

const DEFAULTS = { cluster: { id: 'c', name: 'c' }, instance: 'node', received: 0 }
const records: readonly unknown[] = ['audit', 'tetragon'].flatMap((name) =>
  gunzipSync(readFileSync(join(FIXTURES, `scarleteel/${name}.ndjson.gz`)))
    .toString()
    .split('\n')
    .filter((row) => row !== '')
    .map((row): unknown => JSON.parse(row))
)
const recorded = records.flatMap((json) =>
  decodeRecords(json, DEFAULTS).events.map((event) => enrich(event, () => null))
)

/** An event with other values in the same fields. What tells events apart by kind stays, or few rules would see it. */
function mutateEvent(random: Random, event: EnrichedEvent, words: readonly string[]): EnrichedEvent {
  const mutated = mutateJson(random, event, {
    share: random.pick([0, 0.02, 0.1, 0.3]),
    shape: true,
    words
  }) as EnrichedEvent
  const audit =
    mutated.audit === null || event.audit === null ? null : { ...mutated.audit, ...bodies(random, event.audit, words) }
  const runtime =
    mutated.runtime === null || event.runtime === null
      ? null
      : { ...mutated.runtime, category: event.runtime.category, action: event.runtime.action }
  return { ...mutated, audit, runtime, time: event.time }
}

/** Bodies are texts: mostly still JSON, sometimes cut or missing. */
function bodies(random: Random, audit: NonNullable<EnrichedEvent['audit']>, words: readonly string[]) {
  const mutated = (text: string | null): string | null => {
    if (text === null || random.next() < 0.1) return null
    if (random.next() < 0.1) return text.slice(0, random.integer(0, text.length))
    try {
      return JSON.stringify(
        mutateJson(random, JSON.parse(text), { share: random.pick([0, 0.05, 0.2]), shape: false, words })
      )
    } catch {
      return text
    }
  }
  return {
    stage: audit.stage,
    level: random.pick([audit.level, 'Metadata' as const]),
    requestObject: mutated(audit.requestObject),
    responseObject: mutated(audit.responseObject)
  }
}

function fuzzInterpreter(seed: number, random: Random, counts: Counts): void {
  const rules = fc.sample(arbitrary.rule, { seed, numRuns: 6 })
  const events = fc.sample(arbitrary.event, { seed, numRuns: EVENTS_A_ROUND })
  try {
    checkInterpreter(rules, events, counts)
  } catch (error) {
    throw new Error(`${String(error)}\nrules ${JSON.stringify(rules)}\nevents ${JSON.stringify(events)}`, {
      cause: error
    })
  }
  const written = rules.map(({ identifiers, condition }, index) =>
    ruleText({ ...identifiers, condition: arbitrary.written(condition) }, undefined, `rule ${index}`)
  )
  checked(
    checkModel,
    { rules: written, events: events.map((event) => mutateEvent(random, event, wordsOf(written))) },
    counts
  )
}

function checked<Event>(check: Check<Event>, subject: Subject<Event>, counts: Counts): void {
  try {
    check(subject, counts)
  } catch (error) {
    const small = shrink(check, subject)
    const parts = [...small.rules, ...small.events.map((event) => JSON.stringify(event))]
    throw new Error([String(error instanceof Error ? error.stack : error), ...parts].join('\n----\n'), { cause: error })
  }
}

function round(seed: number, counts: Counts): void {
  const random = createRandom(String(seed))
  const rules = Array.from({ length: random.integer(1, 8) }, () => {
    const text = random.pick(ruleTexts)
    return random.next() < 0.1 ? text : mutateText(random, text, ruleTexts)
  })
  const words = wordsOf(rules)
  switch (seed % 4) {
    case 0:
      fuzzInterpreter(seed, random, counts)
      break
    case 1: {
      const events = Array.from({ length: EVENTS_A_ROUND }, () =>
        mutateJson(random, random.pick(records), { share: 0.1, shape: false, words })
      )
      checked(checkRaw, { rules, events }, counts)
      break
    }
    default: {
      const events = Array.from({ length: EVENTS_A_ROUND }, () => mutateEvent(random, random.pick(recorded), words))
      checked(checkModel, { rules, events }, counts)
    }
  }
  counts.rounds += 1
}

interface Work {
  readonly seed: number
  readonly rounds: number
  readonly until: number
}

const { seed: first, rounds, until } = workerData as Work
const tell = (told: Told): void => parentPort?.postMessage(told)
const counts: Counts = { rounds: 0, rules: 0, loaded: 0, evaluations: 0, matches: 0, undecided: 0 }
let failed = false
for (let seed = first; !failed && seed < first + rounds && Date.now() < until; seed += 1) {
  tell({ kind: 'round', seed, counts })
  try {
    round(seed, counts)
  } catch (error) {
    failed = true
    tell({ kind: 'failure', seed, text: error instanceof Error ? error.message : String(error) })
  }
}
tell({ kind: 'done', counts })
