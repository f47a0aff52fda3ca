import { describe, expect, it } from 'vitest'
import type { Signal } from '../../schemas/generated/types.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { neededParts } from '../../services/core/profiles/sent-parts.ts'
import { spreadRulesOf } from '../../services/core/spread/spread-rules.ts'
import { correlatorOptions } from '../../services/correlator/options.ts'
import { createCorrelatorStage } from '../../services/correlator/stage.ts'
import { createSignalOutputs } from '../../services/enricher/signal-outputs.ts'
import type { Message, OutgoingMessage } from '../../services/platform/stage.ts'
import { loadTopics, withPartitions } from '../../services/platform/topics.ts'
import { createWindowsStage } from '../../services/windows/stage.ts'
import { chaosLoad, type Sent } from '../chaos/load.ts'
import { differences, type Outcome, outcomeOf, undisturbed } from '../chaos/outcome.ts'
import { CHAOS_RULES, PARTS } from '../chaos/rules.ts'
import { loadTexts } from '../support/rule-text.ts'
import { createScatteredBus } from '../support/scattered-bus.ts'
import { createRandom, type Random } from '../support/scenario/random.ts'

const SIGNALS = 'weir.signals.v1'
const DAY_MINUTES = 24 * 60
const CLUSTERS = 2
const now_ms = Date.now
const codec = createCodec(localSchemas())
const { windows, profiles, errors } = loadTexts(Object.values(CHAOS_RULES))
const options = correlatorOptions.parse({})
const spreadOptions = correlatorOptions.parse({ spread_clusters: ['cluster-0'] })
const topics = loadTopics()

/** A signal that the correlator need not see, but has to hear the time of. */
const lastPart = (signal: Signal): Signal => ({
  ...signal,
  rule: { ...signal.rule, id: PARTS.session },
  role: 'part',
  correlation_fields: { 'actor.name': ['nobody'] }
})

function loadOf(seed: number): readonly Sent[] {
  // Less than the time after which incidents are closed: what a window tells after so long a silence stands alone.
  const load = chaosLoad(createRandom(`spread-${seed}`).fork('load'), CLUSTERS, 3 * DAY_MINUTES)
  return load.map((sent) => (sent.signal?.id === 'tick' ? { ...sent, signal: lastPart(sent.signal) } : sent))
}

const bytesOf = ({ signal }: Sent) => (signal === null ? Buffer.from('no signal') : codec.encode('signal', signal))
const plainly = (sent: Sent): OutgoingMessage => ({ topic: SIGNALS, key: sent.cluster_id, value: bytesOf(sent) })

/** Sends signals as enrichers do, in batches: those that the correlator need not see do not go there. */
function createEnricher() {
  const outputsOf = createSignalOutputs({
    codec,
    parts: neededParts(windows, profiles),
    sent_parts_max_entries: 100,
    spread: { clusters: spreadOptions.spread_clusters, windows, profiles }
  })
  return (batch: readonly Sent[]): readonly OutgoingMessage[] => {
    const sending = outputsOf()
    const outputs = batch.flatMap((sent) => (sent.signal === null ? [plainly(sent)] : sending.take([sent.signal])))
    const all = [...outputs, ...sending.rest()]
    return [...all.filter(({ isFirst }) => isFirst === true), ...all.filter(({ isFirst }) => isFirst !== true)]
  }
}

interface Way {
  readonly instances: number
  readonly partitions: number
  /** Whether enrichers know which clusters are spread; the correlator sends on what they do not. */
  readonly enrichersKnow: boolean
}

async function scattered(load: readonly Sent[], random: Random, way: Way) {
  const { instances, partitions, enrichersKnow } = way
  const counts = { 'weir.parts.v1': partitions, 'weir.signals.v1': 2 }
  const bus = createScatteredBus(withPartitions(topics, counts), random, random.pick([1, 5, 50]))
  const judged = { codec, options: spreadOptions, windows, profiles, now_ms }
  await bus.run(() => createCorrelatorStage({ ...judged, parts_partitions: partitions }), 1)
  await bus.run(() => createWindowsStage(judged), instances)
  const enrich = createEnricher()
  for (let next = 0; ; ) {
    const size = random.integer(1, 20)
    if (next < load.length && random.next() < 0.3) {
      const batch = load.slice(next, next + size)
      bus.publish(enrichersKnow ? enrich(batch) : batch.map(plainly))
      next += size
    } else if (!(await bus.step()) && next >= load.length) break
  }
  const published = {
    incidents: bus.read('weir.incidents.v1'),
    correlated: bus.read('weir.correlated.v1'),
    dead_letters: bus.read('weir.signals.v1.dlq'),
    state: bus.read('weir.state.v1'),
    windows: bus.read('weir.windows.v1')
  }
  expect(bus.read('weir.parts.v1.dlq')).toEqual([])
  return { bus, outcome: placeless(await outcomeOf(codec, published, { options: spreadOptions, windows, profiles })) }
}

/** Places of messages in the topic of signals differ; what is wrong with them does not. */
const placeless = (outcome: Outcome): Outcome => ({
  ...outcome,
  dead_letters: outcome.dead_letters
    .map((letter) => letter.slice(letter.indexOf(' ')))
    .toSorted()
    .map((code, number) => `${number}${code}`)
})

const WAYS: readonly Way[] = [
  { instances: 1, partitions: 1, enrichersKnow: true },
  { instances: 2, partitions: 3, enrichersKnow: true },
  { instances: 3, partitions: 6, enrichersKnow: true },
  { instances: 2, partitions: 4, enrichersKnow: false }
]

describe('windows of a cluster that are spread over processes', () => {
  it('are those of correlations that see one group at a time', () => {
    expect(errors).toEqual([])
    const { spread, staying } = spreadRulesOf(windows, profiles)
    expect(spread.map(({ name }) => name).toSorted()).toEqual([
      'few_writes',
      'many_places',
      'no_session',
      'read_write_remove'
    ])
    expect(staying.map(({ name }) => name).toSorted()).toEqual(['many_reads', 'reads_then_remove'])
  })

  it.each([1, 2, 3])(
    'give what one process gives, in any order and started again at any time, seed %i',
    async (seed) => {
      const load = loadOf(seed)
      const signals: readonly Message[] = load.map((sent, place) => ({
        ...{ topic: SIGNALS, partition: 0, offset: String(place), headers: {}, timestamp_ms: 0 },
        ...{ key: Buffer.from(sent.cluster_id), value: bytesOf(sent) }
      }))
      const calm = { codec, topics, options, windows, profiles }
      const oneByOne = placeless(await undisturbed(calm, signals, 1))
      const together = placeless(await undisturbed(calm, signals, signals.length))
      expect(oneByOne.correlated.size).toBeGreaterThan(10)
      for (const [number, way] of WAYS.entries()) {
        const { bus, outcome } = await scattered(load, createRandom(`spread-${seed}-${number}`), way)
        expect(differences(outcome, oneByOne, together, spreadOptions.spread_clusters)).toEqual([])
        const own = (topic: string) => bus.read(topic).length
        expect(own('weir.parts.v1')).toBeGreaterThan(50)
        if (way.enrichersKnow) expect(own(SIGNALS)).toBeLessThan(load.length + own('weir.correlated.v1'))
      }
    }
  )
})
