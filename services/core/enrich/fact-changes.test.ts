import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { InventoryRecord, Workload } from '../../../schemas/generated/types.ts'
import { emptyRecord } from './empty-record.ts'
import { factChanges } from './fact-changes.ts'
import { factKey, type PodFacts } from './pod-facts.ts'

const cluster = { id: 'c1', name: 'prod' }
const record = (fields: Partial<InventoryRecord>): InventoryRecord => ({
  ...emptyRecord(cluster, 'Pod', 'p1', 'web-7d9-x', 1),
  namespace: 'shop',
  pod: {
    node: 'n1',
    service_account: 'web',
    host_network: false,
    host_pid: false,
    host_ipc: false,
    containers: [{ id: 'cc'.repeat(32), name: 'web', image_name: 'nginx', image_id: null, privileged: false }],
    statuses: []
  },
  ...fields
})
const replicaSet: Workload = { kind: 'ReplicaSet', name: 'web-7d9', namespace: 'shop', uid: 'rs1' }
const deployment: Workload = { kind: 'Deployment', name: 'web', namespace: 'shop', uid: 'd1' }
const replicaSetRecord = record({ kind: 'ReplicaSet', uid: 'rs1', name: 'web-7d9', owners: [deployment], pod: null })

interface Store {
  pods: Map<string, PodFacts>
  owners: Map<string, Workload>
  expired: Set<string>
}
const emptyStore = (): Store => ({ pods: new Map(), owners: new Map(), expired: new Set() })
function applyTo(store: Store, records: readonly InventoryRecord[]): Store {
  const changes = factChanges(records, store)
  for (const [key, facts] of changes.pods) {
    store.pods.set(key, facts)
    store.expired.delete(key)
  }
  for (const [key, owner] of changes.owners) store.owners.set(key, owner)
  for (const key of changes.expire) store.expired.add(key)
  return store
}

const podKey = factKey.podUid('c1', 'p1')
const nameKey = factKey.podName('c1', 'shop', 'web-7d9-x')

describe('facts of a pod', () => {
  it('are found by UID, by name and by container', () => {
    const { pods } = applyTo(emptyStore(), [record({})])
    expect([...pods.keys()]).toEqual([podKey, nameKey, factKey.container('c1', 'cc'.repeat(32))])
  })

  it.each([
    ['in one batch, owner first', [[replicaSetRecord, record({ owners: [replicaSet] })]]],
    ['in one batch, owner last', [[record({ owners: [replicaSet] }), replicaSetRecord]]],
    ['in batches of their own', [[replicaSetRecord], [record({ owners: [replicaSet] })]]],
    ['in a record that has the whole chain', [[record({ owners: [replicaSet, deployment] })]]]
  ])('name the top owner when it comes %s', (_, batches) => {
    const store = batches.reduce(applyTo, emptyStore())
    expect(store.pods.get(podKey)?.workload).toEqual(deployment)
  })

  it('name the Deployment by the ReplicaSet that it names, when the ReplicaSet itself is not known', () => {
    const { pods } = applyTo(emptyStore(), [record({ owners: [replicaSet], labels: { 'pod-template-hash': '7d9' } })])
    expect(pods.get(podKey)?.workload).toEqual({ ...deployment, uid: null })
  })

  it('of a bare pod and of a static pod are the pod itself', () => {
    const node: Workload = { kind: 'Node', name: 'n1', namespace: null, uid: 'n' }
    for (const owners of [[], [node]]) {
      expect(applyTo(emptyStore(), [record({ owners })]).pods.get(podKey)?.workload).toMatchObject({
        kind: 'Pod',
        name: 'web-7d9-x'
      })
    }
  })

  it('stay for an hour after the pod is gone', () => {
    const { expired } = applyTo(applyTo(emptyStore(), [record({})]), [record({ deleted: true, observed: 2 })])
    expect([...expired].toSorted()).toEqual([podKey, nameKey, factKey.container('c1', 'cc'.repeat(32))].toSorted())
  })

  it('of a successor with the same name outlive the deletion of the one before', () => {
    const store = applyTo(emptyStore(), [
      record({}),
      record({ uid: 'p2', observed: 2 }),
      record({ deleted: true, observed: 3 })
    ])
    expect(store.expired.has(nameKey)).toBe(false)
    expect(store.pods.get(nameKey)?.pod.uid).toBe('p2')
  })

  it('are never replaced by an older observation', () => {
    const store = applyTo(applyTo(emptyStore(), [record({ observed: 5 })]), [
      record({ observed: 4, labels: { old: 'yes' } })
    ])
    expect(store.pods.get(podKey)?.pod.labels).toEqual({})
  })

  it('do not depend on how records are cut into batches', () => {
    const records = fc.array(
      fc
        .record({ uid: fc.constantFrom('p1', 'p2'), deleted: fc.boolean(), observed: fc.nat(9) })
        .map((fields) => record(fields)),
      { maxLength: 8 }
    )
    fc.assert(
      fc.property(records, fc.nat(8), (all, cut) => {
        const whole = applyTo(emptyStore(), all)
        const parts = applyTo(applyTo(emptyStore(), all.slice(0, cut)), all.slice(cut))
        expect(parts).toEqual(whole)
      })
    )
  })
})

