import { afterEach, beforeEach, expect, inject, it } from 'vitest'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { createCachedFacts } from '../../services/enricher/cached-facts.ts'
import { enricherOptions } from '../../services/enricher/options.ts'
import { createEnricherStages } from '../../services/enricher/stages.ts'
import { createMemoryFactsStore } from '../../services/platform/facts-store.ts'
import { type RunningStage, runStage } from '../../services/platform/kafka/stage-runner.ts'
import { silentLogger } from '../../services/platform/log.ts'
import type { Stage } from '../../services/platform/stage.ts'
import { createTestKafka, type TestKafka, until } from '../support/kafka.ts'

const TOPIC = 'weir.runtime.v1'
const schemas = localSchemas()
const codec = createCodec(schemas)

let kafka: TestKafka
const running: RunningStage[] = []
beforeEach(async () => {
  kafka = await createTestKafka(inject('endpoints').kafka)
})
afterEach(async () => {
  await Promise.allSettled(running.splice(0).map((one) => one.stop()))
  await kafka.close()
})

it('a gap is told once, and neither a restart, another enricher nor what comes twice is one', async () => {
  const input = await kafka.topic('runtime', { partitions: 1 })
  const output = await kafka.topic('events', { partitions: 1 })
  let now_ms = 0

  /** An enricher, over topics of this test. */
  function enricher(): Stage {
    const [stage] = createEnricherStages(
      {
        schemas,
        codec,
        rules: { size: 0, match: () => [] },
        facts: createCachedFacts(createMemoryFactsStore(), { max_entries: 10, ttl_ms: 1_000 }),
        log: silentLogger,
        now_ms: () => now_ms,
        waitUntil: async () => {}
      },
      enricherOptions.parse({})
    )
    if (stage === undefined) throw new Error('no stage')
    return {
      name: stage.name,
      inputs: [input],
      onAssigned: async (_, partition, context) => stage.onAssigned?.(TOPIC, partition, context),
      handle: async (batch, context) => {
        const messages = batch.messages.map((message) => ({ ...message, topic: TOPIC }))
        const outputs = await stage.handle({ ...batch, topic: TOPIC, messages }, context)
        return outputs.map((one) => ({ ...one, topic: output }))
      }
    }
  }
  async function start(stage: Stage): Promise<RunningStage> {
    const one = runStage(stage, kafka.client, { log: silentLogger, version: 'test' })
    running.push(one)
    await one.joined
    return one
  }

  let sent = 0
  /** Sends events with these numbers, one a message, and waits until they have been read; then some time goes by. */
  async function send(...numbers: number[]): Promise<void> {
    const messages = numbers.map((number) => ({
      ...{ topic: input, key: 'c1/n1' },
      value: codec.encode('runtime-batch', {
        ...{ cluster: { id: 'c1', name: 'prod' }, node: 'n1', boot_id: null, sensor: 'bpf', received: 5 },
        ...{ first_sequence: String(number), numbering: 'one' },
        events: [
          {
            ...{ id: `e${number}`, time: 10, category: 'sensor', action: 'heartbeat', process: null, container: null },
            ...{ pod: null, network: null, file: null, alert: null, attributes: {} }
          }
        ]
      })
    }))
    await kafka.send(messages)
    sent += numbers.length
    await until('they have been read', async () => (await kafka.committed('enricher', input))[0] === sent)
    now_ms += 10_000
  }

  const first = enricher()
  const one = await start(first)
  await send(1)
  await send(2, 3)
  // 4 and 5 are lost, and told with what comes when they could have come.
  await send(6, 7, 6, 7)
  await send(8)
  // The same process again: it knows where it was. 9 is lost.
  await one.stop()
  const again = await start(first)
  await send(10)
  await send(11)
  // Another one does not know, and takes what comes first for the beginning. 12 is lost with that.
  await again.stop()
  await start(enricher())
  await send(13, 14)
  await send(14, 15)
  const events = await Promise.all(
    (await kafka.readAll(output)).map(({ value }) => codec.decode('enriched-event', value))
  )
  const gaps = events.flatMap(({ runtime }) => (runtime?.action === 'gap' ? [runtime] : []))
  expect(gaps.map(({ id }) => id)).toEqual(['gap-n1-bpf-one-4-5', 'gap-n1-bpf-one-9-9'])
  expect(events).toHaveLength(sent + gaps.length)
})
