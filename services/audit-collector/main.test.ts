import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { eventFixture } from '../../test/support/event-fixtures.ts'
import { createRecordingOutput, OUTPUT_ERRORS, type RecordingOutput } from '../../test/support/recording-output.ts'
import { WeirError } from '../core/errors.ts'
import { createHealth } from '../platform/health.ts'
import type { Output } from '../platform/ingest/service.ts'
import { silentLogger } from '../platform/log.ts'
import { startAuditCollector } from './main.ts'
import { auditCollectorOptions } from './options.ts'

const closing: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const newFolder = () => mkdtempSync(join(tmpdir(), 'weir-collector-'))
const cluster = { id: 'uid-1', name: 'prod' }

async function start(
  input: z.input<typeof auditCollectorOptions> = {},
  output: RecordingOutput = createRecordingOutput(),
  connect: () => Promise<Output> = async () => output
) {
  const options = auditCollectorOptions.parse({
    name: 'collector-1',
    linger_ms: 10,
    ...input,
    webhook: { port: 0, ...input.webhook },
    spool: { directory: join(newFolder(), 'spool'), ...input.spool },
    follow: { poll_interval_ms: 50, ...input.follow }
  })
  const health = createHealth()
  const collector = await startAuditCollector({
    options,
    cluster,
    message_max_bytes: 8_000_000,
    connect,
    health,
    log: silentLogger,
    now_ms: () => 1_700_000_000_000
  })
  collector.failed?.catch(() => undefined)
  let stopped = false
  const stop = async () => {
    if (!stopped) await collector.stop()
    stopped = true
  }
  closing.push(stop)
  return {
    output,
    health,
    failed: collector.failed,
    stop,
    directory: options.spool.directory,
    post: (body: string | Buffer<ArrayBuffer>, path = '/audit') =>
      fetch(`http://127.0.0.1:${collector.address?.port}${path}`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' }
      }),
    ids: async () => (await output.auditBatches()).flatMap(({ events }) => events.map(({ auditID }) => auditID))
  }
}

const event = (id: string, more: Record<string, unknown> = {}) => ({
  auditID: id,
  stage: 'ResponseComplete',
  requestURI: '/api/v1/pods',
  verb: 'list',
  user: { username: 'alice' },
  stageTimestamp: '2026-01-31T10:00:00.000000Z',
  ...more
})
const list = (...items: unknown[]) => JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items })
const line = (id: string) => `${JSON.stringify({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', ...event(id) })}\n`

/** A Kafka that is away until `back` is called. */
function awayAtFirst(output: RecordingOutput) {
  let away = true
  return {
    back: () => {
      away = false
    },
    connect: async () => {
      if (away) throw new WeirError(OUTPUT_ERRORS, 'OUTPUT_AWAY', 'no broker answers')
      return output
    }
  }
}

