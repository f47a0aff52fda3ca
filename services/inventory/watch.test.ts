import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { InventoryRecord } from '../../schemas/generated/types.ts'
import { type FakeKubeApi, type KubeObject, startFakeKubeApi } from '../../test/support/fake-kube-api.ts'
import { createRecordingOutput, type RecordingOutput } from '../../test/support/recording-output.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { emptyRecord } from '../core/enrich/empty-record.ts'
import { createHealth } from '../platform/health.ts'
import { createKubeClient } from '../platform/kube-watch/client.ts'
import { silentLogger } from '../platform/log.ts'
import { type InventoryWatch, watchCluster } from './watch.ts'

const cluster = { id: 'uid-1', name: 'prod' }
const codec = createCodec(localSchemas())
const pod = (name: string, more: object = {}): KubeObject => ({
  metadata: { uid: `uid-${name}`, name, namespace: 'shop', managedFields: [{ manager: 'kubectl' }], ...more },
  spec: { nodeName: 'node1', containers: [{ name: 'web', image: 'nginx:1' }] },
  status: {
    phase: 'Running',
    podIP: '10.244.0.7',
    containerStatuses: [
      {
        name: 'web',
        containerID: `containerd://${name}`,
        imageID: 'docker.io/library/nginx@sha256:aa',
        state: { running: { startedAt: '2026-11-24T10:00:00Z' } },
        restartCount: 0
      }
    ]
  }
})

let api: FakeKubeApi
let watch: InventoryWatch
let output: RecordingOutput
let health = createHealth()
beforeEach(async () => {
  api = await startFakeKubeApi()
})
afterEach(async () => {
  await watch.stop()
  await api.close()
})

function start(): void {
  output = createRecordingOutput()
  health = createHealth()
  watch = watchCluster({
    client: createKubeClient(api.access),
    resources: [{ path: '/api/v1/pods', kind: 'Pod', metadata_only: false }],
    cluster,
    codec,
    publisher: output.publisher,
    health,
    log: silentLogger,
    now_ms: Date.now,
    page_size: 2,
    retry_first_ms: 5,
    retry_longest_ms: 20
  })
  watch.failed.catch(() => undefined)
}

async function published(): Promise<InventoryRecord[]> {
  return Promise.all(output.messages.map(({ value }) => codec.decode('inventory-record', value)))
}
const told = async () =>
  (await published()).filter(({ kind }) => kind === 'Pod').map(({ name, deleted }) => (deleted ? `-${name}` : name))

/** Waits until the pods told so far are these. */
async function until(...wanted: string[]): Promise<void> {
  await output.until(() => output.messages.length >= wanted.length)
  await expect.poll(told, { timeout: 10_000, interval: 5 }).toEqual(wanted)
}

describe('a watch', () => {
  it('tells of what there is, over all pages, and then of each change', async () => {
    for (const name of ['a', 'b', 'c']) api.put(pod(name))
    start()
    await until('a', 'b', 'c')
    api.put(pod('d'))
    api.remove('uid-a')
    await until('a', 'b', 'c', 'd', '-a')
    expect(api.requests).toEqual(['list', 'list …continue', 'watch 103'])
    const [first] = await published()
    expect(first).toMatchObject({
      cluster,
      kind: 'Pod',
      uid: 'uid-a',
      addresses: ['10.244.0.7'],
      attributes: { phase: 'Running' },
      pod: {
        containers: [{ id: 'a', name: 'web', image_name: 'nginx:1' }],
        statuses: [{ name: 'web', state: 'running', restarts: 0 }]
      }
    })
    // The last word on a pod says what it was, so that its containers can be marked as gone.
    expect((await published()).at(-1)?.pod?.containers).toMatchObject([{ id: 'a' }])
  })

  it('tells nothing of changes to what is not kept', async () => {
    api.put(pod('a'))
    start()
    await until('a')
    api.put(pod('a', { annotations: { note: 'x' }, managedFields: [] }))
    api.put(pod('b'))
    await until('a', 'b')
  })

  it('tells of images once', async () => {
    api.put(pod('a'))
    api.put(pod('b'))
    start()
    await until('a', 'b')
    expect((await published()).filter(({ kind }) => kind === 'Image')).toMatchObject([
      {
        uid: 'docker.io/library/nginx@sha256:aa',
        name: 'nginx:1',
        attributes: { repository: 'nginx', tag: '1', digest: 'sha256:aa' }
      }
    ])
  })

  it('goes on where it was when the connection is cut', async () => {
    api.put(pod('a'))
    start()
    await until('a')
    await expect.poll(() => api.requests.at(-1)).toBe('watch 101')
    api.bookmark()
    api.put(pod('b'))
    await until('a', 'b')
    api.cut()
    api.put(pod('c'))
    await until('a', 'b', 'c')
    expect(api.requests).toEqual(['list', 'watch 101', 'watch 103'])
  })

  it.each(['answer', 'event'] as const)(
    'lists anew when its place is forgotten, told by %s, and tells what vanished meanwhile',
    async (how) => {
      for (const name of ['a', 'b']) api.put(pod(name))
      start()
      await until('a', 'b')
      await expect.poll(() => api.requests.at(-1)).toBe('watch 102')
      api.refuse(503)
      api.remove('uid-a')
      api.put(pod('c'))
      api.compact(how)
      api.refuse(null)
      await until('a', 'b', 'c', '-a')
      expect(api.requests.filter((request) => request === 'list')).toHaveLength(2)
    }
  )

  it.each([403, 500, 404])('asks again for as long as the API answers %i, and says so', async (status) => {
    api.put(pod('a'))
    api.refuse(status)
    start()
    const problem = async () => (await health.readiness())[0]?.error ?? null
    if (status !== 404) await expect.poll(problem).toContain('refused by the test')
    api.refuse(null)
    await until('a')
    await expect.poll(problem).toBeNull()
  })

  it('waits while Kafka is away, and loses nothing', async () => {
    api.put(pod('a'))
    start()
    output.state = 'away'
    await output.until(() => output.attempts > 1)
    api.put(pod('b'))
    api.remove('uid-b')
    output.state = 'works'
    await until('a', 'b', '-b')
  })
})

describe('what the topic says of an object', () => {
  const old = (name: string, observed: number): InventoryRecord => ({
    ...emptyRecord(cluster, 'Pod', `uid-${name}`, name, observed),
    namespace: 'shop'
  })

  it('gets a tombstone when the API no longer has it, whether it was read before or after the list', async () => {
    api.put(pod('a'))
    start()
    watch.seen(old('a', 1))
    watch.seen(old('before', 1))
    await until('a', '-before')
    watch.seen(old('after', 1))
    watch.seen(old('a', 1))
    await until('a', '-before', '-after')
  })

  it('stays when it was seen after the list, or is of another cluster', async () => {
    api.put(pod('a'))
    start()
    await until('a')
    watch.seen(old('newer', Date.now() * 1000 + 1_000_000))
    watch.seen({ ...old('b', 1), cluster: { id: 'other', name: 'other' } })
    watch.seen({ ...old('c', 1), kind: 'Secret' })
    api.put(pod('d'))
    await until('a', 'd')
  })
})
