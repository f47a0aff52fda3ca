import { describe, expect, it } from 'vitest'
import type { InventoryRecord } from '../../../schemas/generated/types.ts'
import { podRecord } from '../../../test/support/search-samples.ts'
import { containerDocuments } from '../export/ecs-container.ts'
import { containerRecord, type RuntimeContainer } from './attribution.ts'
import { containersIn, containersInDocuments, isListed } from './container-list.ts'
import { emptyRecord } from './empty-record.ts'

const cluster = { id: 'c1', name: 'prod' }
const START = 1_700_000_000_000_000
const pod = (name: string, id: string, more: Partial<InventoryRecord> = {}): InventoryRecord => ({
  ...emptyRecord(cluster, 'Pod', `uid-${name}`, name, 1),
  namespace: 'shop',
  pod: {
    node: 'node1',
    service_account: null,
    host_network: false,
    host_pid: false,
    host_ipc: false,
    containers: [{ id, name: 'web', image_name: 'nginx:1', image_id: id === '' ? null : 'sha256:1', privileged: true }],
    statuses: [{ name: 'web', state: id === '' ? 'waiting' : 'running', reason: null, started: START, restarts: 0 }]
  },
  ...more
})
const told = (name: string, id: string, more: Partial<RuntimeContainer> = {}): InventoryRecord =>
  containerRecord(
    {
      id,
      name: 'web',
      image_name: 'docker.io/library/nginx:1',
      image_id: 'sha256:1',
      privileged: null,
      pod: { uid: `uid-${name}`, name, namespace: 'shop' },
      host_network: false,
      host_pid: false,
      host_ipc: false,
      addresses: [],
      labels: {},
      state: 'running',
      created: START,
      started: START + 1_000_000,
      restarts: 0,
      ...more
    },
    { cluster, node: 'node1', observed: 2, deleted: false }
  )

describe('the containers of an inventory', () => {
  it('are those of its pods, without what is deleted', () => {
    const records = [pod('b', 'id-b'), pod('a', 'id-a'), pod('c', 'id-c', { deleted: true })]
    expect(containersIn(records)).toMatchObject([
      { cluster: 'prod', node: 'node1', namespace: 'shop', pod: 'a', name: 'web', id: 'id-a', image: 'nginx:1' },
      { pod: 'b', privileged: true, state: 'running', started: '2023-11-14T22:13:20Z' }
    ])
  })

  it.each([
    ['that the API knows no id of yet', pod('a', ''), told('a', 'new'), 'new', 'running'],
    ['that was started again', pod('a', 'old'), told('a', 'new'), 'new', 'running'],
    ['that has ended', pod('a', 'old'), told('a', 'old', { state: 'terminated' }), 'old', 'terminated'],
    ['of which an earlier start is still there', pod('a', 'new'), told('a', 'old', { started: 1 }), 'new', 'running']
  ])('one %s is as the node agent says', (_, record, agent, id, state) => {
    for (const records of [
      [record, agent],
      [agent, record]
    ])
      expect(containersIn(records)).toMatchObject([{ pod: 'a', id, state, image: 'nginx:1', privileged: true }])
  })

  it('are none of a pod that is gone, though its node agent could not say so', () => {
    expect(containersIn([told('a', 'x'), pod('a', 'x', { deleted: true })])).toEqual([])
  })

  it('are those of the node agents where nobody watches the API, without sandboxes', () => {
    expect(containersIn([told('a', 'x'), told('a', 'y', { name: 'POD' })])).toMatchObject([
      { node: 'node1', namespace: 'shop', pod: 'a', pod_uid: 'uid-a', id: 'x', image: 'docker.io/library/nginx:1' }
    ])
  })

  it('of a static pod are one, whichever of its UIDs they come by', () => {
    const mirror = pod('a', '', { uid: 'mirror', attributes: { config_hash: 'uid-a' } })
    expect(containersIn([told('a', 'x'), mirror])).toMatchObject([{ pod_uid: 'mirror', id: 'x' }])
  })
})

it('documents of the index give the same as the record they were made of', () => {
  const documents = containerDocuments(podRecord).map(({ document }) => JSON.parse(JSON.stringify(document)))
  expect(containersInDocuments(documents)).toEqual(containersIn([podRecord]))
  expect(containersInDocuments([null, {}, { kubernetes: { pod: { name: 'x' } } }, 'x'])).toEqual([])
})

it.each([
  [{}, ['running', null]],
  [{ all: true }, ['running', 'terminated', null]],
  [{ node: 'node1' }, ['running', null]],
  [{ node: 'node2' }, []],
  [{ namespace: 'shop', all: true }, ['running', 'terminated', null]],
  [{ namespace: 'other' }, []]
])('the filter %j lets through what it says', (filter, states) => {
  const [row] = containersIn([pod('a', 'x')])
  if (row === undefined) throw new Error('a pod makes a row')
  const rows = ['running', 'terminated', null].map((state) => ({ ...row, state }))
  expect(rows.filter((one) => isListed(one, filter)).map(({ state }) => state)).toEqual(states)
})
