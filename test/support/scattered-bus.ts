import { createMemoryTopic, type MemoryTopic } from '../../services/platform/memory/topic.ts'
import type { Message, OutgoingMessage, Stage } from '../../services/platform/stage.ts'
import type { TopicDefinition } from '../../services/platform/topics.ts'
import type { Random } from './scenario/random.ts'

/** Topics in memory and several instances of stages over them, of which at any time any may go on, with any number of messages. */
export interface ScatteredBus {
  publish(messages: readonly OutgoingMessage[]): void
  /** Divides the partitions of a stage's topics among instances of it. */
  run(make: () => Stage, instances: number): Promise<void>
  /** Gives one of the instances that have something to read some of it, or starts one anew. @returns false when all is read */
  step(): Promise<boolean>
  read(topic: string): readonly Message[]
}

interface Instance {
  readonly make: () => Stage
  stage: Stage
  readonly places: readonly { readonly topic: MemoryTopic; readonly partition: number; offset: number }[]
}

/** How often an instance is started anew in place of a batch, unless told otherwise. */
const RESTARTS = 0.06

/** @param restarts share of steps in which an instance is started anew */
export function createScatteredBus(
  definitions: readonly TopicDefinition[],
  random: Random,
  batch_max_messages: number,
  restarts = RESTARTS
): ScatteredBus {
  const topics = new Map(definitions.map((topic) => [topic.name, createMemoryTopic(topic)]))
  const instances: Instance[] = []

  function topicOf(name: string): MemoryTopic {
    const topic = topics.get(name)
    if (topic === undefined) throw new RangeError(`there is no topic ${name}`)
    return topic
  }

  function publish(messages: readonly OutgoingMessage[]): void {
    for (const message of messages) topicOf(message.topic).append(message, 0)
  }

  async function start(instance: Instance): Promise<void> {
    instance.stage = instance.make()
    for (const { topic, partition } of instance.places) {
      const read = async function* (name: string, number: number) {
        yield* topicOf(name).compacted(number)
      }
      await instance.stage.onAssigned?.(topic.name, partition, { changelog: { read } })
    }
  }

  return {
    publish,

    async run(make, count) {
      const { inputs } = make()
      for (let number = 0; number < count; number += 1) {
        const places = inputs.flatMap((name) => {
          const topic = topicOf(name)
          return topic.partitions
            .filter((partition) => partition % count === number)
            .map((partition) => ({ topic, partition, offset: 0 }))
        })
        const instance: Instance = { make, stage: make(), places }
        instances.push(instance)
        await start(instance)
      }
    },

    async step() {
      const ready = instances.flatMap((instance) =>
        instance.places
          .filter(({ topic, partition, offset }) => offset < topic.end(partition))
          .map((place) => ({ instance, place }))
      )
      if (ready.length === 0) return false
      const { instance, place } = random.pick(ready)
      if (random.next() < restarts) {
        await start(instance)
        return true
      }
      const { topic, partition } = place
      const messages = topic.from(partition, place.offset, random.integer(1, batch_max_messages))
      const context = { signal: new AbortController().signal, heartbeat: async () => {} }
      publish(await instance.stage.handle({ topic: topic.name, partition, messages }, context))
      place.offset += messages.length
      return true
    },

    read: (topic) => topicOf(topic).all()
  }
}
