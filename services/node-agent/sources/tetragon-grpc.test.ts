import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import { eventFixture } from '../../../test/support/event-fixtures.ts'
import { startFakeTetragon } from '../../../test/support/fake-tetragon.ts'
import { tetragonEventsFrom } from '../../core/events/tetragon.ts'
import { isObject, type JsonObject } from '../../core/json.ts'
import { decodeRecord } from '../../platform/ingest/record.ts'
import { silentLogger } from '../../platform/log.ts'
import { openSpool, type SpoolOptions } from '../../platform/spool/spool.ts'
import { nodeAgentOptions } from '../options.ts'
import { tetragonGrpcSource } from './options.ts'
import { startTetragonGrpc } from './tetragon-grpc.ts'

const closing: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const newFolder = () => mkdtempSync(join(tmpdir(), 'weir-agent-grpc-'))

/** What only the export file has, or only Tetragon Enterprise sends. */
const NOT_SERVED = ['process_connect', 'process_accept', 'process_listen', 'process_close', 'process_dns', 'test']
const EVENTS = eventFixture('tetragon.ndjson').filter((event) => !NOT_SERVED.some((key) => key in event))

async function start(address: string, spoolOptions: Partial<SpoolOptions> = {}) {
  const spool = await openSpool({
    directory: join(newFolder(), 'spool'),
    max_bytes: 200_000_000,
    segment_bytes: 1_000_000,
    fsync: 'interval',
    fsync_interval_ms: 1000,
    report: () => undefined,
    ...spoolOptions
  })
  const source = tetragonGrpcSource.parse({ type: 'tetragon', grpc: { address } })
  const running = await startTetragonGrpc({
    source,
    spool,
    log: silentLogger,
    now_ms: () => 1_700_000_000_000,
    retry_first_ms: 10
  })
  closing.push(
    () => spool.close(),
    () => running.stop()
  )
  const records = async () => {
    const found = []
    for await (const { payload } of spool.read(new AbortController().signal, { follow: false }))
      found.push(decodeRecord(payload))
    return found
  }
  const lines = async (): Promise<JsonObject[]> =>
    (await records())
      .filter(({ header }) => header.form === 'lines')
      .flatMap(({ body }) => body.toString().trimEnd().split('\n'))
      .map((line): unknown => JSON.parse(line))
      .filter(isObject)
  return { running, spool, records, lines }
}

async function fake(address: string) {
  const tetragon = await startFakeTetragon(address)
  closing.push(tetragon.stop)
  return tetragon
}

it('events of the stream are events of the export file, field by field', async () => {
  const address = `unix:${join(newFolder(), 'tetragon.sock')}`
  const tetragon = await fake(address)
  const { lines } = await start(address)
  await expect.poll(tetragon.asked).toBe(1)
  tetragon.send(EVENTS)
  await expect.poll(async () => (await lines()).length).toBe(EVENTS.length)
  const eventsOf = (records: readonly JsonObject[]) =>
    records.flatMap((record) => tetragonEventsFrom(record, 1)[0] ?? [])
  // Text of arguments and, with it, the id differ where the file has what nobody reads, such as stack traces.
  const told = (event: RuntimeEvent) => ({ ...event, id: '', attributes: { ...event.attributes, args: '' } })
  expect(eventsOf(await lines()).map(told)).toEqual(eventsOf(EVENTS).map(told))
})

it('a user of zero and a truth that is false are not lost on the wire', async () => {
  const address = `unix:${join(newFolder(), 'tetragon.sock')}`
  const tetragon = await fake(address)
  const { lines } = await start(address)
  await expect.poll(tetragon.asked).toBe(1)
  const [event = {}] = EVENTS
  tetragon.send([event])
  await expect.poll(async () => (await lines()).length).toBe(1)
  const [{ process_exec } = {}] = await lines()
  expect(process_exec).toMatchObject({
    process: { uid: 0, in_init_tree: false, start_time: '2026-11-20T14:00:00.000000001Z' }
  })
})

it('after a restart of Tetragon its events are asked for again, and the gap is told', async () => {
  const address = `unix:${join(newFolder(), 'tetragon.sock')}`
  const first = await fake(address)
  const { lines, records } = await start(address)
  await expect.poll(first.asked).toBe(1)
  first.send(EVENTS.slice(0, 2))
  await expect.poll(async () => (await lines()).length).toBe(2)
  await first.stop()
  const second = await fake(address)
  await expect.poll(second.asked, { timeout: 10_000 }).toBe(1)
  second.send(EVENTS.slice(2, 3))
  await expect.poll(async () => (await lines()).length).toBe(3)
  const told = (await records()).filter(({ header }) => header.form === 'drop')
  expect(told.map(({ body }) => JSON.parse(body.toString()))).toEqual([
    { reason: 'TETRAGON_DISCONNECTED', count: null }
  ])
})

it('a Tetragon that comes later than the agent is found, over TCP as well', async () => {
  const port = 20_000 + (process.pid % 20_000)
  const { lines } = await start(`127.0.0.1:${port}`)
  const tetragon = await fake(`127.0.0.1:${port}`)
  await expect.poll(tetragon.asked, { timeout: 10_000 }).toBeGreaterThan(0)
  tetragon.send(EVENTS.slice(0, 1))
  await expect.poll(async () => (await lines()).length).toBe(1)
})

it('a full spool holds up the stream and loses nothing', async () => {
  const address = `unix:${join(newFolder(), 'tetragon.sock')}`
  const tetragon = await fake(address)
  const { spool, records } = await start(address, { max_bytes: 700_000, segment_bytes: 300_000 })
  await expect.poll(tetragon.asked).toBe(1)
  const [event = {}] = EVENTS
  const COUNT = 2000
  tetragon.send(Array.from({ length: COUNT }, () => event))
  let seen = 0
  await expect
    .poll(
      async () => {
        for await (const { payload, next } of spool.read(new AbortController().signal, { follow: false })) {
          seen += decodeRecord(payload).body.toString().trimEnd().split('\n').length
          await spool.commit(next)
        }
        return seen
      },
      { timeout: 20_000 }
    )
    .toBe(COUNT)
  expect(await records()).toEqual([])
})

describe('the settings', () => {
  it.each([
    ['unix:///var/run/tetragon/tetragon.sock', true],
    ['localhost:54321', true],
    ['[::1]:54321', true],
    ['10.0.0.1:54321', false],
    ['tetragon.kube-system:54321', false],
    ['dns:///localhost:54321', false]
  ])('take %s: %s', (address, fine) => {
    expect(nodeAgentOptions.safeParse({ sources: [{ type: 'tetragon', grpc: { address } }] }).success).toBe(fine)
  })
})
