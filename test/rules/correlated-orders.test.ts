import { describe, expect, it } from 'vitest'
import type { Signal } from '../../schemas/generated/types.ts'
import { runSequence } from '../../services/cli/rule-tests/run-sequence.ts'
import { eventsOf } from '../../services/cli/rule-tests/test-file.ts'
import { advanceCluster, contentOf, emptyMemory } from '../../services/core/correlate/cluster-memory.ts'
import { DEFAULT_CORRELATE_SETTINGS, latenessOf } from '../../services/core/correlate/settings.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { createRandom } from '../support/scenario/random.ts'
import { RULES, ruleFiles, ruleTests } from './rule-tests.ts'

/**
 * Every correlation on the events of its own tests, through everything that needs more than one event, with the lateness that is allowed:
 * what stands in the end is the same in whatever order the events come.
 */

const result = loadRuleSet(await readRuleFolder(RULES))
const LATENESS_US = latenessOf(DEFAULT_CORRELATE_SETTINGS) * 1000
const DAY_US = 86_400_000_000

interface Arrival {
  readonly signal: Signal
  readonly arrives: number
}

/** How events come, within what is allowed. */
const ARRIVALS: ReadonlyArray<readonly [string, (signals: readonly Signal[]) => readonly Arrival[]]> = [
  [
    'each twice, the second time late',
    (signals) =>
      signals.flatMap((signal) => [0, LATENESS_US - 1].map((late) => ({ signal, arrives: signal.time + late })))
  ],
  ...(['audit', 'runtime', 'cloud'] as const).map(
    (source) =>
      [
        `all of ${source} as late as is allowed`,
        (signals: readonly Signal[]) =>
          signals.map((signal) => ({
            signal,
            arrives: signal.time + (signal.source === source ? LATENESS_US - 1 : 0)
          }))
      ] as const
  ),
  ...['a', 'b'].map(
    (seed) =>
      [
        `shuffled, some twice (${seed})`,
        (signals: readonly Signal[]) => {
          const random = createRandom(seed)
          return signals.flatMap((signal) =>
            Array.from({ length: random.integer(1, 2) }, () => ({
              signal,
              arrives: signal.time + Math.floor(random.next() * (LATENESS_US - 1))
            }))
          )
        }
      ] as const
  )
]

/** A correlation with those that it refers to. */
function familyOf(id: string): ReadonlySet<string> {
  const own = result.windows.find((window) => window.id === id)
  return new Set([id, ...(own?.parts ?? []).flatMap((part) => [...familyOf(part)])])
}

/** What stands of a correlation when signals have come in this order, and long after. */
function standing(id: string, signals: readonly Signal[]): readonly string[] {
  const family = familyOf(id)
  const ofFamily = <Rule extends { readonly id: string }>(rules: readonly Rule[]) =>
    rules.filter((rule) => family.has(rule.id))
  const content = contentOf(ofFamily(result.windows), ofFamily(result.profiles), DEFAULT_CORRELATE_SETTINGS)
  const last = Math.max(...signals.map(({ time }) => time))
  const alerts = new Map<string, number>()
  for (const [cluster, own] of Map.groupBy(signals, (signal) => signal.cluster.id)) {
    const memory = emptyMemory(cluster)
    const [first] = own
    if (first === undefined) continue
    const end: Signal = {
      ...first,
      id: 'end',
      time: last + 3 * DAY_US,
      rule: { ...first.rule, id: 'none' },
      role: 'part',
      correlation_fields: {}
    }
    for (const signal of [...own, end]) {
      const { correlated } = advanceCluster(memory, content, [signal], last + 4 * DAY_US, DEFAULT_CORRELATE_SETTINGS)
      for (const told of correlated) {
        if (told.rule.id !== id) continue
        if (told.role === 'withdrawn') alerts.delete(told.id)
        else alerts.set(told.id, told.count)
      }
    }
  }
  return [...alerts].map(([alert, count]) => `${alert} ${count}`).sort()
}

const files = ruleFiles().filter((path) => path.startsWith('correlated'))
const cases = files.flatMap((file) => {
  const { sequences } = ruleTests(file)
  const own = result.windows.filter(({ id }) =>
    result.correlations.some((one) => one.id === id && one.file.endsWith(file))
  )
  return sequences.map((given) => {
    const rule = own.find(({ id, name }) => given.rule === undefined || given.rule === id || given.rule === name)
    if (rule === undefined) throw new Error(`${file} has a test and no correlation`)
    return { file, rule, given }
  })
})

describe.each(files)('%s', (file) => {
  for (const { rule, given } of cases.filter((one) => one.file === file)) {
    it(`says the same however its events come: ${given.name}`, () => {
      const signals = eventsOf(given)
        .toSorted((a, b) => a.time - b.time)
        .flatMap((event) => result.rules.match(event))
      if (signals.length === 0) return
      const inOrder = standing(rule.id, signals)
      expect(inOrder.length > 0).toBe(given.expect === 'match')
      for (const [how, arrivalsOf] of ARRIVALS) {
        const arrived = [...arrivalsOf(signals)].sort((a, b) => a.arrives - b.arrives).map(({ signal }) => signal)
        expect(standing(rule.id, arrived), how).toEqual(inOrder)
      }
    })
  }
})

describe('every code from C01 to C24', () => {
  const codes = Array.from({ length: 24 }, (_, place) => `C${String(place + 1).padStart(2, '0')}`)

  it.each(codes)('%s has rules, each with a match and a near miss: some of its events, and no alert', (code) => {
    const rules = result.windows.filter((window) => window.code === code)
    expect(rules.length).toBeGreaterThan(0)
    for (const { id, name } of rules) {
      const own = cases.filter(({ rule }) => rule.id === id)
      expect(
        own.some(({ given }) => given.expect === 'match'),
        `${name} has a match`
      ).toBe(true)
      const isNear = ({ given }: (typeof own)[number]) =>
        given.expect === 'no_match' && runSequence(result, id, eventsOf(given)).parts.size > 0
      expect(own.some(isNear), `${name} has a near miss`).toBe(true)
    }
  })
})
