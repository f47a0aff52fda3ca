import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { InventoryRecord, Workload } from '../../../schemas/generated/types.ts'
import { factChanges } from './fact-changes.ts'
import { factKey, type PodFacts } from './pod-facts.ts'

const cluster = { id: 'c1', name: 'prod' }
const record = (fields: Partial<InventoryRecord>): InventoryRecord => ({
  cluster,
  kind: 'Pod',
  uid: 'p1',
  name: 'web-7d9-x',
  namespace: 'shop',
  observed: 1,
  deleted: false,
  created: null,
  labels: {},
  owners: [],
  addresses: [],
  pod: {
    node: 'n1',
    service_account: 'web',
    host_network: false,
    host_pid: false,
    host_ipc: false,
    containers: [{ id: 'cc'.repeat(32), name: 'web', image_name: 'nginx', image_id: null, privileged: false }]
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
