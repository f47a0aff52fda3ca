import { describe, expect, it } from 'vitest'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { correlatorOptions } from '../../services/correlator/options.ts'
import type { Message } from '../../services/platform/stage.ts'
import { loadTopics } from '../../services/platform/topics.ts'
import { chaosLoad } from '../chaos/load.ts'
import { differences, undisturbed } from '../chaos/outcome.ts'
import { CHAOS_RULES } from '../chaos/rules.ts'
import { loadTexts } from '../support/rule-text.ts'
import { createRandom } from '../support/scenario/random.ts'

const codec = createCodec(localSchemas())
const { windows, profiles, errors } = loadTexts(Object.values(CHAOS_RULES))
const calm = { codec, topics: loadTopics(), options: correlatorOptions.parse({}), windows, profiles }

const messagesOf = (seed: number): readonly Message[] =>
  chaosLoad(createRandom(`chaos-${seed}`).fork('load'), 2).map(({ cluster_id, signal }, place) => ({
    topic: 'weir.signals.v1',
    partition: 0,
    offset: String(place),
    key: Buffer.from(cluster_id),
    value: signal === null ? Buffer.from('no signal') : codec.encode('signal', signal),
    headers: {},
    timestamp_ms: 0
  }))

describe('the correlator, windows and stitching together', () => {
  it.each([1, 2])('gives the same in batches of any size and started again at any place, seed %i', async (seed) => {
    expect(errors).toEqual([])
    const messages = messagesOf(seed)
    const oneByOne = await undisturbed(calm, messages, 1)
    const together = await undisturbed(calm, messages, messages.length)
    expect(oneByOne.incidents.size).toBeGreaterThan(10)
    expect(oneByOne.correlated.size).toBeGreaterThan(10)
    expect(oneByOne.dead_letters.length).toBeGreaterThanOrEqual(6)
    const runs: ReadonlyArray<readonly [number, number]> = [
      [messages.length, 1],
      [7, Number.POSITIVE_INFINITY],
      [1, 3],
      [5, 1],
      [20, 2]
    ]
    for (const [batch, restart_every] of runs) {
      const found = await undisturbed(calm, messages, batch, restart_every)
      expect(differences(found, oneByOne, together)).toEqual([])
    }
  })
})
