import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { SCHEMAS } from '../../schemas/generated/schemas.ts'
import type { AuditEvent, EnrichedEvent, RuntimeEvent } from '../../schemas/generated/types.ts'
import { createBatchReader } from '../../services/core/avro/batch-reader.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { createLazyReader, fieldIndex } from '../../services/core/avro/lazy-record.ts'
import { typeOf } from '../../services/core/avro/schema-types.ts'
import { viewOf } from '../../services/core/detect/event-view.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import type { LoadedRule } from '../../services/core/detect/loaded-rule.ts'
import type { Matcher } from '../../services/core/detect/matcher.ts'
import { type Plan, planByDecision } from '../../services/core/detect/plan.ts'
import { enrich } from '../../services/core/enrich/join.ts'
import { decodeRecords } from '../../services/core/events/format.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES } from '../rules/rule-tests.ts'
import { loadTexts } from '../support/rule-text.ts'
import { generatedEvents } from '../support/rules/generated-events.ts'
import { generatedRules } from '../support/rules/generated-rules.ts'
import { type Figure, figure, measure, PASSES, warm } from './measure.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures')
const GENERATED_EVENTS = 6_000
const RECORDINGS = 8
const EVENTS_PER_BATCH = 200
const RECORDED: readonly (readonly [name: string, ...files: string[]])[] = [
  ['recorded attack, Tetragon', 'scarleteel/tetragon.ndjson.gz'],
  ['recorded attack, audit', 'scarleteel/audit.ndjson.gz'],
  [
    'recorded quiet work, audit',
    ...['ci', 'controllers', 'developer', 'gitops', 'start'].map((name) => `recorded-audit/benign-${name}.ndjson.gz`)
  ]
]

export type Print = (title: string, figures: readonly Figure[]) => void

/** A recording, decoded and joined with nothing. */
export function recorded(file: string): readonly EnrichedEvent[] {
  const defaults = { cluster: { id: 'bench', name: 'bench' }, instance: 'bench', received: 0 }
  return gunzipSync(readFileSync(join(FIXTURES, file)))
    .toString()
    .split('\n')
    .filter((row) => row !== '')
    .flatMap((row) => decodeRecords(JSON.parse(row), defaults).events.map((event) => enrich(event, () => null)))
}

/** Rules with a count of how many events had a candidate among them. */
export interface CountedRules {
  readonly name: string
  readonly matching: Matcher
  readonly candidates: () => number
}

/** Makes a plan that counts events with candidates. */
function counting(): { plan: (rules: readonly LoadedRule[]) => Plan; count: () => number } {
  let events = 0
  return {
    plan: (rules) => {
      const plan = planByDecision(rules)
      return {
        candidates: (view) => {
          const found = plan.candidates(view)
          if (found.length > 0) events += 1
          return found
        }
      }
    },
    count: () => {
      const counted = events
      events = 0
      return counted
    }
  }
}

export async function ruleSets(): Promise<readonly CountedRules[]> {
  const [one, other] = [counting(), counting()]
  return [
    {
      name: '120 generated rules',
      matching: loadTexts(
        generatedRules(120).map(({ text }) => text),
        { plan: one.plan }
      ).matching,
      candidates: one.count
    },
    {
      name: 'built-in rules',
      matching: loadRuleSet(await readRuleFolder(RULES), { plan: other.plan }).matching,
      candidates: other.count
    }
  ]
}

/** How many of the base's time a row takes. */
export const partOf = (figure: Figure, base: Figure): Figure => ({
  ...figure,
  ratio: figure.us_per_event / base.us_per_event
})

function benchRecords(title: string, { matching, candidates }: CountedRules, events: readonly EnrichedEvent[]) {
  const type = typeOf('enriched-event')
  const reader = createLazyReader(SCHEMAS['enriched-event'])
  if (reader === null) throw new Error('there is no lazy reader of enriched events')
  const messages = events.map((event) => type.toBuffer(event))
  let matches = 0
  let expected = 0
  const decode = measure('decoding with avsc', events.length, () => {
    for (const bytes of messages) type.fromBuffer(bytes)
  })
  const decoded = measure('decoding with avsc, and matching', events.length, () => {
    expected = 0
    for (const bytes of messages) expected += matching(viewOf(type.fromBuffer(bytes) as EnrichedEvent)).length
  })
  candidates()
  let passes = 0
  const note = measure('proving and noting fields', events.length, () => {
    const index = fieldIndex()
    for (const bytes of messages) {
      index.used = 0
      reader.note(bytes, 0, index)
    }
  })
  const lazy = measure('reading lazily, and matching', events.length, () => {
    matches = 0
    passes += 1
    const index = fieldIndex()
    for (const bytes of messages) {
      index.used = 0
      if (reader.note(bytes, 0, index) !== bytes.length) throw new Error('an event is not read lazily')
      matches += matching(viewOf(reader.record(bytes, index, 0, 0, bytes.length) as EnrichedEvent)).length
    }
  })
  if (matches !== expected) throw new Error(`${matches} matches where decoded events have ${expected}`)
  const share = Math.round((100 * candidates()) / passes / events.length)
  const bytes = Math.round(messages.reduce((sum, { length }) => sum + length, 0) / messages.length)
  return {
    title: `${title}: enriched events of ${bytes} bytes, ${share} % with candidates, ${matches} matches; parts of decoding`,
    figures: [decode, partOf(decoded, decode), partOf(note, decode), partOf(lazy, decode)]
  }
}

