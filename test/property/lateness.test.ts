import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CorrelatorState, Signal } from '../../schemas/generated/types.ts'
import { advanceCluster, contentOf, emptyMemory } from '../../services/core/correlate/cluster-memory.ts'
import { type CorrelateSettings, DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { restoredCluster } from '../support/restored-cluster.ts'
import { loadTexts, ruleText } from '../support/rule-text.ts'
import { CLUSTER, START_US, signalOf } from '../support/signals.ts'

const MINUTE_US = 60_000_000
const MINUTE_MS = 60_000
const LATENESS = { runtime: 2, audit: 20, cloud: 45 } as const
type Source = keyof typeof LATENESS
const SETTINGS: CorrelateSettings = {
  ...DEFAULT_CORRELATE_SETTINGS,
  allowed_lateness_ms: {
    runtime: LATENESS.runtime * MINUTE_MS,
    audit: LATENESS.audit * MINUTE_MS,
    cloud: LATENESS.cloud * MINUTE_MS
  }
}
const NOW = START_US + 1_000 * MINUTE_US

const LOGSOURCES: Readonly<Record<Source, string>> = {
  runtime: 'product: linux, category: process_creation',
  audit: 'product: kubernetes, service: audit',
  cloud: 'product: aws, service: cloudtrail'
}
const SOURCES = Object.keys(LOGSOURCES) as readonly Source[]
const rules = SOURCES.map(
  (name) => `name: ${name}_part\n${ruleText({ s: { action: name }, condition: 's' }, LOGSOURCES[name], name)}`
)
const correlation = (section: string, title: string) =>
  `name: ${title}\ntitle: ${title}\ncorrelation: { group-by: [action], timespan: 5m, ${section} }\n`
const CORRELATIONS = [
  correlation('type: event_count, rules: [runtime_part], condition: { eq: 2 }', 'quick'),
  correlation('type: absence, rules: [runtime_part, audit_part], direction: around', 'unanswered'),
  correlation('type: temporal_ordered, rules: [runtime_part, audit_part, cloud_part]', 'chain'),
  correlation('type: event_count, rules: [cloud_part, audit_part], condition: { eq: 2 }', 'slow'),
  correlation('type: absence, rules: [quick, cloud_part], generate: true', 'over_another')
]
const { windows, loaded, errors } = loadTexts([...rules, ...CORRELATIONS])
const CONTENT = contentOf(windows, [], SETTINGS)
const ids = new Map(loaded.map(({ document }) => [document.name ?? '', document.id]))

const sketch = fc.record({
  minute: fc.integer({ min: 0, max: 40 }),
  source: fc.constantFrom(...SOURCES),
  group: fc.constantFrom('a', 'b'),
  /** Share of what its source may be late. */
  delay: fc.double({ min: 0, max: 1, noNaN: true })
})
type Sketch = typeof sketch extends fc.Arbitrary<infer Value> ? Value : never

const partOf = (source: Source, minute: number, group: string, id: string): Signal => ({
  ...signalOf({ id, minute }),
  source,
  rule: { id: ids.get(`${source}_part`) ?? '', code: null, title: source, level: 'low' },
  role: 'part',
  correlation_fields: { action: [group] }
})

function run(signals: readonly Signal[], restartEvery: number): readonly string[] {
  let memory = emptyMemory(CLUSTER.id)
  const entries = new Map<string, CorrelatorState>()
  const alerts = new Map<string, Signal>()
  const last = partOf('runtime', 600, 'z', 'last')
  for (const [place, signal] of [...signals, last].entries()) {
    const step = advanceCluster(memory, CONTENT, [signal], NOW, SETTINGS)
    for (const told of step.correlated) {
      if (told.role === 'withdrawn') alerts.delete(told.id)
      else alerts.set(told.id, told)
    }
    for (const { key, value } of step.entries) {
      if (value === null) entries.delete(key)
      else entries.set(key, value)
    }
    expect(step.windowCounts.late).toBe(0)
    if (restartEvery > 0 && place % restartEvery === restartEvery - 1)
      memory = restoredCluster(CLUSTER.id, CONTENT, [...entries.values()], SETTINGS)
  }
  return [...alerts.values()].map(({ id, count }) => `${id} ${count}`).sort()
}

describe('events that are late as their source may be', () => {
  it('give what they give in order, whichever half comes last, repeated and through restarts', () => {
    expect(errors).toEqual([])
    fc.assert(
      fc.property(
        fc.array(sketch, { maxLength: 30, size: 'max' }),
        fc.integer({ min: 0, max: 4 }),
        (sketches: readonly Sketch[], restartEvery) => {
          const all = sketches.map(({ minute, source, group, delay }, index) => ({
            signal: partOf(source, minute, group, `s${index}`),
            arrives: minute + delay * LATENESS[source]
          }))
          const inOrder = all.map(({ signal }) => signal).sort((a, b) => a.time - b.time)
          const late = all
            .toSorted((a, b) => a.arrives - b.arrives)
            .flatMap(({ signal }, place) => (place % 3 === 0 ? [signal, signal] : [signal]))
          expect(run(late, restartEvery)).toEqual(run(inOrder, 0))
        }
      ),
      { numRuns: 150 }
    )
  })

  it('hold up what looks at their source, and nothing else', () => {
    const memory = emptyMemory(CLUSTER.id)
    const told = new Map<string, number>()
    const offer = (minute: number, ...signals: readonly Signal[]) => {
      for (const { rule } of advanceCluster(memory, CONTENT, signals, NOW, SETTINGS).correlated)
        if (!told.has(rule.title)) told.set(rule.title, minute)
    }
    offer(0, partOf('runtime', 0, 'a', 'r1'), partOf('runtime', 0, 'a', 'r2'))
    offer(0, partOf('audit', 0, 'b', 'a1'), partOf('cloud', 0, 'b', 'c1'))
    for (let minute = 1; minute <= 70; minute += 1) offer(minute, partOf('runtime', minute, 'z', `t${minute}`))
    const [quick = 0, unanswered = 0, slow = 0] = ['quick', 'unanswered', 'slow'].map((name) => told.get(name) ?? 99)
    expect([quick <= 5 + LATENESS.runtime + 2, quick < unanswered, unanswered < slow]).toEqual([true, true, true])
    expect(unanswered).toBeGreaterThan(5 + LATENESS.audit)
    expect(slow).toBeGreaterThan(5 + LATENESS.cloud)
  })
})
