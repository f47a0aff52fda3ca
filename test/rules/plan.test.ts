import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import { viewOf } from '../../services/core/detect/event-view.ts'
import { type LoadOptions, type LoadResult, loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { planByClass, planByDecision } from '../../services/core/detect/plan.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { auditEvent, runtimeEvent } from '../support/enriched-event.ts'
import { loadTexts, ruleText } from '../support/rule-text.ts'
import { generatedEvents } from '../support/rules/generated-events.ts'
import { generatedRules } from '../support/rules/generated-rules.ts'
import { recordedEvents } from '../support/scarleteel-recording.ts'
import { kindOf, oracleEvent } from './oracle-event.ts'
import { event, rule, written } from './rule-arbitrary.ts'
import { RULES } from './rule-tests.ts'
import { oracleMatches } from './sigma-oracle.ts'

const recording = recordedEvents()

/** Everything a rule set says about events, event by event. */
function saidBy(load: (options: LoadOptions) => LoadResult, options: LoadOptions, events: readonly EnrichedEvent[]) {
  let said: string[] = []
  const { matching } = load({
    ...options,
    observer: {
      notEvaluable: ({ document }) => said.push(`leaves ${document.title} undecided`),
      filtered: ({ document }, filter) => said.push(`silences ${document.title} by ${filter.document.title}`)
    }
  })
  return events.map((given) => {
    said = []
    const matches = matching(viewOf(given)).map(({ document }) => document.id)
    // Matches come in the order of rules, the others as they are found.
    return [`matches ${matches.join()}`, ...said.toSorted()]
  })
}

const texts = (count: number) => generatedRules(count).map(({ text }) => text)
const files = await readRuleFolder(RULES)

describe('the plan', { timeout: 60_000 }, () => {
  it('agrees with a plain interpreter on sets of random rules', () => {
    let matched = 0
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 2, maxLength: 12 }),
        fc.array(event, { minLength: 1, maxLength: 12 }),
        (rules, events) => {
          const given = rules.map(({ identifiers, condition }, index) =>
            ruleText({ ...identifiers, condition: written(condition) }, undefined, `rule ${index}`)
          )
          const { matching, loaded } = loadTexts(given)
          expect(loaded.length).toBe(rules.length)
          for (const enriched of events) {
            const seen = oracleEvent(enriched)
            const expected = rules.flatMap((one, index) => (oracleMatches(one, seen) ? [`rule ${index}`] : []))
            const found = matching(viewOf(enriched)).map(({ document }) => document.title)
            expect(found.toSorted()).toEqual(expected.toSorted())
            matched += found.length
          }
        }
      ),
      { numRuns: 100 }
    )
    expect(matched).toBeGreaterThan(500)
  })

  it('agrees with a plain interpreter on rules of the kinds that are published', () => {
    const rules = generatedRules(60)
    const { matching } = loadTexts(texts(60))
    let matched = 0
    for (const enriched of generatedEvents(300)) {
      const seen = oracleEvent(enriched)
      const kind = kindOf(enriched)
      const expected = rules.filter((one) => one.events === kind && oracleMatches(one, seen)).length
      expect(matching(viewOf(enriched)).length).toBe(expected)
      matched += expected
    }
    expect(matched).toBeGreaterThan(10)
  })

  it.each([
    ['built-in rules on a recording', (options: LoadOptions) => loadRuleSet(files, options), recording],
    [
      'built-in rules on a recording of bare audit events',
      (options: LoadOptions) => loadRuleSet(files, options),
      recording.flatMap((given) =>
        given.audit === null
          ? []
          : [{ ...given, pod_spec: null, audit: { ...given.audit, level: 'Metadata' as const, requestObject: null } }]
      )
    ],
    [
      'generated rules on generated and recorded events',
      (options: LoadOptions) => loadTexts(texts(300), options),
      [...generatedEvents(600), ...recording]
    ]
  ])('says of %s what testing every rule says', (_, load, events) => {
    const said = saidBy(load, {}, events)
    expect(new Set(said).size).toBeGreaterThan(5)
    expect(said).toEqual(saidBy(load, { plan: planByClass }, events))
  })

  it('stays right when rules tell more values apart than have routes of their own', () => {
    const { matching } = loadTexts(
      Array.from({ length: 160 }, (_, index) =>
        ruleText(
          { a: { verb: `verb${index}`, 'objectRef.resource|startswith': `res${index % 20}` }, condition: 'a' },
          undefined,
          `rule ${index}`
        )
      )
    )
    const names = (verb: string, resource: string) =>
      matching(viewOf(auditEvent({ verb, objectRef: { resource } }))).map(({ document }) => document.title)
    for (let index = 0; index < 160; index += 1) {
      for (let resource = 0; resource < 20; resource += 1) {
        const found = names(`Verb${index}`, `res${resource}x`)
        // res1 is how res10 begins.
        expect(found.length).toBe(`res${resource}x`.startsWith(`res${index % 20}`) ? 1 : 0)
      }
    }
    expect(names('verb0', 'other')).toEqual([])
    expect(names('unheard', 'res0')).toEqual([])
  })

  it.each([
    [0, 0],
    [0, 1],
    [1, 1],
    [40, 2],
    [3, 2_048]
  ])('says the same with %i places in the graph and %i answers of a field', (junctions, answers) => {
    const plan: LoadOptions['plan'] = (rules) => planByDecision(rules, { junctions, answers })
    const events = [...generatedEvents(200), ...recording.filter((_, index) => index % 12 === 0)]
    const load = (options: LoadOptions) => loadTexts(texts(60), options)
    expect(saidBy(load, { plan }, events)).toEqual(saidBy(load, { plan: planByClass }, events))
    const builtIn = (options: LoadOptions) => loadRuleSet(files, options)
    expect(saidBy(builtIn, { plan }, events)).toEqual(saidBy(builtIn, { plan: planByClass }, events))
  })

  it('finds exact texts whose lower case is longer than they are', () => {
    const written = ['\u0130\u0130', 'x\u0130', 'x']
    const { matching } = loadTexts(
      written.map((userAgent) => ruleText({ a: { userAgent }, condition: 'a' }, undefined, userAgent))
    )
    for (const one of written) {
      for (const userAgent of [one, one.toLowerCase()]) {
        const found = matching(viewOf(auditEvent({ verb: 'get', userAgent })))
        expect(found.map(({ document }) => document.title)).toEqual([one])
      }
    }
  })

  it('routes events of both sources by the same field without mixing them up', () => {
    const { matching } = loadTexts([
      ruleText({ a: { outcome: 'success', verb: 'create' }, condition: 'a' }, 'product: kubernetes', 'audit'),
      ruleText({ a: { outcome: 'success', action: 'exec' }, condition: 'a' }, 'product: weir', 'runtime')
    ])
    const titles = (given: EnrichedEvent) => matching(viewOf(given)).map(({ document }) => document.title)
    const events = [auditEvent({ verb: 'create', objectRef: { resource: 'pods' } }), runtimeEvent({})]
    for (const _ of [1, 2]) expect(events.map(titles)).toEqual([['audit'], ['runtime']])
  })
})
