import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@opensearch-project/opensearch'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNativeServers } from '../../infra/native/start.ts'
import { silentProgress } from '../../infra/progress.ts'
import type { RunningServers } from '../../infra/running-servers.ts'
import { SERVER_NAMES, type ServerName, weirHome } from '../../infra/settings.ts'

const data = join(weirHome(), 'test', `native-${process.pid}`)
const start = (fresh: boolean, only: readonly ServerName[] = SERVER_NAMES) =>
  startNativeServers({ home: weirHome(), data, ports: 'free', only, fresh, progress: silentProgress })

let servers: RunningServers

beforeAll(async () => {
  servers = await start(true)
})

afterAll(async () => {
  await servers?.stop()
  rmSync(data, { recursive: true, force: true })
})

function kafkaClient(): Kafka {
  return new Kafka({
    clientId: 'native-servers-test',
    brokers: [servers.endpoints.kafka],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 30 }
  })
}

/** Reads the topic's values from its start until `count` committed ones are there. */
async function consume(topic: string, count: number): Promise<string[]> {
  const consumer = kafkaClient().consumer({
    groupId: randomUUID(),
    maxWaitTimeInMs: 250,
    readUncommitted: false
  })
  const values: string[] = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          async eachMessage({ message }) {
            values.push(String(message.value))
            if (values.length === count) resolve()
          }
        })
        .catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return values
}

async function produce(
  topic: string,
  transactionalId: string,
  values: readonly string[],
  commit: boolean
): Promise<void> {
  const producer = kafkaClient().producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: values.map((value) => ({ value })) })
  if (commit) await transaction.commit()
  else await transaction.abort()
  await producer.disconnect()
}

async function registerSchema(subject: string, schema: unknown): Promise<number> {
  const response = await fetch(`${servers.endpoints.registry}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) })
  })
  const body: unknown = await response.json()
  expect(body).toMatchObject({ id: expect.any(Number) })
  return (body as { id: number }).id
}

async function schemaOf(id: number): Promise<unknown> {
  const response = await fetch(`${servers.endpoints.registry}/schemas/ids/${id}`)
  const body: unknown = await response.json()
  return JSON.parse((body as { schema: string }).schema)
}

/** Processes of this machine whose command line names the data folder. */
function processesOnData(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data)
    } catch {
      return false
    }
  })
}

const SCHEMA = { type: 'record', name: 'Probe', fields: [{ name: 'text', type: 'string' }] }

describe('native servers', () => {
  const topic = `probe-${randomUUID()}`
  let schemaId: number

  it('Kafka keeps committed transactions and hides aborted ones', async () => {
    const admin = kafkaClient().admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true })
    await admin.disconnect()
    await produce(topic, 'probe', ['lost'], false)
    await produce(topic, 'probe', ['first', 'second'], true)
    expect(await consume(topic, 2)).toEqual(['first', 'second'])
  })

  it('Kafka does not make topics that nobody created', async () => {
    const producer = kafkaClient().producer({ retry: { retries: 0 } })
    await producer.connect()
    await expect(producer.send({ topic: 'never-created', messages: [{ value: 'x' }] })).rejects.toThrow()
    await producer.disconnect()
  })

  it('the registry gives back the schema it registered', async () => {
    schemaId = await registerSchema('probe-value', SCHEMA)
    expect(await registerSchema('probe-value', SCHEMA)).toBe(schemaId)
    expect(await schemaOf(schemaId)).toEqual(SCHEMA)
  })

  it('Redis gives back what was set', async () => {
    const redis = new Redis(servers.endpoints.redis)
    await redis.set('probe', 'value')
    expect(await redis.get('probe')).toBe('value')
    redis.disconnect()
  })

  it('OpenSearch gives back and finds what was indexed', async () => {
    const client = new Client({ node: servers.endpoints.opensearch })
    await client.index({ index: 'probe', id: '1', body: { text: 'shell in container' }, refresh: true })
    expect((await client.get({ index: 'probe', id: '1' })).body._source).toEqual({ text: 'shell in container' })
    const found = await client.search({ index: 'probe', body: { query: { match: { text: 'container' } } } })
    expect(found.body.hits.hits.map(({ _id }) => _id)).toEqual(['1'])
    await client.close()
  })

  it('Kafka killed in mid-run goes on with everything that was committed', async () => {
    const before = servers.pid('kafka')
    await servers.restart('kafka', { signal: 'SIGKILL' })
    expect(servers.pid('kafka')).not.toBe(before)
    await produce(topic, 'probe', ['third'], true)
    expect(await consume(topic, 3)).toEqual(['first', 'second', 'third'])
  })

  it('the registry killed right after it gave out an id still knows it', async () => {
    const id = await registerSchema('late-value', { ...SCHEMA, name: 'Late' })
    await servers.restart('registry', { signal: 'SIGKILL' })
    expect(await schemaOf(id)).toMatchObject({ name: 'Late' })
  })

  it('a server that is killed from outside is reported, with the end of its log', async () => {
    const pid = servers.pid('redis')
    if (pid === null) throw new Error('redis has no process')
    process.kill(pid, 'SIGKILL')
    expect(await servers.died).toMatchObject({ name: 'redis', reason: expect.stringContaining('redis.log') })
    await servers.resume('redis')
  })

  it('a second start on the same data is refused while the first runs', async () => {
    await expect(start(false)).rejects.toMatchObject({ code: 'SERVER_DATA_IN_USE' })
  })

  it('stopping leaves no process behind', async () => {
    expect(processesOnData().length).toBeGreaterThanOrEqual(2)
    await servers.stop()
    expect(processesOnData()).toEqual([])
  })

  it('the data is there again after the next start', async () => {
    servers = await start(false)
    expect(await consume(topic, 3)).toEqual(['first', 'second', 'third'])
    expect(await schemaOf(schemaId)).toEqual(SCHEMA)
    const client = new Client({ node: servers.endpoints.opensearch })
    expect((await client.get({ index: 'probe', id: '1' })).body._source).toEqual({ text: 'shell in container' })
    await client.close()
  })

  it.each([
    ['kafka', 'logs/meta.properties'],
    ['registry', 'registry.mv.db'],
    ['redis', 'dump.rdb']
  ] as const)('damaged data of %s is named, and the start leaves nothing behind', async (name, file) => {
    await servers.stop()
    const path = join(data, 'data', name, file)
    writeFileSync(path, 'not what was here')
    // OpenSearch, which takes longest, is left out; the two others are there to be stopped again.
    await expect(start(false, ['kafka', 'registry', 'redis'])).rejects.toMatchObject({
      code: 'SERVER_START_FAILED',
      message: expect.stringMatching(new RegExp(`(its data|data folder)[^]*${join(data, 'data', name)}[^]*--fresh`))
    })
    expect(processesOnData()).toEqual([])
    rmSync(join(data, 'data', name), { recursive: true, force: true })
  })

  it('names every server it starts', () => {
    expect(Object.keys(servers.endpoints).sort()).toEqual([...SERVER_NAMES].sort())
  })
})
