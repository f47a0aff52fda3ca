import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { containerRecord } from './attribution.ts'
import { containerFrom, sandboxContainer, sandboxFrom } from './runtime-answers.ts'
import { factsOfContainer } from './runtime-containers.ts'

const ID = 'ab'.repeat(32)
const sandbox = (options: object = {}) => ({
  id: 'cd'.repeat(32),
  metadata: { name: 'web-1', uid: 'p1', namespace: 'shop' },
  created_at: '1700000000123456789',
  network: { ip: '10.244.0.7', additional_ips: [{ ip: 'fd00::7' }] },
  linux: { namespaces: { options: { network: 'POD', pid: 'CONTAINER', ipc: 'POD', ...options } } },
  labels: { app: 'web', 'io.kubernetes.pod.name': 'web-1' }
})
const answer = (info: object | string, status: object = {}) => ({
  status: {
    id: ID,
    metadata: { name: 'web', attempt: 2 },
    state: 'CONTAINER_RUNNING',
    created_at: '1700000000000000000',
    started_at: '1700000001000000000',
    image: { image: 'nginx:1', user_specified_image: '' },
    image_ref: 'docker.io/library/nginx@sha256:1',
    labels: {
      'io.kubernetes.container.name': 'web',
      'io.kubernetes.pod.name': 'web-1',
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.uid': 'p1'
    },
    ...status
  },
  info: { info: typeof info === 'string' ? info : JSON.stringify(info) }
})

describe('what a runtime says of a container', () => {
  it('is its name, image, times, pod and place', () => {
    expect(containerFrom(answer({}), sandboxFrom(sandbox({ network: 'NODE', pid: 'NODE' })))).toEqual({
      id: ID,
      name: 'web',
      image_name: 'nginx:1',
      image_id: 'docker.io/library/nginx@sha256:1',
      privileged: null,
      pod: { uid: 'p1', name: 'web-1', namespace: 'shop' },
      host_network: true,
      host_pid: true,
      host_ipc: false,
      // An address of the host means the host.
      addresses: [],
      labels: { app: 'web' },
      state: 'running',
      created: 1_700_000_000_000_000,
      started: 1_700_000_001_000_000,
      restarts: 2
    })
  })

  it.each([
    ['containerd, privileged', { config: { linux: { security_context: { privileged: true } } } }, true],
    ['containerd, not', { config: { linux: { security_context: {} } } }, false],
    ['CRI-O, privileged', { privileged: true, runtimeSpec: {} }, true],
    ['CRI-O, not', { privileged: false, runtimeSpec: {} }, false],
    ['nothing of it', {}, null],
    ['no JSON', '{', null]
  ])('by %s, tells whether it is privileged: %j → %s', (_, info, wanted) => {
    expect(containerFrom(answer(info), null)?.privileged).toBe(wanted)
  })

  it('that is none of Kubernetes is nothing', () => {
    expect(containerFrom(answer({}, { labels: {} }), null)).toBeNull()
    expect(sandboxFrom({ id: 'x' })).toBeNull()
  })

  it('may be anything, and never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        containerFrom({ status: one, info: { info: JSON.stringify(other) } }, sandboxFrom(other))
        sandboxFrom({ ...sandbox(), linux: one, network: other })
      })
    )
  })
})

it('the record of a container tells the inventory its pod', () => {
  const found = sandboxFrom(sandbox())
  if (found === null) throw new Error('a sandbox is one')
  const place = { cluster: { id: 'c1', name: 'prod' }, node: 'n1', observed: 5, deleted: false }
  const record = containerRecord(sandboxContainer(found), place)
  expect(record).toMatchObject({ kind: 'Container', uid: found.id, name: 'POD', addresses: ['10.244.0.7', 'fd00::7'] })
  expect(factsOfContainer(record)).toMatchObject({
    pod: { uid: 'p1', name: 'web-1', namespace: 'shop', node: 'n1', ip: '10.244.0.7', labels: { app: 'web' } },
    observed: 0
  })
})
