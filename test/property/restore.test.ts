import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Signal } from '../../schemas/generated/types.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { advanceCluster, contentOf, createMemoryRestorer } from '../../services/core/correlate/cluster-memory.ts'
import { correlatorOptions } from '../../services/correlator/options.ts'
import { createCorrelatorStage } from '../../services/correlator/stage.ts'
import { createMemoryBus } from '../../services/platform/memory/bus.ts'
import type { Message, Stage } from '../../services/platform/stage.ts'
import { loadTopics } from '../../services/platform/topics.ts'
import { chaosLoad } from '../chaos/load.ts'
import { differences, type Outcome, outcomeOf } from '../chaos/outcome.ts'
import { CHAOS_RULES } from '../chaos/rules.ts'
import { batchesOf, delivered } from '../support/delivery.ts'
import { loadTexts } from '../support/rule-text.ts'
import { createRandom, type Random } from '../support/scenario/random.ts'
import { found, gotInto, requested, SESSION_RULES, started } from '../support/sessions.ts'
import { CLUSTER } from '../support/signals.ts'

const NOW_MS = Date.UTC(2027, 0)
const STATE = 'weir.state.v1'
const codec = createCodec(localSchemas())
const options = correlatorOptions.parse({})
const loaded = loadTexts([
  ...Object.values(CHAOS_RULES),
  `title: heard of
correlation: { type: absence, rules: [remove, session], group-by: [actor.name], timespan: 4m, direction: around, heard: true }
`,
  `title: new place
profile: { type: new_value, rules: [read, write], of: [source_ip], for: { identity: [actor.name] }, memory: 1d, learn: 10m }
`,
  `title: more than usual
profile: { type: rate, rules: [read], for: { identity: [actor.name] }, per: 1h, least: 3, deviations: 1, memory: 2d, learn: 30m }
`
])
const windows = [...loaded.windows, ...SESSION_RULES]
const { profiles } = loaded
const judged = { options, windows, profiles }

/** Requests for sessions, processes and what was detected in them, of few pods within an hour. */
function sessionSignals(random: Random): readonly Signal[] {
  return Array.from({ length: 12 }, (_, number): readonly Signal[] => {
    const name = random.pick(['shop/web-1', 'shop/web-2'])
    const where = { second: random.integer(0, 3_600), pod: name, uid: name, container: 'web' }
    const sketch = { ...where, id: `request-${number}`, command: random.pick(['sh', 'bash']) }
    // A process is in one pod.
    const process = `${name} process ${random.integer(0, 11)}`
    const finding = found({ ...where, second: where.second + 30, id: `finding-${number}`, processes: [process] })
    const start = started({ ...where, id: `${name} process ${number}`, command: `/bin/${sketch.command}` })
    return [requested(sketch), gotInto(sketch), ...(random.next() < 0.7 ? [start] : []), finding]
  }).flat()
}

/** A history of one cluster, in the order of arrival, some of it twice. */
function historyOf(random: Random): readonly Signal[] {
  const signals = [...chaosLoad(random, 1).flatMap(({ signal }) => signal ?? []), ...sessionSignals(random)]
  return delivered(
    signals
      .map((signal): Signal => ({ ...signal, cluster: CLUSTER }))
      .toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1)),
    {
      delays: signals.map(() => random.integer(0, 9 * 60) * 1_000_000),
      repeats: signals.map(() => (random.next() < 0.1 ? 1 : 0))
    }
  )
}

/** How a changelog may look to who reads it; each is given all that was ever written to a partition, in order. */
const READINGS = ['all', 'compacted', 'compacted in part', 'from the start twice'] as const
type Reading = (typeof READINGS)[number]