describe('the audit collector', () => {
  it('brings what the webhook takes to the topic, with the header of the batch', async () => {
    const started = await start()
    await started.post(list(event('a'), event('b')))
    await started.output.until(() => started.output.messages.length > 0)
    const [batch] = await started.output.auditBatches()
    expect(batch).toMatchObject({
      cluster,
      provider: 'kubernetes',
      collector: 'collector-1',
      received: 1_700_000_000_000_000
    })
    expect(batch?.events).toMatchObject([
      {
        auditID: 'a',
        stage: 'ResponseComplete',
        verb: 'list',
        user: { username: 'alice' },
        stageTimestamp: 1_769_853_600_000_000
      },
      { auditID: 'b' }
    ])
  })

  it('a bad event in a list becomes a dead letter, as it was written', async () => {
    const started = await start()
    const bad = '{"foo" : 1e3 ,"bar":"é"}'
    await started.post(list(event('a'), 'BAD', event('b')).replace('"BAD"', bad))
    await started.output.until(() => started.output.messages.length >= 2)
    expect(await started.ids()).toEqual(['a', 'b'])
    expect(started.output.deadLetters()).toMatchObject([
      { topic: 'weir.audit.v1.dlq', code: 'INGEST_NOT_EVENT', value: bad }
    ])
  })

  it("brings a trail's records from the webhook and from files to their own topic", async () => {
    const records = eventFixture('cloudtrail.ndjson')
    const file = join(newFolder(), 'trail.json')
    writeFileSync(
      file,
      `${records
        .slice(1)
        .map((record) => JSON.stringify(record))
        .join('\n')}\n${line('a')}`
    )
    const started = await start({ files: [{ path: file }] })
    await started.output.until(() => started.output.messages.some(({ topic }) => topic === 'weir.audit.v1'))
    const response = await started.post(JSON.stringify({ Records: [records[0], { eventName: 'X' }] }), '/cloudtrail')
    expect(response.status).toBe(200)
    const refused = await started.post(line('b'), '/cloudtrail')
    expect(await refused.json()).toMatchObject({ code: 'WEBHOOK_WRONG_ENVELOPE' })
    await started.output.until(() => started.output.deadLetters().length > 0)
    const batches = await started.output.cloudBatches()
    expect(batches.flatMap(({ events }) => events.map(({ eventID }) => eventID)).toSorted()).toEqual(
      records.map(({ eventID }) => eventID)
    )
    expect(batches[0]).toMatchObject({ cluster, provider: 'cloudtrail', collector: 'collector-1' })
    expect(await started.ids()).toEqual(['a'])
    expect(started.output.deadLetters().map(({ code }) => code)).toEqual(['EVENT_FORMAT_UNKNOWN'])
  })

  it('an event with a body of bytes that are not UTF-8 arrives all the same', async () => {
    const started = await start()
    const text = list(event('a', { requestObject: { data: '\u00ff' } }))
    const response = await started.post(Buffer.from(text, 'latin1'))
    expect(response.status).toBe(200)
    await started.output.until(() => started.output.messages.length > 0)
    expect((await started.output.auditBatches())[0]?.events[0]?.requestObject).toBe('{"data":"\ufffd"}')
  })

  it('follows files, over rotation and over its own restart', async () => {
    const folder = newFolder()
    const path = join(folder, 'audit.log')
    writeFileSync(path, line('a'))
    const input = { webhook: { enabled: false }, files: [{ path }], spool: { directory: join(folder, 'spool') } }
    const first = await start(input)
    await first.output.until(() => first.output.messages.length > 0)
    renameSync(path, join(folder, 'audit.log.1'))
    writeFileSync(path, line('b'))
    await first.output.until(() => first.output.messages.length > 1)
    await first.stop()
    appendFileSync(path, line('c'))
    const second = await start(input)
    await second.output.until(() => second.output.messages.length > 0)
    expect([await first.ids(), await second.ids()]).toEqual([['a', 'b'], ['c']])
  })

  it('reads lines of cloud records, and refuses runtime events', async () => {
    const path = join(newFolder(), 'mixed.log')
    const record = {
      messageType: 'DATA_MESSAGE',
      owner: '123412341234',
      logGroup: '/aws/eks/Prod-EKS/cluster',
      logStream: 'kube-apiserver-audit-1',
      logEvents: [{ id: '3'.repeat(56), timestamp: 1_700_000_000_000, message: line('eks') }]
    }
    const tetragon = {
      process_exec: { process: { exec_id: 'x', pid: 1, binary: '/bin/sh' } },
      node_name: 'n',
      time: '2026-01-31T10:00:00Z'
    }
    writeFileSync(path, `${JSON.stringify(record)}\n${JSON.stringify(tetragon)}\n${line('own')}`)
    const started = await start({
      files: [{ path }],
      clusters: [{ record_name: 'prod-eks', id: 'uid-eks', name: 'eks' }]
    })
    await started.output.until(() => started.output.messages.length >= 3)
    expect((await started.output.auditBatches()).map(({ cluster: { id }, provider }) => [id, provider])).toEqual([
      ['uid-eks', 'eks'],
      ['uid-1', 'kubernetes']
    ])
    expect(started.output.deadLetters()).toMatchObject([{ code: 'INGEST_WRONG_SOURCE' }])
  })
})

