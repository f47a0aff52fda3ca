import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import type { RuntimeHeader } from '../core/enrich/gap-event.ts'
import { silentLogger } from '../platform/log.ts'
import { eventsMissing } from '../platform/metrics.ts'
import type { Batch } from '../platform/stage.ts'
import { type MissingEventsWatch, watchMissingEvents } from './missing-events.ts'

const codec = createCodec(localSchemas())
const TOPIC = 'weir.runtime.v1'

interface Sent {
  readonly first: number
  readonly count: number
  readonly numbering?: string | null
}

const headerOf = ({ first, numbering = 'one' }: Sent): RuntimeHeader => ({
  ...{ cluster: { id: 'c1', name: 'prod' }, node: 'n1', boot_id: null, sensor: 'bpf', received: 7 },
  ...{ first_sequence: String(first), numbering }
})

/** Reads `log` from `from` up to `to`, as one batch. @returns the numbers that are told as missing */
function read(watch: MissingEventsWatch, log: readonly Sent[], from: number, to: number): string[] {
  const messages = log.slice(from, to).map((_, index) => ({
    ...{ topic: TOPIC, partition: 0, offset: String(from + index), key: null, value: Buffer.from('x'), headers: {} },
    timestamp_ms: 0
  }))
  const batch: Batch = { topic: TOPIC, partition: 0, messages }
  watch.begin(batch)
  for (const [index, message] of messages.entries()) {
    const sent = log[from + index]
    if (sent !== undefined) watch.see(message, headerOf(sent), sent.count)
  }
  return watch.take(batch).map(({ event }) => {
    const { first_sequence, last_sequence } = event.runtime?.attributes ?? {}
    return `${first_sequence}-${last_sequence}`
  })
}

function watching() {
  let now_ms = 0
  const watch = watchMissingEvents({ codec, log: silentLogger, now_ms: () => now_ms })
  const later = (by_ms: number) => {
    now_ms += by_ms
  }
  return { watch, later }
}

describe('events that are missing', () => {
  const log: Sent[] = [1, 2, 3, 4, 5, 7, 8, 11, 12].map((first) => ({ first, count: 1 }))

  /** Has read the first two messages, long enough after each other that what follows counts. */
  function following() {
    const { watch, later } = watching()
    watch.assigned(TOPIC, 0)
    read(watch, log, 0, 1)
    later(10_000)
    read(watch, log, 1, 2)
    return { watch, later }
  }

  it('are told once they could have come, counted, and are an event of their sensor', async () => {
    const { watch, later } = following()
    const before = (await eventsMissing.get()).values[0]?.value ?? 0
    expect(read(watch, log, 2, 6)).toEqual([])
    later(10_000)
    const batch = { topic: TOPIC, partition: 0, messages: [] }
    const [told, ...more] = watch.take(batch)
    expect(more).toEqual([])
    expect(told?.event).toMatchObject({
      cluster: { id: 'c1' },
      source: { type: 'runtime', provider: 'bpf', instance: 'n1' },
      received: 7,
      runtime: {
        ...{ id: 'gap-n1-bpf-one-6-6', time: 7, category: 'sensor', action: 'gap' },
        attributes: { reason: 'EVENTS_MISSING', count: '1', first_sequence: '6', last_sequence: '6' }
      }
    })
    // Put back, it has no number that could be missing or come twice.
    const alone = await codec.decode('runtime-batch', told?.original().value ?? null)
    expect(alone).toMatchObject({ node: 'n1', first_sequence: '0', events: [{ action: 'gap' }] })
    expect((await eventsMissing.get()).values[0]?.value).toBe(before + 1)
  })

  it('of another numbering, or of none, are not missing', () => {
    const { watch, later } = watching()
    const mixed = [1, 5, 1, 2, 40, 7, 3, 41].map((first, index) => {
      return { first, count: 1, numbering: [null, null, 'old', 'old', 'new', null, 'old', 'new'][index] ?? null }
    })
    for (let at = 0; at < mixed.length; at += 1) {
      expect(read(watch, mixed, at, at + 1)).toEqual([])
      later(10_000)
    }
    expect(read(watch, mixed, mixed.length, mixed.length)).toEqual([])
  })

  it('are known after the partition was taken away, if nobody has read on in it', () => {
    const { watch, later } = following()
    read(watch, log, 2, 5)
    watch.assigned(TOPIC, 0)
    // The last of it was not committed.
    read(watch, log, 4, 6)
    later(10_000)
    expect(read(watch, log, 6, 7)).toEqual(['6-6'])
  })

  it('while others read on are theirs to tell', () => {
    const { watch, later } = following()
    watch.assigned(TOPIC, 0)
    read(watch, log, 6, 8)
    later(10_000)
    expect(read(watch, log, 8, 8)).toEqual([])
  })

  it('that Kafka itself no longer has, while the partition was ours, are told', () => {
    const { watch, later } = following()
    read(watch, log, 7, 9)
    later(10_000)
    expect(read(watch, log, 9, 9)).toEqual(['3-10'])
  })
})

it('readers that take turns, go back to what was committed and are started anew tell of nothing that came', () => {
  const sent = fc.record({
    count: fc.integer({ min: 1, max: 5 }),
    lost: fc.integer({ min: 0, max: 4 }).map((chance) => chance === 0),
    again: fc.constantFrom(0, 0, 0, 1, 3)
  })
  const turn = fc.record({
    reader: fc.nat(2),
    batches: fc.integer({ min: 0, max: 12 }),
    back: fc.nat(6),
    started: fc.boolean()
  })
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 40 }), fc.array(turn, { maxLength: 12 }), (all, turns) => {
      const log: Sent[] = []
      const missing = new Set<number>()
      let next = 1
      for (const { count, lost, again } of all) {
        if (lost) for (let number = next; number < next + count; number += 1) missing.add(number)
        else log.push({ first: next, count }, ...log.slice(log.length - again))
        next += count
      }
      const readers = [watching(), watching(), watching()]
      let at = 0
      for (const { reader, batches, back, started } of turns) {
        if (started) readers[reader] = watching()
        const { watch, later } = readers[reader] ?? watching()
        watch.assigned(TOPIC, 0)
        at = Math.max(0, at - back)
        const told: string[] = []
        for (let done = 0; done < batches && at < log.length; done += 3, at = Math.min(at + 3, log.length)) {
          told.push(...read(watch, log, at, at + 3))
          // Old messages that come once more are one request, which no reader takes so long for.
          later(3_000)
        }
        expect(new Set(told).size).toBe(told.length)
        for (const range of told) {
          const [first = 0, last = 0] = range.split('-').map(Number)
          for (let number = first; number <= last; number += 1) expect(missing).toContain(number)
        }
      }
    })
  )
})