function readAs(reading: Reading, messages: readonly Message[], random: Random): readonly Message[] {
  if (reading === 'all') return messages
  if (reading === 'from the start twice') return [...messages.slice(0, random.integer(0, messages.length)), ...messages]
  const last = new Map(messages.map(({ key, offset }) => [String(key), offset]))
  const isLast = ({ key, offset }: Message) => last.get(String(key)) === offset
  return reading === 'compacted'
    ? messages.filter((message) => isLast(message) && message.value !== null)
    : messages.filter((message) => isLast(message) || random.next() < 0.5)
}

/** What a history gives that is worked through by one stage after another, each of which restores what the one before has written. */
async function outcome(
  batches: ReadonlyArray<readonly Signal[]>,
  reading: Reading | 'never',
  random: Random
): Promise<Outcome> {
  const bus = createMemoryBus({ topics: loadTopics(), now_ms: () => NOW_MS })
  const newStage = (): Stage => {
    const stage = createCorrelatorStage({ codec, ...judged, now_ms: () => NOW_MS })
    async function* read(_topic: string, partition: number): AsyncGenerator<Message> {
      const written = bus.read(STATE).filter((message) => message.partition === partition)
      if (reading !== 'never') yield* readAs(reading, written, random)
    }
    return {
      ...stage,
      onAssigned: async (...[topic, partition]) => stage.onAssigned?.(topic, partition, { changelog: { read } })
    }
  }
  let running = bus.run(newStage())
  for (const signals of batches) {
    if (reading !== 'never' && random.next() < 0.15) {
      await running.stop()
      running = bus.run(newStage())
    }
    const key = CLUSTER.id
    await bus.publish(
      signals.map((signal) => ({ topic: 'weir.signals.v1', key, value: codec.encode('signal', signal) }))
    )
    await bus.drain()
  }
  await running.stop()
  return outcomeOf(
    codec,
    {
      incidents: bus.read('weir.incidents.v1'),
      correlated: bus.read('weir.correlated.v1'),
      dead_letters: bus.read('weir.signals.v1.dlq'),
      state: bus.read(STATE)
    },
    judged
  )
}

describe('a state that is restored', { timeout: 240_000 }, () => {
  it('goes on as one that was never lost, whichever of the superseded and deleted entries were still there', async () => {
    expect(loaded.errors).toEqual([])
    const told = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1_000_000 }), fc.constantFrom(1, 4, 15), async (seed, size) => {
        const random = createRandom(`restore-${seed}`)
        const batches = batchesOf(historyOf(random.fork('history')), [size, 1, 2 * size])
        const live = await outcome(batches, 'never', random)
        for (const signals of live.correlated.values()) for (const { rule } of signals) told.add(rule.title)
        for (const reading of READINGS) {
          const restored = await outcome(batches, reading, random.fork(reading))
          expect(differences(restored, live, live), reading).toEqual([])
        }
      }),
      { numRuns: 5 }
    )
    // It would hold of rules of which nothing is ever told, too.
    for (const title of ['no_session', 'many_places', 'new place', 'Session attributed']) expect(told).toContain(title)
  })

  it('is refused by rules that were loaded once more: open windows would never be looked at again', () => {
    const content = contentOf(windows, profiles, options)
    const [first, ...rest] = historyOf(createRandom('other rules'))
    if (first === undefined) throw new TypeError('there is no history')
    const clock = { key: 'clock', cluster_id: CLUSTER.id, kind: 'clock' as const, watermark: first.time }
    const nothing = { signal: null, sealed: null, cut_keys: [], published: null, document: null, packed: null }
    const restorer = createMemoryRestorer(content, options)
    restorer.take(`${CLUSTER.id}/clock`, { ...nothing, ...clock })
    const memory = restorer.finish().get(CLUSTER.id)
    if (memory === undefined) throw new TypeError('nothing was restored')
    const others = contentOf(windows, profiles, options)
    expect(() => advanceCluster(memory, others, rest, NOW_MS * 1000, options)).toThrow(/other rules/)
    expect(() => advanceCluster(memory, content, rest, NOW_MS * 1000, options)).not.toThrow()
  })
})
