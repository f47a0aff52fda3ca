import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCHEMAS } from '../../schemas/generated/schemas.ts'
import type { AuditBatch, EnrichedEvent, RuntimeBatch } from '../../schemas/generated/types.ts'
import { createBatchReader } from '../../services/core/avro/batch-reader.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { createRawEventWriter } from '../../services/core/avro/enriched-writer.ts'
import { createLazyReader, fieldIndex } from '../../services/core/avro/lazy-record.ts'
import { typeOf } from '../../services/core/avro/schema-types.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import type { RuleSet } from '../../services/core/detect/rule-set.ts'
import { enrich } from '../../services/core/enrich/join.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { avroArbitrary } from '../support/avro-arbitrary.ts'
import { loadTexts, ruleText } from '../support/rule-text.ts'
import { generatedEvents } from '../support/rules/generated-events.ts'
import { generatedRules } from '../support/rules/generated-rules.ts'
import { recordedEvents } from '../support/scarleteel-recording.ts'
import { event, rule, written } from './rule-arbitrary.ts'
import { RULES } from './rule-tests.ts'

const type = typeOf('enriched-event')
const reader = createLazyReader(SCHEMAS['enriched-event'])

/** The event as it is read lazily from the bytes that it is written as. */
function lazily(given: EnrichedEvent): EnrichedEvent {
  const bytes = type.toBuffer(given)
  const index = fieldIndex()
  const end = reader?.note(bytes, 0, index)
  expect(end).toBe(bytes.length)
  return reader?.record(bytes, index, 0, 0, bytes.length) as EnrichedEvent
}

const decoded = (given: EnrichedEvent): EnrichedEvent => type.fromBuffer(type.toBuffer(given)) as EnrichedEvent

/** @returns how many signals there are */
function expectSame(rules: RuleSet, events: readonly EnrichedEvent[]): number {
  let signals = 0
  for (const given of events) {
    const found = rules.match(lazily(given))
    // As text: a signal may hold records of its event, which have accessors.
    const expected = JSON.stringify(rules.match(decoded(given)))
    expect(JSON.stringify(found)).toBe(expected)
    // What is remembered of its bytes says the same.
    expect(JSON.stringify(rules.match(lazily(given)))).toBe(expected)
    signals += found.length
  }
  return signals
}

describe('signals of events that are read lazily', { timeout: 60_000 }, () => {
  it('are those of decoded events, for random rules', () => {
    let signals = 0
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 2, maxLength: 8 }),
        fc.array(event, { minLength: 1, maxLength: 8 }),
        (rules, events) => {
          const texts = rules.map(({ identifiers, condition }, index) =>
            ruleText({ ...identifiers, condition: written(condition) }, undefined, `rule ${index}`)
          )
          signals += expectSame(loadTexts(texts).rules, events)
        }
      ),
      { numRuns: 60 }
    )
    expect(signals).toBeGreaterThan(100)
  })

  it('are those of decoded events, for rules of the kinds that are published and random values everywhere', () => {
    const { rules } = loadTexts([
      ...generatedRules(60).map(({ text }) => text),
      // Whole records, elements of lists and keywords: whatever looks at more than one field.
      ruleText({ a: { 'process.ancestors': { 'pid|gt': 0 } }, condition: 'a' }, 'product: weir', 'element'),
      ruleText({ a: { 'process|exists': true }, condition: 'a' }, 'product: weir', 'record'),
      ruleText({ a: ['a', 'e'], condition: 'a' }, 'product: weir', 'keywords'),
      ruleText({ a: { 'objectRef.resource|exists': true }, b: ['a', 'e'], condition: 'a and b' })
    ])
    const values = avroArbitrary(SCHEMAS['enriched-event']) as fc.Arbitrary<EnrichedEvent>
    let signals = expectSame(rules, generatedEvents(300))
    fc.assert(
      fc.property(values, (given) => {
        signals += expectSame(rules, [given])
      }),
      { numRuns: 200 }
    )
    expect(signals).toBeGreaterThan(50)
  })

  it('are those of decoded events, for the built-in rules on a recording', async () => {
    const { rules } = loadRuleSet(await readRuleFolder(RULES))
    const some = recordedEvents().filter((_, index) => index % 3 === 0)
    expect(expectSame(rules, some)).toBeGreaterThan(20)
  })
})

describe('an event that is read lazily', () => {
  const schemas = localSchemas()
  const batches = createBatchReader(schemas)
  const codec = createCodec(schemas)
  const writer = createRawEventWriter('enriched-event', schemas)

  it('is enriched and written as a decoded one is', async () => {
    const audits = avroArbitrary(SCHEMAS['audit-batch']) as fc.Arbitrary<AuditBatch>
    const runtimes = avroArbitrary(SCHEMAS['runtime-batch']) as fc.Arbitrary<RuntimeBatch>
    await fc.assert(
      fc.asyncProperty(audits, runtimes, async (audit, runtime) => {
        const source = { type: 'audit' as const, provider: 'p', instance: 'i' }
        const rest = { cluster: { id: 'c', name: 'c' }, source, received: 0 }
        const one = await batches.open('audit-batch', codec.encode('audit-batch', audit))
        for (const { bytes, value, view } of one.events) {
          const written = (read: typeof value) =>
            writer.encode(
              { type: 'audit', bytes, value },
              enrich({ ...rest, audit: read(), runtime: null }, () => null)
            )
          expect(written(view)).toEqual(written(value))
        }
        const other = await batches.open('runtime-batch', codec.encode('runtime-batch', runtime))
        for (const { bytes, value, view } of other.events) {
          const written = (read: typeof value) =>
            writer.encode(
              { type: 'runtime', bytes, value },
              enrich({ ...rest, audit: null, runtime: read() }, () => null)
            )
          expect(written(view)).toEqual(written(value))
        }
      }),
      { numRuns: 60 }
    )
  })
})