describe('containers that the runtime tells of', () => {
  const container = (id: string, fields: Partial<InventoryRecord> = {}): InventoryRecord =>
    record({
      kind: 'Container',
      uid: id.repeat(64),
      name: 'web',
      observed: 3,
      owners: [{ kind: 'Pod', name: 'web-7d9-x', namespace: 'shop', uid: 'p1' }],
      pod: {
        node: 'n1',
        service_account: null,
        host_network: false,
        host_pid: false,
        host_ipc: false,
        containers: [{ id: id.repeat(64), name: 'web', image_name: 'nginx:1', image_id: 'sha256:1', privileged: null }],
        statuses: []
      },
      ...fields
    })
  /** The pod as the API tells it before kubelet has said which containers it has. */
  const scheduled = record({
    observed: 1,
    owners: [deployment],
    pod: {
      node: 'n1',
      service_account: 'web',
      host_network: false,
      host_pid: false,
      host_ipc: false,
      containers: [{ id: '', name: 'web', image_name: 'nginx', image_id: null, privileged: true }],
      statuses: []
    }
  })
  const keyOf = (id: string) => factKey.container('c1', id.repeat(64))

  it.each([
    ['after the API told of the pod', [scheduled, container('a')]],
    ['before it', [container('a'), scheduled]]
  ])('%s are found with all that the API knows', (_, records) => {
    const { pods } = applyTo(emptyStore(), records)
    for (const key of [keyOf('a'), podKey, nameKey]) {
      expect(pods.get(key)).toMatchObject({
        pod: { service_account: 'shop/web' },
        workload: deployment,
        containers: [{ id: 'a'.repeat(64), name: 'web', privileged: true }]
      })
    }
  })

  it('alone say what pod it is, and that it is not all', () => {
    const { pods } = applyTo(emptyStore(), [container('a')])
    expect(pods.get(keyOf('a'))).toMatchObject({
      pod: { uid: 'p1', name: 'web-7d9-x', namespace: 'shop', node: 'n1', service_account: null },
      observed: 0
    })
  })

  it('that were started again are known by both ids, and by no more than some', () => {
    const ids = [...'0123456789abcdef'].flatMap((a) => [`${a}0`, `${a}1`])
    const store = ids.reduce((all, id) => applyTo(all, [container(id.repeat(1))]), applyTo(emptyStore(), [scheduled]))
    const facts = store.pods.get(podKey)
    expect(facts?.containers.length).toBeLessThanOrEqual(16)
    expect(facts?.containers.at(-1)?.id).toBe('f1'.repeat(64))
    expect(store.pods.get(factKey.container('c1', 'f0'.repeat(64)))?.workload).toEqual(deployment)
  })

  it('go with their pod, also those that come late', () => {
    const store = applyTo(emptyStore(), [scheduled, container('a'), record({ deleted: true, observed: 9 })])
    expect(store.expired).toContain(keyOf('a'))
    const late = applyTo(store, [container('b')])
    expect(late.pods.get(keyOf('b'))).toMatchObject({ gone: true })
    expect([podKey, nameKey, keyOf('a'), keyOf('b')].filter((key) => !late.expired.has(key))).toEqual([])
  })

  it('that are gone are resolvable for an hour', () => {
    const { expired } = applyTo(emptyStore(), [scheduled, container('a', { deleted: true })])
    expect([...expired]).toEqual([keyOf('a')])
  })

  it('of a static pod belong to its mirror in the API', () => {
    const mirror = { ...scheduled, uid: 'mirror', attributes: { config_hash: 'p1' } }
    for (const records of [
      [mirror, container('a')],
      [container('a'), mirror]
    ]) {
      const { pods } = applyTo(emptyStore(), records)
      expect(pods.get(keyOf('a'))).toMatchObject({ pod: { uid: 'mirror', service_account: 'shop/web' } })
    }
  })
})

describe('addresses and service accounts', () => {
  const service = record({ kind: 'Service', uid: 's1', name: 'web', addresses: ['10.96.0.9'], pod: null })
  const address = (ip: string) => factKey.address('c1', ip)

  it('name the object they mean', () => {
    const node = record({ kind: 'Node', uid: 'n1', name: 'n1', namespace: null, addresses: ['192.0.2.1'], pod: null })
    const account = record({ kind: 'ServiceAccount', uid: 'sa1', name: 'web', pod: null })
    const slice = record({ kind: 'EndpointSlice', uid: 'e1', name: 'web-x', addresses: ['10.244.0.1'], pod: null })
    const { owners } = applyTo(emptyStore(), [service, node, account, slice, record({ addresses: ['10.244.0.1'] })])
    expect([...owners].map(([key, { kind, uid }]) => [key, kind, uid])).toEqual([
      [address('10.96.0.9'), 'Service', 's1'],
      [address('192.0.2.1'), 'Node', 'n1'],
      [factKey.serviceAccount('c1', 'shop', 'web'), 'ServiceAccount', 'sa1'],
      [address('10.244.0.1'), 'Pod', 'p1']
    ])
  })

  it('of a pod that has ended, or was deleted, may mean another', () => {
    const store = applyTo(emptyStore(), [
      record({ addresses: ['10.244.0.1'] }),
      record({ uid: 'p2', name: 'next', addresses: ['10.244.0.1'], observed: 2 }),
      record({ addresses: ['10.244.0.1'], attributes: { phase: 'Succeeded' }, observed: 3 }),
      record({ addresses: ['10.244.0.1'], deleted: true, observed: 4 })
    ])
    expect(store.owners.get(address('10.244.0.1'))?.uid).toBe('p2')
    expect(store.expired.has(address('10.244.0.1'))).toBe(false)
    const after = applyTo(store, [
      record({ uid: 'p2', name: 'next', addresses: ['10.244.0.1'], deleted: true, observed: 5 })
    ])
    expect(after.expired.has(address('10.244.0.1'))).toBe(true)
  })
})
