import { expect, it } from 'vitest'
import { loadRules } from '../../services/cli/rules.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { neededParts } from '../../services/core/profiles/sent-parts.ts'
import { correlatorOptions } from '../../services/correlator/options.ts'
import { createCorrelatorStage } from '../../services/correlator/stage.ts'
import { createSignalOutputs } from '../../services/enricher/signal-outputs.ts'
import { loadTopics, withPartitions } from '../../services/platform/topics.ts'
import { createWindowsStage } from '../../services/windows/stage.ts'
import { type Matched, matchAll } from '../eval/pipeline.ts'
import { createScatteredBus } from '../support/scattered-bus.ts'
import { deliver, USUAL_DELIVERY } from '../support/scenario/campaigns/deliver.ts'
import { generateScenario } from '../support/scenario/campaigns/generate.ts'
import { createRandom } from '../support/scenario/random.ts'

const PARTITIONS = 4
const BATCH = 60
const codec = createCodec(localSchemas())
const loaded = await loadRules({ folders: [], builtin: true }, (message) => {
  throw new Error(message)
})

/** Signals of attacks and benign work in two clusters, as the rules that come with Weir find them in records. */
function scenario(seed: string): readonly Matched[] {
  const generated = generateScenario({
    ...{ seed, attacks: 6, benign: 60, clusters: 2, concurrent: 3, evading: 0.25, skew_us: 200_000 }
  })
  return matchAll(generated, deliver(generated, { ...USUAL_DELIVERY, seed }), loaded).matched
}

/** What stands in the end, without revisions, after enrichers, a correlator and processes of windows went on in any order. */
async function standing(matched: readonly Matched[], spread_clusters: readonly string[], instances: number) {
  const { windows, profiles } = loaded
  const options = correlatorOptions.parse({ spread_clusters })
  const random = createRandom(`spread-scenario-${instances}`)
  const topics = withPartitions(loadTopics(), { 'weir.parts.v1': PARTITIONS })
  const bus = createScatteredBus(topics, random, BATCH, instances === 0 ? 0 : 0.005)
  const judged = { codec, options, windows, profiles, now_ms: () => Date.UTC(2030, 0) }
  await bus.run(() => createCorrelatorStage({ ...judged, parts_partitions: PARTITIONS }), 1)
  if (instances > 0) await bus.run(() => createWindowsStage(judged), instances)
  const begin = createSignalOutputs({
    ...{ codec, parts: neededParts(windows, profiles), sent_parts_max_entries: 50_000 },
    spread: { clusters: spread_clusters, windows, profiles }
  })
  for (let next = 0; ; ) {
    const size = random.integer(1, BATCH)
    if (next < matched.length && random.next() < 0.3) {
      const batch = begin()
      const some = matched.slice(next, next + size).flatMap(({ signals }) => batch.take(signals))
      bus.publish([
        ...some.filter(({ isFirst }) => isFirst),
        ...some.filter(({ isFirst }) => !isFirst),
        ...batch.rest()
      ])
      next += size
    } else if (!(await bus.step()) && next >= matched.length) break
  }
  const found = new Map<string, unknown>()
  for (const { value } of bus.read('weir.correlated.v1')) {
    const signal = await codec.decode('signal', value)
    found.set(signal.id, signal.role === 'withdrawn' ? null : signal)
  }
  for (const { value } of bus.read('weir.incidents.v1')) {
    const { revision: _, ...incident } = await codec.decode('incident', value)
    found.set(incident.id, incident.status === 'merged' ? null : incident)
  }
  expect([...bus.read('weir.signals.v1.dlq'), ...bus.read('weir.parts.v1.dlq')]).toEqual([])
  return {
    found: new Map([...found].filter(([, value]) => value !== null).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    parts: bus.read('weir.parts.v1').length
  }
}

it.each(['one', 'two'])(
  'attacks give the same incidents when windows are spread, sessions and profiles among them, seed %s',
  async (seed) => {
    const matched = scenario(seed)
    const clusters = [...new Set(matched.map(({ cluster }) => cluster))]
    const together = await standing(matched, [], 0)
    expect(together.parts).toBe(0)
    expect(together.found.size).toBeGreaterThan(20)
    for (const instances of [1, 3]) {
      const apart = await standing(matched, clusters, instances)
      expect(apart.parts).toBeGreaterThan(100)
      expect(structuredClone(apart.found)).toEqual(structuredClone(together.found))
    }
  }
)
