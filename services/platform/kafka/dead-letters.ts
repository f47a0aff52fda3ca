import type { Admin } from 'kafkajs'
import { WeirError } from '../../core/errors.ts'
import { DLQ_CODE_HEADER, DLQ_HEADER_PREFIX, REPLAYS_HEADER } from '../dead-letter.ts'
import type { Message, OutgoingMessage } from '../stage.ts'
import { DEAD_LETTER_SUFFIX } from '../topics.ts'
import type { KafkaClient } from './client.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { sizeOf } from './outgoing.ts'
import { readPartition } from './partition-reader.ts'
import { createTransactionalSender, type TransactionalSender } from './transactional-sender.ts'

/** A dead letter, as people look at it. */
export interface DeadLetter {
  /** Where it is: the dead-letter topic, with partition and offset. */
  readonly topic: string
  readonly partition: number
  readonly offset: string
  /** Where the message was that could not be used. */
  readonly original: { readonly topic: string; readonly partition: string; readonly offset: string }
  readonly code: string
  readonly message: string
  readonly stage: string
  readonly service: string
  readonly version: string
  readonly attempts: string
  readonly failed_at: string
  /** Length of the value; null where there is none. */
  readonly value_bytes: number | null
  readonly replayed: boolean
}

/** Which dead letters. */
export interface DeadLetterFilter {
  /** Dead-letter topics to look through. */
  readonly topics: readonly string[]
  /** Only those with this code. */
  readonly code?: string | undefined
  readonly limit: number
}

/** Header of the message on a dead-letter topic that says that an earlier one was replayed: the earlier one's offset. */
const REPLAYED_HEADER = 'weir.replayed_offset'
/** Content type of letters about input that could not become an event: they hold the input itself. */
const JSON_CONTENT = 'application/json'
/** A replay goes in portions that a transaction holds easily. */
const PORTION_MAX_MESSAGES = 100

async function withAdmin<T>({ kafka }: KafkaClient, action: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await action(admin)
  } finally {
    await admin.disconnect()
  }
}

/** The partitions of topics with the range of offsets they hold now; topics that do not exist are left out. */
export async function rangesOf(client: KafkaClient, topics: readonly string[]) {
  return await withAdmin(client, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const found = topics.filter((topic) => existing.has(topic))
    const ranges = await Promise.all(
      found.map(async (topic) => {
        const offsets = await admin.fetchTopicOffsets(topic)
        return offsets.map(({ partition, low, high }) => ({ topic, partition, from: low, end: high }))
      })
    )
    return ranges.flat().filter(({ from, end }) => from !== end)
  })
}

function toLetter({ topic, partition, offset, headers, value }: Message, replayed: boolean): DeadLetter {
  const header = (name: string) => headers[`${DLQ_HEADER_PREFIX}${name}`] ?? '?'
  return {
    topic,
    partition,
    offset,
    original: { topic: header('topic'), partition: header('partition'), offset: header('offset') },
    code: header('code'),
    message: header('message'),
    stage: header('stage'),
    service: header('service'),
    version: header('version'),
    attempts: header('attempts'),
    failed_at: header('failed_at'),
    value_bytes: value === null ? null : value.length,
    replayed
  }
}

/**
 * @returns the newest dead letters of the filter, the oldest of them first
 */
export async function listDeadLetters(
  client: KafkaClient,
  { topics, code, limit }: DeadLetterFilter
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = []
  for (const range of await rangesOf(client, topics)) {
    let found = new Map<string, DeadLetter>()
    for await (const messages of readPartition(client, range)) {
      for (const message of messages) {
        const replayedOffset = message.headers[REPLAYED_HEADER]
        const replayed = replayedOffset === undefined ? undefined : found.get(replayedOffset)
        if (replayed !== undefined) found.set(replayed.offset, { ...replayed, replayed: true })
        else if (replayedOffset === undefined && (code === undefined || message.headers[DLQ_CODE_HEADER] === code)) {
          found.set(message.offset, toLetter(message, false))
        }
      }
      // What is older than the newest so many will not be shown.
      if (found.size > 2 * limit) found = new Map([...found].slice(-limit))
    }
    letters.push(...[...found.values()].slice(-limit))
  }
  return letters.sort((a, b) => (a.failed_at < b.failed_at ? -1 : 1)).slice(-limit)
}

/**
 * @returns one dead letter whole: with its key, value and the headers it came with
 * @throws KAFKA_NO_DEAD_LETTER when there is none at this place
 */
export async function showDeadLetter(
  client: KafkaClient,
  place: { readonly topic: string; readonly partition: number; readonly offset: string }
): Promise<
  DeadLetter & { readonly headers: Message['headers']; readonly key: Buffer | null; readonly value: Buffer | null }
> {
  const { topic, partition, offset } = place
  const range = (await rangesOf(client, [topic])).find((one) => one.partition === partition)
  let letter: Message | undefined
  let replayed = false
  if (range !== undefined && /^\d+$/.test(offset) && BigInt(offset) >= BigInt(range.from)) {
    for await (const messages of readPartition(client, { ...range, from: offset })) {
      letter ??= messages.find((message) => message.offset === offset && !(REPLAYED_HEADER in message.headers))
      replayed ||= messages.some((message) => message.headers[REPLAYED_HEADER] === offset)
    }
  }
  if (letter === undefined) {
    const text = `there is no dead letter at ${topic}, partition ${partition}, offset ${offset}`
    throw new WeirError(KAFKA_ERRORS, 'KAFKA_NO_DEAD_LETTER', text)
  }
  const { headers, key, value } = letter
  return { ...toLetter(letter, replayed), headers, key, value }
}

