import { createRequire } from 'node:module'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { withoutAborted } from './kafkajs-mends.ts'

type Record =
  | { readonly producer: string; readonly kind: 'message'; readonly aborted: boolean }
  | { readonly producer: string; readonly kind: 'commit' | 'abort' }

/**
 * A partition as brokers give it: transactions of several producers, one at a time each, in any interleaving.
 * `abortedTransactions` is in the order of their ends, as brokers have it.
 */
const partitions = fc
  .array(
    fc.record({
      producer: fc.constantFrom('1', '2', '3'),
      messages: fc.integer({ min: 1, max: 3 }),
      aborted: fc.boolean()
    }),
    { maxLength: 8 }
  )
  .chain((transactions) => {
    const lanes = ['1', '2', '3'].map((producer) =>
      transactions
        .filter((one) => one.producer === producer)
        .flatMap(({ messages, aborted }): Record[] => [
          ...Array.from({ length: messages }, () => ({ producer, kind: 'message' as const, aborted })),
          { producer, kind: aborted ? 'abort' : 'commit' }
        ])
    )
    const total = lanes.reduce((sum, lane) => sum + lane.length, 0)
    return fc.array(fc.nat(2), { minLength: total, maxLength: total }).map((order) => {
      const left = lanes.map((lane) => [...lane])
      return order.flatMap((wish) => {
        const lane = [0, 1, 2].map((step) => left[(wish + step) % 3]).find((one) => one !== undefined && one.length > 0)
        const next = lane?.shift()
        return next === undefined ? [] : [next]
      })
    })
  })

function fetched(records: readonly Record[], from: number) {
  const begun = new Map<string, number>()
  const abortedTransactions: { producerId: string; firstOffset: string }[] = []
  const messages = records.map((record, offset) => {
    const control = record.kind !== 'message'
    if (!control && !begun.has(record.producer)) begun.set(record.producer, offset)
    if (control) {
      // Brokers name the aborted transactions that reach into what was fetched.
      const firstOffset = begun.get(record.producer) ?? offset
      if (record.kind === 'abort' && offset >= from) {
        abortedTransactions.push({ producerId: record.producer, firstOffset: String(firstOffset) })
      }
      begun.delete(record.producer)
    }
    return {
      offset: String(offset),
      key: control ? Buffer.from([0, 0, 0, record.kind === 'commit' ? 1 : 0]) : null,
      isControlRecord: control,
      batchContext: { producerId: record.producer, inTransaction: true },
      record
    }
  })
  return { messages: messages.slice(from), abortedTransactions }
}

describe('what is left of a partition without its aborted transactions', () => {
  it('is every committed message and no other, however transactions overlap and wherever reading begins', () => {
    fc.assert(
      fc.property(partitions, fc.nat(20), (records, start) => {
        const all = fetched(records, Math.min(start, records.length))
        const left = withoutAborted(all).filter(({ isControlRecord }) => !isControlRecord)
        const expected = all.messages.filter(({ record }) => record.kind === 'message' && !record.aborted)
        expect(left.map(({ offset }) => offset)).toEqual(expected.map(({ offset }) => offset))
      }),
      { numRuns: 500 }
    )
  })

  it('is everything where no transaction was aborted, also a message whose key looks like a marker', () => {
    const messages = [
      {
        offset: '0',
        key: Buffer.from([0, 0, 0, 0]),
        isControlRecord: false,
        batchContext: { producerId: '-1', inTransaction: false }
      }
    ]
    expect(withoutAborted({ messages, abortedTransactions: null })).toEqual(messages)
    expect(withoutAborted({ messages, abortedTransactions: [{ producerId: '7', firstOffset: '0' }] })).toEqual(messages)
  })
})

interface Queue {
  push(request: {
    readonly entry: { readonly correlationId: number; resolve(): void }
    readonly expectResponse: boolean
    sendRequest(): void
  }): void
  fulfillRequest(response: { readonly correlationId: number; readonly payload: null; readonly size: number }): void
  maybeThrottle(time_ms: number): void
}

describe('the queue of a connection', () => {
  const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as new (
    options: object
  ) => Queue
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function queueWith(sent: number[], maxInFlightRequests: number | null): (correlationId: number) => Queue {
    const logger = { debug: () => undefined, warn: () => undefined }
    const queue = new RequestQueue({
      maxInFlightRequests,
      requestTimeout: 30_000,
      enforceRequestTimeout: false,
      clientId: 'test',
      broker: 'broker',
      logger
    })
    return (correlationId) => {
      const entry = { correlationId, resolve: () => undefined }
      queue.push({ entry, expectResponse: true, sendRequest: () => sent.push(correlationId) })
      return queue
    }
  }

  it('leaves no timer behind when every request has been answered', () => {
    const sent: number[] = []
    const queue = queueWith(sent, null)(1)
    queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 })
    expect(sent).toEqual([1])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sends what had to wait: for an answer to another request, or for the time that the broker asked for', () => {
    const sent: number[] = []
    const push = queueWith(sent, 1)
    const queue = push(1)
    push(2)
    expect(sent).toEqual([1])
    queue.fulfillRequest({ correlationId: 1, payload: null, size: 0 })
    expect(sent).toEqual([1, 2])
    queue.fulfillRequest({ correlationId: 2, payload: null, size: 0 })
    queue.maybeThrottle(500)
    push(3)
    vi.advanceTimersByTime(400)
    expect(sent).toEqual([1, 2])
    vi.advanceTimersByTime(200)
    expect(sent).toEqual([1, 2, 3])
    queue.fulfillRequest({ correlationId: 3, payload: null, size: 0 })
    vi.advanceTimersByTime(100)
    expect(vi.getTimerCount()).toBe(0)
  })
})
