import { setTimeout as delay } from 'node:timers/promises'
import type { OutgoingMessage, Stage } from '../../services/platform/stage.ts'

export interface CountingTopics {
  readonly input: string
  readonly output: string
  /** Copartitioned with the input. */
  readonly state: string
}

export interface CountingOptions {
  readonly transactional: boolean
  /** How long a batch takes. */
  readonly delay_ms?: number
  readonly say?: (line: string) => void
}

/**
 * A stage with state, to see whether anything is lost or done twice: for each message it puts out `VALUE KEY COUNT`, COUNT
 * being how many messages of the key there have been, and keeps the counts in its changelog. Undisturbed, the counts of a
 * key are 1, 2, 3, …, in the order of its messages.
 */
export function countingStage(topics: CountingTopics, options: CountingOptions): Stage {
  const { say = () => {} } = options
  const counts = new Map<number, Map<string, number>>()
  return {
    name: 'counter',
    inputs: [topics.input],
    transactional: options.transactional,

    async onAssigned(_topic, partition, { changelog }) {
      const restored = new Map<string, number>()
      const fence: OutgoingMessage = { topic: topics.state, key: 'fence', value: null }
      for await (const { key, value } of changelog.read(topics.state, partition, fence)) {
        if (value === null) restored.delete(String(key))
        else restored.set(String(key), Number(String(value)))
      }
      if (counts.has(partition)) throw new Error(`partition ${partition} was assigned twice`)
      counts.set(partition, restored)
      say(`assigned ${partition}`)
    },

    onRevoked(_topic, partition) {
      counts.delete(partition)
      say(`revoked ${partition}`)
    },

    async handle({ partition, messages }, { signal }) {
      say(`batch ${partition} ${messages[0]?.offset} ${messages.at(-1)?.offset}`)
      const state = counts.get(partition)
      if (state === undefined) throw new Error(`partition ${partition} is not assigned`)
      const outputs: OutgoingMessage[] = []
      const changed = new Map<string, number>()
      for (const message of messages) {
        const key = String(message.key)
        const count = (state.get(key) ?? 0) + 1
        state.set(key, count)
        changed.set(key, count)
        outputs.push({
          topic: topics.output,
          partition,
          key: message.key,
          value: Buffer.from(`${String(message.value)} ${key} ${count}`)
        })
      }
      for (const [key, count] of changed) {
        outputs.push({ topic: topics.state, partition, key, value: Buffer.from(String(count)) })
      }
      if (options.delay_ms !== undefined) await delay(options.delay_ms, undefined, { signal })
      return outputs
    }
  }
}
