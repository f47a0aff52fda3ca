import { appendFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { startFakeCri } from '../../test/support/fake-cri.ts'
import { createRecordingOutput } from '../../test/support/recording-output.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { createHealth } from '../platform/health.ts'
import { linesIn, spoolRefusals } from '../platform/ingest/metrics.ts'
import { silentLogger } from '../platform/log.ts'
import { startNodeAgent } from './main.ts'
import { nodeAgentOptions } from './options.ts'

const closing: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const newFolder = () => mkdtempSync(join(tmpdir(), 'weir-agent-'))
const cluster = { id: 'uid-1', name: 'prod' }

async function start(
  input: z.input<typeof nodeAgentOptions>,
  stdin = new PassThrough(),
  output = createRecordingOutput(),
  now_ms = () => 1_700_000_000_000
) {
  const options = nodeAgentOptions.parse({
    linger_ms: 10,
    attribution: { sockets: [] },
    ...input,
    spool: { directory: join(newFolder(), 'spool'), ...input.spool },
    follow: { poll_interval_ms: 50, ...input.follow }
  })
  const agent = await startNodeAgent({
    options,
    cluster,
    message_max_bytes: 8_000_000,
    connect: async () => output,
    stdin,
    health: createHealth(),
    log: silentLogger,
    now_ms
  })
  agent.failed?.catch(() => undefined)
  let stopped = false
  const stop = async () => {
    if (!stopped) await agent.stop()
    stopped = true
  }
  closing.push(stop)
  return { agent, output, stop }
}

const exec = (node: string, number: number) =>
  `${JSON.stringify({
    process_exec: {
      process: {
        exec_id: `${node}-${number}`,
        pid: number,
        binary: '/bin/sh',
        start_time: '2026-01-31T10:00:00Z',
        pod: { namespace: 'default', name: 'web', container: { id: 'containerd://abc', name: 'web' } }
      }
    },
    node_name: node,
    time: `2026-01-31T10:00:00.${String(number).padStart(9, '0')}Z`,
    cluster_name: 'a name of its own'
  })}\n`
const falcoAlert = {
  hostname: 'n-1',
  output: 'Shell in container',
  output_fields: { 'container.id': 'abc' },
  priority: 'Warning',
  rule: 'Terminal shell in container',
  source: 'syscall',
  tags: ['shell'],
  time: '2026-01-31T10:00:00.000000000Z'
}

describe('the node agent', () => {
  it('brings what was recorded of its own sensor to the topic, as that sensor’s, and refuses others there', async () => {
    const path = join(newFolder(), 'runtime.ndjson')
    const recorded = {
      kind: 'RuntimeEvent',
      node: 'n-1',
      id: 'a',
      time: '2026-01-31T10:00:00.000001Z',
      category: 'process',
      action: 'exec',
      process: { entity_id: 'n-1/7', executable: '/bin/sh', args: ['sh', ''] }
    }
    writeFileSync(path, `${JSON.stringify(recorded)}\n${exec('n-1', 1)}`)
    const { output } = await start({ sources: [{ type: 'recorded', path }] })
    await output.until(() => output.messages.length > 1)
    const [batch] = await output.runtimeBatches()
    expect(batch).toMatchObject({ cluster, node: 'n-1', sensor: 'bpf' })
    expect(batch?.events).toMatchObject([{ id: 'a', process: { entity_id: 'n-1/7', args: ['sh', ''] } }])
    expect(output.deadLetters().map(({ code }) => code)).toEqual(['INGEST_WRONG_SOURCE'])
  })

  it('brings what Tetragon writes to the topic, with the node as key', async () => {
    const path = join(newFolder(), 'tetragon.log')
    writeFileSync(path, exec('n-1', 1) + exec('n-1', 2))
    const { output } = await start({ sources: [{ type: 'tetragon', path }] })
    await output.until(() => output.messages.length > 0)
    expect(output.messages[0]?.key).toBe('uid-1/n-1')
    const [batch] = await output.runtimeBatches()
    expect(batch).toMatchObject({
      cluster,
      node: 'n-1',
      sensor: 'tetragon',
      first_sequence: '1',
      received: 1_700_000_000_000_000
    })
    expect(batch?.events).toMatchObject([
      {
        category: 'process',
        action: 'exec',
        process: { pid: 1, executable: '/bin/sh' },
        pod: { name: 'web', namespace: 'default' }
      },
      { process: { pid: 2 } }
    ])
  })

  it('gives each node of a file a batch of its own, unless it is told the node', async () => {
    const path = join(newFolder(), 'tetragon.log')
    writeFileSync(path, exec('n-1', 1) + exec('n-2', 2) + exec('n-1', 3))
    const sources = [{ type: 'tetragon' as const, path }]
    const several = await start({ sources })
    await several.output.until(() => several.output.messages.length > 1)
    expect((await several.output.runtimeBatches()).map(({ node, events }) => [node, events.length])).toEqual([
      ['n-1', 2],
      ['n-2', 1]
    ])
    const one = await start({ sources, node: 'me' })
    await one.output.until(() => one.output.messages.length > 0)
    expect((await one.output.runtimeBatches()).map(({ node, events }) => [node, events.length])).toEqual([['me', 3]])
  })

  it('numbers events without gap over a restart', async () => {
    const folder = newFolder()
    const path = join(folder, 'tetragon.log')
    const input = { sources: [{ type: 'tetragon' as const, path }], spool: { directory: join(folder, 'spool') } }
    writeFileSync(path, exec('n-1', 1) + exec('n-1', 2))
    const first = await start(input)
    await first.output.until(() => first.output.messages.length > 0)
    await first.stop()
    const [before] = await first.output.runtimeBatches()
    appendFileSync(path, exec('n-1', 3))
    const second = await start(input)
    await second.output.until(() => second.output.messages.length > 0)
    expect(
      (await second.output.runtimeBatches()).map(({ numbering, first_sequence, events }) => [
        ...[numbering, first_sequence],
        events.length
      ])
    ).toEqual([[before?.numbering, '3', 1]])
  })

  it('reads standard input, and ends when that ends', async () => {
    const stdin = new PassThrough()
    const { agent, output, stop } = await start({ sources: [{ type: 'falco', stdin: true }] }, stdin)
    stdin.write(`${JSON.stringify(falcoAlert)}\n{"rule": `)
    await output.until(() => output.messages.length > 0)
    stdin.end('"half"')
    await agent.ended
    await stop()
    expect((await output.runtimeBatches()).flatMap(({ events }) => events.map(({ alert }) => alert?.rule))).toEqual([
      'Terminal shell in container'
    ])
    expect(output.deadLetters()).toMatchObject([
      { topic: 'weir.runtime.v1.dlq', code: 'INGEST_NOT_JSON', value: '{"rule": "half"' }
    ])
  })

  it('bad lines become dead letters and cost nothing else', async () => {
    const path = join(newFolder(), 'tetragon.log')
    writeFileSync(path, `${exec('n-1', 1)}no JSON\n{"a":1}\n${JSON.stringify(falcoAlert)}\n${exec('n-1', 2)}`)
    const { output } = await start({ sources: [{ type: 'tetragon', path }] })
    await output.until(() => output.messages.length >= 4)
    expect((await output.runtimeBatches()).flatMap(({ events }) => events.map(({ process }) => process?.pid))).toEqual([
      1, 2
    ])
    expect(output.deadLetters().map(({ code, value }) => [code, value])).toEqual([
      ['INGEST_NOT_JSON', 'no JSON'],
      ['EVENT_FORMAT_UNKNOWN', '{"a":1}'],
      ['INGEST_WRONG_SOURCE', JSON.stringify(falcoAlert)]
    ])
  })

  it('tells of lost lines as an event', async () => {
    const path = join(newFolder(), 'tetragon.log')
    writeFileSync(path, `${exec('n-1', 1)}${'x'.repeat(2000)}\n${exec('n-1', 2)}`)
    const { output } = await start({
      node: 'n-1',
      sources: [{ type: 'tetragon', path }],
      follow: { line_max_bytes: 1000 }
    })
    await output.until(() => output.messages.length > 0)
    const events = (await output.runtimeBatches()).flatMap((batch) => batch.events)
    expect(events.filter(({ category }) => category === 'sensor')).toMatchObject([
      {
        action: 'drop',
        time: 1_700_000_000_000_000,
        attributes: { reason: 'TAIL_LINE_TOO_LONG', from: path, count: '1' }
      }
    ])
  })

  it('an alert of Falco about an API request is an audit event', async () => {
    const path = join(newFolder(), 'falco.log')
    const alert = {
      ...falcoAlert,
      rule: 'Attach/Exec Pod',
      source: 'k8s_audit',
      output_fields: {
        'ka.auditid': 'x',
        'ka.verb': 'create',
        'ka.user.name': 'alice',
        'ka.uri': '/api/v1/namespaces/default/pods/web/exec',
        'ka.target.resource': 'pods',
        'ka.target.name': 'web'
      }
    }
    writeFileSync(path, `${JSON.stringify(alert)}\n`)
    const { output } = await start({ sources: [{ type: 'falco', path }] })
    await output.until(() => output.messages.length > 0)
    expect((await output.auditBatches())[0]?.events).toMatchObject([{ verb: 'create', user: { username: 'alice' } }])
  })
})

describe('containers', () => {
  const ID = 'a1'.repeat(32)
  const alert = (container_id: string) =>
    `${JSON.stringify({ ...falcoAlert, output_fields: { 'container.id': container_id.slice(0, 12) } })}\n`
  const socketIn = (folder: string) => join(folder, 'cri.sock')

  it('of events that have an id alone are looked up, the inventory is told, and others do not wait', async () => {
    const folder = newFolder()
    const cri = await startFakeCri(socketIn(folder), true)
    closing.push(() => cri.stop())
    cri.put({ id: 'b2'.repeat(32), name: 'here', pod: 'one', state: 'CONTAINER_RUNNING' })
    const path = join(folder, 'falco.log')
    writeFileSync(path, '')
    const input = {
      sources: [{ type: 'falco' as const, path }],
      attribution: { sockets: [socketIn(folder)], hold_ms: 30_000 }
    }
    const { output } = await start(input, undefined, undefined, Date.now)
    const inventory = async () =>
      Promise.all(
        output.messages
          .filter(({ topic }) => topic === 'weir.inventory.v1')
          .map(({ value }) => createCodec(localSchemas()).decode('inventory-record', value))
      )
    const names = async () => (await inventory()).map(({ name }) => name)
    await expect.poll(names, { timeout: 20_000 }).toContain('here')
    appendFileSync(path, alert(ID) + alert('b2'.repeat(32)))
    const places = async () =>
      (await output.runtimeBatches()).flatMap(({ events }) =>
        events.map(({ pod, container }) => `${pod?.name}/${container?.name}`)
      )
    await expect.poll(places, { timeout: 20_000 }).toEqual(['one/here'])
    cri.put({ id: ID, name: 'late', pod: 'two', state: 'CONTAINER_RUNNING' })
    await expect.poll(places, { timeout: 20_000 }).toEqual(['one/here', 'two/late'])
    const [first, second] = await output.runtimeBatches()
    expect([first?.first_sequence, second?.first_sequence]).toEqual(['1', '2'])
    await expect.poll(names, { timeout: 20_000 }).toContain('late')
    const record = (await inventory()).find(({ name }) => name === 'late')
    expect(record).toMatchObject({ kind: 'Container', uid: ID, owners: [{ kind: 'Pod', uid: 'uid-two' }] })
  }, 60_000)

  it('that wait when the agent stops are there when it starts again', async () => {
    const folder = newFolder()
    const path = join(folder, 'falco.log')
    const cri = await startFakeCri(socketIn(folder), true)
    closing.push(() => cri.stop())
    const input = {
      sources: [{ type: 'falco' as const, path }],
      spool: { directory: join(folder, 'spool') },
      attribution: { sockets: [socketIn(folder)], hold_ms: 30_000 }
    }
    writeFileSync(path, alert(ID))
    const first = await start(input, undefined, undefined, Date.now)
    await expect.poll(async () => (await linesIn.get()).values.some(({ labels }) => labels.from === path)).toBe(true)
    await first.stop()
    expect(await first.output.runtimeBatches()).toEqual([])
    cri.put({ id: ID, name: 'late', pod: 'two', state: 'CONTAINER_RUNNING' })
    const second = await start(input, undefined, undefined, Date.now)
    const found = async () =>
      (await second.output.runtimeBatches()).flatMap(({ events }) => events.map(({ pod }) => pod?.name))
    await expect.poll(found, { timeout: 20_000 }).toEqual(['two'])
  }, 60_000)
})

describe('the container runtime being started again', () => {
  it('leaves no container without its name, neither one of before nor one that was made meanwhile', async () => {
    const folder = newFolder()
    const socket = join(folder, 'cri.sock')
    const path = join(folder, 'falco.log')
    writeFileSync(path, '')
    const [before, meanwhile] = ['c1'.repeat(32), 'd2'.repeat(32)] as const
    const alertIn = (id: string) => `${JSON.stringify({ ...falcoAlert, output_fields: { 'container.id': id } })}\n`
    const first = await startFakeCri(socket, true)
    first.put({ id: before, name: 'before', pod: 'one', state: 'CONTAINER_RUNNING' })
    const { agent, output } = await start(
      {
        sources: [{ type: 'falco', path }],
        attribution: { sockets: [socket], hold_ms: 60_000, poll_interval_ms: 50 }
      },
      undefined,
      undefined,
      Date.now
    )
    let failure: unknown = null
    agent.failed?.catch((error: unknown) => {
      failure = error
    })
    const names = async () =>
      (await output.runtimeBatches()).flatMap(({ events }) => events.map(({ container }) => container?.name))
    appendFileSync(path, alertIn(before))
    await expect.poll(names, { timeout: 20_000 }).toEqual(['before'])
    await first.stop()
    appendFileSync(path, alertIn(meanwhile) + alertIn(before))
    await expect.poll(names, { timeout: 20_000 }).toEqual(['before', 'before'])
    const again = await startFakeCri(socket, true)
    closing.push(() => again.stop())
    again.put({ id: meanwhile, name: 'meanwhile', pod: 'two', state: 'CONTAINER_RUNNING' })
    await expect.poll(names, { timeout: 30_000 }).toEqual(['before', 'before', 'meanwhile'])
    expect(failure).toBeNull()
  }, 90_000)
})

describe('Kafka being away', () => {
  it('takes no memory for what waits on the disk', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const held = () => {
      collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    const path = join(newFolder(), 'falco.log')
    writeFileSync(path, '')
    const output = createRecordingOutput()
    output.state = 'away'
    const { agent } = await start(
      { sources: [{ type: 'falco', path }], spool: { max_bytes: 256 * 1024 * 1024 } },
      undefined,
      output
    )
    agent.failed?.catch(() => undefined)
    const lines = 2_000
    const line = (rule: number) =>
      `${JSON.stringify({ ...falcoAlert, rule: `rule ${rule}.`, output: 'x'.repeat(8_000) })}\n`
    appendFileSync(path, line(0))
    await output.until(() => output.attempts > 1)
    const before = held()
    const all = Array.from({ length: lines }, (_, index) => line(index + 1)).join('')
    appendFileSync(path, all)
    const read = async () => (await linesIn.get()).values.find(({ labels }) => labels.from === path)?.value ?? 0
    await expect.poll(read, { timeout: 60_000 }).toBe(lines + 1)
    // 16 MB are on the disk, and this test holds as much.
    // Memory of buffers is counted until a later collection has given it back.
    await expect.poll(() => held() - before - all.length, { timeout: 20_000 }).toBeLessThan(6 * 1024 * 1024)
    output.state = 'works'
    await output.until(() => output.messages.some(({ value }) => value?.includes(`rule ${lines}.`) === true))
    const batches = await output.runtimeBatches()
    const rules = batches.flatMap(({ events }) => events.map(({ alert }) => alert?.rule))
    expect(rules).toEqual(Array.from({ length: lines + 1 }, (_, index) => `rule ${index}.`))
  }, 120_000)

  it('stops the reading when the spool is full, and nothing is lost', async () => {
    const path = join(newFolder(), 'tetragon.log')
    writeFileSync(path, '')
    const output = createRecordingOutput()
    output.state = 'away'
    const { agent } = await start(
      {
        sources: [{ type: 'tetragon', path }],
        follow: { line_max_bytes: 10_000 },
        spool: { max_bytes: 700_000, segment_bytes: 100_000 }
      },
      undefined,
      output
    )
    let failure: unknown = null
    agent.failed?.catch((error: unknown) => {
      failure = error
    })
    const count = 6000
    for (let n = 0; n < count; n += 1) appendFileSync(path, exec('n-1', n))
    await output.until(() => output.attempts > 3)
    output.state = 'works'
    const pids = async () =>
      (await output.runtimeBatches()).flatMap(({ events }) => events.map(({ process }) => process?.pid))
    while (failure === null && (await pids()).length < count) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(failure).toBeNull()
    const refusals = (await spoolRefusals.get()).values.find(
      ({ labels }) => labels.service === 'node-agent' && labels.code === 'SPOOL_FULL'
    )
    expect(refusals?.value).toBeGreaterThan(0)
    expect(await pids()).toEqual(Array.from({ length: count }, (_, n) => n))
  }, 90_000)
})

describe('the settings', () => {
  it.each([
    [
      'two standard inputs',
      [
        { type: 'falco', stdin: true },
        { type: 'tetragon', stdin: true }
      ]
    ],
    [
      'a file twice',
      [
        { type: 'falco', path: '/a' },
        { type: 'tetragon', path: '/a' }
      ]
    ],
    ['file and standard input at once', [{ type: 'falco', path: '/a', stdin: true }]],
    ['a sensor that is not known', [{ type: 'bpf', path: '/a' }]]
  ])('refuse %s', (_, sources) => {
    expect(nodeAgentOptions.safeParse({ sources }).success).toBe(false)
  })
})