describe('Kafka being away', () => {
  it('at the start: events are taken from the first moment on, and arrive when it is there', async () => {
    const output = createRecordingOutput()
    const kafka = awayAtFirst(output)
    const started = await start({}, output, kafka.connect)
    expect((await started.post(list(event('a')))).status).toBe(200)
    expect((await started.health.readiness()).filter(({ error }) => error !== null)).toEqual([
      { name: 'audit-collector kafka', error: expect.stringContaining('no broker answers') }
    ])
    kafka.back()
    await output.until(() => output.messages.length > 0)
    expect(await started.ids()).toEqual(['a'])
    expect((await started.health.readiness()).every(({ error }) => error === null)).toBe(true)
  })

  it('at the start, in the words of a client library', async () => {
    const output = createRecordingOutput()
    let tries = 0
    const started = await start({}, output, async () => {
      tries += 1
      if (tries < 3) throw new Error('connect ECONNREFUSED')
      return output
    })
    await started.post(list(event('a')))
    await output.until(() => output.messages.length > 0)
    expect([tries, await started.ids()]).toEqual([3, ['a']])
  })

  it('for good, as when setup has never run, ends the service with the reason', async () => {
    const output = createRecordingOutput()
    const started = await start({}, output, async () => {
      throw new WeirError(OUTPUT_ERRORS, 'OUTPUT_BROKEN', 'run setup')
    })
    await expect(started.failed).rejects.toMatchObject({ code: 'OUTPUT_BROKEN' })
  })

  it('later: events are taken, the service stays ready, and everything arrives once it is back', async () => {
    const started = await start()
    await started.post(list(event('a')))
    await started.output.until(() => started.output.messages.length > 0)
    started.output.state = 'away'
    for (const id of ['b', 'c', 'd']) expect((await started.post(list(event(id)))).status).toBe(200)
    const { attempts } = started.output
    await started.output.until(() => started.output.attempts > attempts + 1)
    expect((await started.health.readiness()).every(({ error }) => error === null)).toBe(true)
    started.output.state = 'works'
    await started.output.until(() => started.output.messages.length >= 2)
    await started.stop()
    expect(await started.ids()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('over a restart: what was taken arrives after it', async () => {
    const directory = join(newFolder(), 'spool')
    const first = await start({ spool: { directory } })
    await first.post(list(event('a')))
    await first.output.until(() => first.output.messages.length > 0)
    await first.stop()
    const output = createRecordingOutput()
    const kafka = awayAtFirst(output)
    const second = await start({ spool: { directory } }, output, kafka.connect)
    await second.post(list(event('b')))
    // It has reached Kafka before, so its settings are right: senders are not turned away.
    expect((await second.health.readiness()).every(({ error }) => error === null)).toBe(true)
    await second.stop()
    const third = await start({ spool: { directory } })
    await third.output.until(() => third.output.messages.length > 0)
    expect(await third.ids()).toEqual(['b'])
  })

  it('for longer than the spool has room: 429, and no event is lost', async () => {
    const started = await start({
      webhook: { body_max_bytes: 20_000 },
      spool: { max_bytes: 60_000, segment_bytes: 10_000 }
    })
    started.output.state = 'away'
    const accepted: string[] = []
    const body = (id: string) => list(event(id, { requestObject: { data: 'x'.repeat(5000) } }))
    for (let n = 0; ; n += 1) {
      const { status } = await started.post(body(`id-${n}`))
      if (status === 429) break
      accepted.push(`id-${n}`)
    }
    started.output.state = 'works'
    let status = 429
    while (status === 429) {
      status = (await started.post(body('after'))).status
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await started.stop()
    expect(await started.ids()).toEqual([...accepted, 'after'])
    expect(accepted.length).toBeGreaterThan(5)
  })
})

describe('readiness', () => {
  it('fails when the spool cannot be written', async () => {
    const started = await start()
    mkdirSync(join(started.directory, 'probe'))
    expect((await started.health.readiness()).find(({ name }) => name === 'audit-collector spool')?.error).toContain(
      'cannot write'
    )
  })
})

describe('kill -9', () => {
  /** A collector in a process of its own whose Kafka is a file: `ID\n` for each event that was acknowledged. */
  const source = (directory: string, kafka: string, file: string) => `
    import { appendFileSync } from 'node:fs'
    import { createHealth } from ${JSON.stringify(new URL('../platform/health.ts', import.meta.url).href)}
    import { silentLogger } from ${JSON.stringify(new URL('../platform/log.ts', import.meta.url).href)}
    import { createRecordingOutput } from ${JSON.stringify(new URL('../../test/support/recording-output.ts', import.meta.url).href)}
    import { startAuditCollector } from ${JSON.stringify(new URL('./main.ts', import.meta.url).href)}
    import { auditCollectorOptions } from ${JSON.stringify(new URL('./options.ts', import.meta.url).href)}
    const { codec } = createRecordingOutput()
    const collector = await startAuditCollector({
      options: auditCollectorOptions.parse({
        linger_ms: 5, webhook: { port: 0 }, files: [{ path: ${JSON.stringify(file)} }], follow: { poll_interval_ms: 20 },
        spool: { directory: ${JSON.stringify(directory)}, segment_bytes: 20000 }
      }),
      cluster: { id: 'uid-1', name: 'prod' }, message_max_bytes: 8e6, health: createHealth(), log: silentLogger, now_ms: Date.now,
      connect: async () => ({ codec, probe: async () => {}, publisher: { close: async () => {}, publish: async (messages) => {
        for (const { value } of messages) {
          const { events } = await codec.decode('audit-batch', value)
          appendFileSync(${JSON.stringify(kafka)}, events.map(({ auditID }) => auditID + '\\n').join(''))
        }
        await new Promise((resolve) => setTimeout(resolve, 5))
      } } })
    })
    console.log(collector.address.port)
    process.on('SIGTERM', () => collector.stop().then(() => process.exit(0)))`

  async function run(directory: string, kafka: string, file: string) {
    const child = spawn(
      process.execPath,
      ['--input-type=module-typescript', '--eval', source(directory, kafka, file)],
      { stdio: ['ignore', 'pipe', 'inherit'] }
    )
    const [port] = await once(createInterface({ input: child.stdout }), 'line')
    return { child, port: Number(port), ended: once(child, 'exit') }
  }

  it('loses no event that was acknowledged and no line of a file', async () => {
    const folder = newFolder()
    const [directory, kafka, file] = ['spool', 'kafka', 'audit.log'].map((name) => join(folder, name)) as [
      string,
      string,
      string
    ]
    writeFileSync(file, '')
    const acknowledged: string[] = []
    let lines = 0
    for (let round = 0; round < 3; round += 1) {
      const { child, port, ended } = await run(directory, kafka, file)
      const post = async (id: string) => {
        const response = await fetch(`http://127.0.0.1:${port}/audit`, {
          method: 'POST',
          body: list(event(id)),
          headers: { 'content-type': 'application/json' }
        })
        if (response.status === 200) acknowledged.push(id)
      }
      for (let n = 0; n < 60; n += 1) {
        appendFileSync(file, line(`line-${lines}`))
        lines += 1
        await post(`${round}-${n}`)
      }
      // With requests under way.
      const last = Array.from({ length: 20 }, (_, n) => post(`${round}-last-${n}`).catch(() => undefined))
      if (round % 2 === 0) await Promise.race(last)
      child.kill('SIGKILL')
      await Promise.all([...last, ended])
    }
    const { child, ended } = await run(directory, kafka, file)
    const expected = [...acknowledged, ...Array.from({ length: lines }, (_, n) => `line-${n}`)]
    const found = () => new Set(existsSync(kafka) ? readFileSync(kafka, 'utf8').trimEnd().split('\n') : [])
    while (expected.some((id) => !found().has(id))) await new Promise((resolve) => setTimeout(resolve, 20))
    child.kill('SIGTERM')
    const [code] = await ended
    expect(code).toBe(0)
    expect(acknowledged.length).toBeGreaterThanOrEqual(180)
  }, 90_000)
})
