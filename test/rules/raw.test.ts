import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatRuleError } from '../../services/core/detect/errors.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { viewOfRaw } from '../../services/core/detect/raw-event.ts'
import { ruleText } from '../support/rule-text.ts'
import { oracleEvent } from './oracle-event.ts'
import { event, rule, written } from './rule-arbitrary.ts'
import { type Json, type OracleRule, oracleMatches } from './sigma-oracle.ts'

const load = (texts: readonly string[]) =>
  loadRuleSet(
    texts.map((text, index) => ({ file: `${index}.yml`, text })),
    { raw: true }
  )
const selection = (item: object) => ruleText({ a: item, condition: 'a' }, 'product: anything')
const matches = (item: object, json: unknown) => load([selection(item)]).matching(viewOfRaw(json)).length === 1

/** An event of the model as plain JSON with its body in place: any JSON would do, this one meets the rules often. */
function plainOf(enriched: Parameters<typeof oracleEvent>[0]): Json {
  const { model, bodies } = oracleEvent(enriched)
  return { ...(model as Readonly<Record<string, Json>>), requestObject: bodies.requestObject ?? null }
}

function loadOne(given: OracleRule) {
  const { matching, errors } = load([
    ruleText({ ...given.identifiers, condition: written(given.condition) }, 'category: none')
  ])
  if (errors.length > 0) throw new Error(errors.map(formatRuleError).join('\n'))
  return matching
}

describe('rules on raw events', () => {
  it('agree with a plain interpreter on every rule and event', { timeout: 60_000 }, () => {
    let matched = 0
    let missed = 0
    fc.assert(
      fc.property(rule, fc.array(event, { minLength: 1, maxLength: 8 }), (given, events) => {
        const matching = loadOne(given)
        for (const enriched of events) {
          const model = plainOf(enriched)
          const expected = oracleMatches(given, {
            model,
            bodies: { requestObject: undefined },
            element: { nullIsMissing: false }
          })
          expect(matching(viewOfRaw(model)).length === 1).toBe(expected)
          if (expected) matched += 1
          else missed += 1
        }
      }),
      { numRuns: 150 }
    )
    expect(Math.min(matched, missed)).toBeGreaterThan(100)
  })

  it.each<[string, object, unknown, boolean]>([
    ['a field of any name', { Image: '/bin/sh' }, { Image: '/bin/sh' }, true],
    ['a path', { 'process.name': 'sh' }, { process: { name: 'sh' } }, true],
    ['a key with dots', { 'process.name': 'sh' }, { 'process.name': 'sh' }, true],
    ['a list', { tags: 'b' }, { tags: ['a', 'b'] }, true],
    ['names of the event model mean nothing', { outcome: 'success' }, { responseStatus: { code: 200 } }, false],
    ['nor do those of fields.yml', { Image: '/bin/sh' }, { process: { executable: '/bin/sh' } }, false],
    ['a missing field', { Image: null }, {}, true],
    ['null is a value', { 'Image|exists': true }, { Image: null }, true],
    ['keys of the prototype', { 'constructor|exists': true }, {}, false],
    ['a key called __proto__', JSON.parse('{"__proto__":"x"}'), JSON.parse('{"__proto__":"x"}'), true],
    ['text instead of an object', { Image: 'x' }, 'Image x', false],
    ['null instead of an object', { Image: null }, null, true]
  ])('%s', (_, item, json, expected) => {
    expect(matches(item, json)).toBe(expected)
  })

  it('search keywords in all of the event', () => {
    const { matching } = load([ruleText({ a: ['needle'], condition: 'a' }, 'product: x')])
    expect(
      [{ a: [{ b: 'a needle' }] }, { needle: 1 }, 'needle'].map((json) => matching(viewOfRaw(json)).length)
    ).toEqual([1, 0, 1])
  })

  it('are for every event, whatever their log source', () => {
    const { loaded, matching, errors } = load([
      ruleText({ a: { x: 1 }, condition: 'a' }, 'product: windows, category: image_load'),
      ruleText({ a: { x: 1 }, condition: 'a' }, 'product: linux').replace('a rule', 'another')
    ])
    expect([loaded.length, errors, matching(viewOfRaw({ x: 1 })).length]).toEqual([2, [], 2])
  })
})