/** What the enricher does with a batch, but for look-ups and writing. */
async function benchBatches(title: string, { matching, candidates }: CountedRules, events: readonly EnrichedEvent[]) {
  const schemas = localSchemas()
  const codec = createCodec(schemas)
  const reader = createBatchReader(schemas)
  const cluster = { id: 'bench', name: 'bench' }
  const batches: { bytes: Buffer; name: 'audit-batch' | 'runtime-batch' }[] = []
  const audits = events.map(({ audit }) => audit).filter((event) => event !== null)
  const runtimes = events.map(({ runtime }) => runtime).filter((event) => event !== null)
  for (let at = 0; at < audits.length; at += EVENTS_PER_BATCH) {
    const some = audits.slice(at, at + EVENTS_PER_BATCH)
    const batch = { cluster, provider: 'kubernetes' as const, collector: 'bench', received: 0, events: some }
    batches.push({ name: 'audit-batch', bytes: codec.encode('audit-batch', batch) })
  }
  for (let at = 0; at < runtimes.length; at += EVENTS_PER_BATCH) {
    const some = runtimes.slice(at, at + EVENTS_PER_BATCH)
    const header = {
      cluster,
      node: 'node',
      boot_id: null,
      sensor: 'tetragon',
      first_sequence: '0',
      numbering: null,
      received: 0
    }
    batches.push({ name: 'runtime-batch', bytes: codec.encode('runtime-batch', { ...header, events: some }) })
  }
  // Schemas are there after the first message; a promise per message is part of the work.
  for (const { name, bytes } of batches) await reader.open(name, bytes)
  const opened = async (lazily: boolean) => {
    let matches = 0
    for (const { name, bytes } of batches) {
      const type = name === 'audit-batch' ? ('audit' as const) : ('runtime' as const)
      const source = { type, provider: 'bench', instance: 'node' }
      for (const event of (await reader.open(name, bytes)).events) {
        const raw: AuditEvent | RuntimeEvent = lazily ? event.view() : event.value()
        const audit = type === 'audit' ? (raw as AuditEvent) : null
        const runtime = type === 'runtime' ? (raw as RuntimeEvent) : null
        matches += matching(viewOf(enrich({ audit, runtime, cluster, source, received: 0 }, () => null))).length
      }
    }
    return matches
  }
  const timed = async (name: string, work: () => unknown): Promise<Figure> => {
    await warm(work)
    let best_us = Number.POSITIVE_INFINITY
    for (let pass = 0; pass < PASSES; pass += 1) {
      const before = process.cpuUsage()
      await work()
      const { user, system } = process.cpuUsage(before)
      best_us = Math.min(best_us, user + system)
    }
    return figure(name, events.length, best_us)
  }
  const decode = await timed('decoding with avsc', () => {
    for (const { name, bytes } of batches) typeOf(name).decode(bytes, 5)
  })
  const before = await timed('batch opened, decoded, joined, matched', () => opened(false))
  const lazy = await timed('batch opened, read lazily, joined, matched', () => opened(true))
  if ((await opened(true)) !== (await opened(false))) throw new Error('matches differ')
  candidates()
  return {
    title: `${title}: batches; parts of decoding`,
    figures: [decode, partOf(before, decode), partOf(lazy, decode)]
  }
}

/** From the bytes of events to the rules that match them, against decoding the same bytes and doing nothing with them. */
export async function benchLazyRecords(print: Print): Promise<void> {
  const mixed = generatedEvents(GENERATED_EVENTS)
  const [generated, builtin] = await ruleSets()
  if (generated === undefined || builtin === undefined) throw new Error('there are no rules')
  const cases = [
    ['generated events, 120 generated rules', generated, mixed],
    ['generated runtime events, 120 generated rules', generated, mixed.filter(({ runtime }) => runtime !== null)],
    ['generated events, built-in rules', builtin, mixed],
    ['generated runtime events, built-in rules', builtin, mixed.filter(({ runtime }) => runtime !== null)],
    ...RECORDED.map(
      ([name, ...files]) =>
        [
          `${name}, built-in rules`,
          builtin,
          Array.from({ length: RECORDINGS }, () => files.flatMap((file) => recorded(file))).flat()
        ] as const
    )
  ] as const
  for (const [title, rules, events] of cases) {
    const records = benchRecords(title, rules, events)
    print(records.title, records.figures)
    const batches = await benchBatches(title, rules, events)
    print(batches.title, batches.figures)
  }
}