/** What came of a replay. */
export interface Replay {
  readonly replayed: number
  /** Letters of the filter that an earlier replay had taken. */
  readonly already_replayed: number
  /** Letters of the filter that have nothing to be replayed. */
  readonly without_value: number
  /** Letters of the filter that never were messages: JSON as a source sent it, to be sent to the collector again. */
  readonly not_messages: number
}

/** The message as it was before it died, for the partition that it was in, and the note that it has been replayed. */
function resurrect(letter: Message, original: string, partitions: number): OutgoingMessage[] {
  const own = Object.entries(letter.headers).filter(([name]) => !name.startsWith(DLQ_HEADER_PREFIX))
  const replays = Number(letter.headers[REPLAYS_HEADER] ?? 0) + 1
  const headers = { ...Object.fromEntries(own), [REPLAYS_HEADER]: String(replays) }
  const partition = Number(letter.headers[`${DLQ_HEADER_PREFIX}partition`] ?? Number.NaN)
  const known = Number.isInteger(partition) && partition >= 0 && partition < partitions
  return [
    { topic: original, key: letter.key, value: letter.value, headers, ...(known && { partition }) },
    {
      topic: letter.topic,
      partition: letter.partition,
      key: letter.key,
      value: null,
      headers: { [REPLAYED_HEADER]: letter.offset }
    }
  ]
}

async function replayedOffsets(client: KafkaClient, range: Parameters<typeof readPartition>[1]): Promise<Set<string>> {
  const offsets = new Set<string>()
  for await (const messages of readPartition(client, range)) {
    for (const { headers } of messages) {
      const offset = headers[REPLAYED_HEADER]
      if (offset !== undefined) offsets.add(offset)
    }
  }
  return offsets
}

/** Collects messages and commits them in portions. */
function createPortions(sender: TransactionalSender, batch_max_bytes: number) {
  let portion: OutgoingMessage[] = []
  let bytes = 0
  const flush = async () => {
    if (portion.length > 0) await sender.commit(portion, null)
    portion = []
    bytes = 0
  }
  return {
    flush,
    async add(messages: readonly OutgoingMessage[]): Promise<void> {
      portion.push(...messages)
      bytes += messages.reduce((sum, message) => sum + sizeOf(message), 0)
      if (portion.length >= PORTION_MAX_MESSAGES || bytes >= batch_max_bytes) await flush()
    }
  }
}

/**
 * Produces dead letters again to the topic they come from, the oldest first: key, bytes and headers as they were, and a header
 * `weir.replays` that counts. A letter is replayed once: that it was is noted on the dead-letter topic in the same
 * transaction, and of several replays of a topic at the same time only the last to begin goes on.
 * @throws KAFKA_FENCED when another replay has begun; what was replayed until then is, and is noted
 */
export async function replayDeadLetters(
  client: KafkaClient,
  { topics, code, limit }: DeadLetterFilter
): Promise<Replay> {
  const counts = { replayed: 0, already_replayed: 0, without_value: 0, not_messages: 0 }
  for (const topic of topics) {
    if (counts.replayed >= limit) break
    if (!topic.endsWith(DEAD_LETTER_SUFFIX)) {
      const text = `${topic} is not a dead-letter topic: their names end in ${DEAD_LETTER_SUFFIX}`
      throw new WeirError(KAFKA_ERRORS, 'KAFKA_NO_DEAD_LETTER', text)
    }
    await replayTopic(client, topic, code, limit, counts)
  }
  return counts
}

async function replayTopic(
  client: KafkaClient,
  topic: string,
  code: string | undefined,
  limit: number,
  counts: { -readonly [Count in keyof Replay]: Replay[Count] }
): Promise<void> {
  // Not the topic that the letter's headers name: whoever may write dead letters may not thereby write anywhere.
  const original = topic.slice(0, -DEAD_LETTER_SUFFIX.length)
  const sender = createTransactionalSender(client, `${client.options.group_prefix}.replay.${topic}`)
  try {
    await sender.fence()
    const ranges = await rangesOf(client, [topic])
    const partitions = (await partitionsOf(client, original)).length
    const portions = createPortions(sender, client.options.batch_max_bytes)
    for (const range of ranges) {
      const done = await replayedOffsets(client, range)
      for await (const messages of readPartition(client, range)) {
        for (const letter of messages) {
          if (REPLAYED_HEADER in letter.headers || (code !== undefined && letter.headers[DLQ_CODE_HEADER] !== code))
            continue
          if (done.has(letter.offset)) counts.already_replayed++
          else if (letter.headers[DLQ_CODE_HEADER] === 'KAFKA_MESSAGE_TOO_LARGE') counts.without_value++
          else if (letter.headers['content-type'] === JSON_CONTENT) counts.not_messages++
          else if (counts.replayed < limit) {
            await portions.add(resurrect(letter, original, partitions))
            counts.replayed++
          }
        }
        if (counts.replayed >= limit) break
      }
    }
    await portions.flush()
  } finally {
    await sender.close()
  }
}

/** @throws KAFKA_TOPIC_MISSING */
async function partitionsOf(client: KafkaClient, topic: string): Promise<readonly unknown[]> {
  return await withAdmin(client, async (admin) => {
    if (!(await admin.listTopics()).includes(topic)) {
      const text = `topic ${topic} does not exist, so nothing can be replayed to it: run \`weir setup\``
      throw new WeirError(KAFKA_ERRORS, 'KAFKA_TOPIC_MISSING', text)
    }
    return await admin.fetchTopicOffsets(topic)
  })
}
