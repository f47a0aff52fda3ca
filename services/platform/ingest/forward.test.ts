import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createRecordingOutput } from '../../../test/support/recording-output.ts'
import { createHealth } from '../health.ts'
import { silentLogger } from '../log.ts'
import { openSpool, type Spool } from '../spool/spool.ts'
import { type ForwardOptions, forward } from './forward.ts'

const closing: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(directory = mkdtempSync(join(tmpdir(), 'weir-forward-'))): Promise<Spool> {
  const spool = await openSpool({
    directory,
    max_bytes: 1_000_000,
    segment_bytes: 10_000,
    fsync: 'interval',
    fsync_interval_ms: 1000,
    report: () => undefined
  })
  closing.push(() => spool.close())
  return spool
}

function start(spool: Spool, options: Partial<ForwardOptions> = {}) {
  const output = createRecordingOutput()
  const groups: string[][] = []
  const running = forward({
    service: 'test',
    spool,
    build: (records, note) => {
      groups.push(records.map(({ payload }) => payload.toString()))
      return {
        messages: records.map(({ payload }) => ({ topic: 't', key: null, value: payload })),
        note: String(Number(note ?? 0) + records.length)
      }
    },
    publish: (messages) => output.publisher.publish(messages),
    gather_bytes: 1000,
    linger_ms: 20,
    health: createHealth(),
    log: silentLogger,
    ...options
  })
  running.failed?.catch(() => undefined)
  closing.push(() => running.stop())
  return { output, groups, running, values: () => output.messages.map(({ value }) => String(value)) }
}

const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `record ${from + index}`)
const buffers = (list: readonly string[]) => list.map((text) => Buffer.from(text))

describe('forwarding', () => {
  it('publishes everything in order and gives the space back', async () => {
    const spool = await open()
    const started = start(spool)
    await spool.append(buffers(texts(0, 200)))
    await started.output.until(() => started.output.messages.length === 200)
    expect(started.values()).toEqual(texts(0, 200))
    await started.running.stop()
    expect(spool.stats().records).toBe(0)
  })

  it('gathers what comes within the time, up to the size', async () => {
    const spool = await open()
    await spool.append(buffers(texts(0, 300)))
    const started = start(spool)
    await started.output.until(() => started.output.messages.length === 300)
    const sizes = started.groups.map((group) => group.join('').length)
    expect(Math.max(...sizes)).toBeLessThan(1000 + 20)
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(1000)
  })

  it('waits until Kafka is back, keeps the order and repeats nothing that was acknowledged', async () => {
    const spool = await open()
    const started = start(spool)
    started.output.state = 'away'
    await spool.append(buffers(texts(0, 10)))
    await started.output.until(() => started.output.attempts >= 3)
    expect(spool.stats().records).toBe(10)
    await spool.append(buffers(texts(10, 20)))
    started.output.state = 'works'
    await started.output.until(() => started.output.messages.length === 20)
    expect(started.values()).toEqual(texts(0, 20))
  })

  it('hands each group the note of the one before, and finds it after a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'weir-forward-'))
    const first = await open(directory)
    const started = start(first)
    await first.append(buffers(texts(0, 5)))
    await started.output.until(() => started.output.messages.length === 5)
    await started.running.stop()
    await first.close()
    const second = await open(directory)
    const again = start(second)
    await second.append(buffers(texts(5, 7)))
    await again.output.until(() => again.output.messages.length === 2)
    await again.running.stop()
    expect(second.checkpoint.note).toBe('7')
  })

  it('fails loudly on what waiting cannot mend, and keeps the records', async () => {
    const spool = await open()
    const started = start(spool)
    started.output.state = 'broken'
    await spool.append(buffers(texts(0, 3)))
    await expect(started.running.failed).rejects.toMatchObject({ code: 'OUTPUT_BROKEN' })
    await started.running.stop()
    expect(spool.stats().records).toBe(3)
  })

  it('publishes what is there before it stops', async () => {
    const spool = await open()
    const started = start(spool, { linger_ms: 1 })
    await spool.append(buffers(texts(0, 500)))
    await started.running.stop()
    expect(started.values()).toEqual(texts(0, 500))
  })

  it('commits what makes no messages too', async () => {
    const spool = await open()
    const started = start(spool, { build: () => ({ messages: [] }) })
    await spool.append(buffers(texts(0, 3)))
    await started.running.stop()
    expect([spool.stats().records, started.output.attempts]).toEqual([0, 0])
  })
})
