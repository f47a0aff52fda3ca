import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type FakeCri, startFakeCri } from '../../../test/support/fake-cri.ts'
import type { RuntimeContainer } from '../../core/enrich/attribution.ts'
import { createHealth } from '../../platform/health.ts'
import { silentLogger } from '../../platform/log.ts'
import { type RuntimeWatch, watchRuntime } from './runtime.ts'

const closing: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const A = 'a1'.repeat(32)
const B = 'b2'.repeat(32)
const POLL_MS = 20
const patient = { timeout: 15_000, interval: 10 }

function watch(socket: string, poll_interval_ms = POLL_MS): { runtime: RuntimeWatch; told: string[] } {
  const told: string[] = []
  const say = ({ name, pod, state }: RuntimeContainer, deleted: boolean) => {
    if (name !== 'POD') told.push(`${pod.name}/${name} ${deleted ? 'gone' : state}`)
  }
  const runtime = watchRuntime({
    options: { sockets: ['/nowhere/x.sock', socket], poll_interval_ms },
    health: createHealth(),
    log: silentLogger,
    onChange: say
  })
  closing.push(() => runtime.stop())
  return { runtime, told }
}

async function cri(socket: string, with_events: boolean): Promise<FakeCri> {
  const fake = await startFakeCri(socket, with_events)
  closing.push(() => fake.stop())
  return fake
}

const newSocket = () => join(mkdtempSync(join(tmpdir(), 'weir-cri-')), 'cri.sock')

describe.each([
  ['tells of its containers', true],
  ['has to be asked', false]
])('a runtime that %s', (_, with_events) => {
  it('has each container known with its pod, image and rights, through its life', async () => {
    const socket = newSocket()
    const fake = await cri(socket, with_events)
    fake.put({ id: A, name: 'web', pod: 'one', state: 'CONTAINER_RUNNING', privileged: true })
    const { runtime, told } = watch(socket)
    await expect.poll(() => told, patient).toEqual(['one/web running'])
    expect(runtime.state()).toBe('answers')
    expect(runtime.find(A.slice(0, 12))).toMatchObject({
      id: A,
      name: 'web',
      image_name: 'docker.io/library/busybox:test',
      image_id: 'sha256:193ac9',
      privileged: true,
      pod: { uid: 'uid-one', name: 'one', namespace: 'shop' },
      addresses: ['10.244.0.9'],
      labels: { app: 'one' },
      started: 1_700_000_001_000_000
    })
    fake.put({ id: B, name: 'job', pod: 'host', state: 'CONTAINER_CREATED' })
    await expect.poll(() => told.at(-1), patient).toBe('host/job created')
    fake.put({ id: B, name: 'job', pod: 'host', state: 'CONTAINER_EXITED' })
    await expect.poll(() => told.at(-1), patient).toBe('host/job terminated')
    fake.remove(B)
    await expect.poll(() => told.at(-1), patient).toBe('host/job gone')
    // Its events may still come.
    expect(runtime.find(B)).toMatchObject({ name: 'job', host_pid: true, privileged: false })
  })
})

describe('a container that is not known', () => {
  it('is asked for at once', async () => {
    const socket = newSocket()
    const fake = await cri(socket, false)
    const { runtime } = watch(socket, 60_000)
    await expect.poll(() => runtime.state(), patient).toBe('answers')
    fake.put({ id: A, name: 'short', pod: 'one', state: 'CONTAINER_EXITED' })
    await expect.poll(() => runtime.find(A)?.name, patient).toBe('short')
    expect(fake.calls.filter((call) => call === 'list')).toHaveLength(1)
  })

  it('and that the runtime does not have, is not asked for over and over', async () => {
    const socket = newSocket()
    const fake = await cri(socket, false)
    const { runtime } = watch(socket, 60_000)
    await expect.poll(() => runtime.state(), patient).toBe('answers')
    for (let n = 0; n < 1000; n += 1) expect(runtime.find(B)).toBeNull()
    await expect.poll(() => fake.calls.length, patient).toBe(2)
  })
})

it('a runtime that is started again is found again, and what it has lost is told', async () => {
  const socket = newSocket()
  const fake = await startFakeCri(socket, true)
  fake.put({ id: A, name: 'web', pod: 'one', state: 'CONTAINER_RUNNING' })
  const { runtime, told } = watch(socket)
  await expect.poll(() => told, patient).toEqual(['one/web running'])
  await fake.stop()
  await expect.poll(() => runtime.state(), patient).not.toBe('answers')
  expect(runtime.find(A)?.name).toBe('web')
  const again = await cri(socket, true)
  again.put({ id: B, name: 'web', pod: 'one', state: 'CONTAINER_RUNNING' })
  await expect.poll(() => told, patient).toEqual(['one/web running', 'one/web running', 'one/web gone'])
  expect(runtime.find(B)?.id).toBe(B)
})

it('without a runtime there is none to wait for', async () => {
  const { runtime } = watch('/nowhere/y.sock')
  expect(runtime.state()).toBe('none')
  expect(runtime.find(A)).toBeNull()
})
