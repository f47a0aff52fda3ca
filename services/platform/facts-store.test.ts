import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { InventoryRecord, Workload } from '../../schemas/generated/types.ts'
import { podRecord } from '../../test/support/search-samples.ts'
import { emptyRecord } from '../core/enrich/empty-record.ts'
import { factKey } from '../core/enrich/pod-facts.ts'
import { createMemoryFactsStore } from './facts-store.ts'

const cluster = { id: 'c1', name: 'prod' }
const CONTAINER = 'ab'.repeat(32)
const workload = (kind: string, name: string): Workload => ({ kind, name, namespace: 'ci', uid: `uid of ${name}` })
const [cronJob, job, rollout] = [workload('CronJob', 'tidy'), workload('Job', 'tidy-1'), workload('Rollout', 'web')]
const replicaSet = workload('ReplicaSet', 'web-7d9')

const object = ({ kind, name, uid }: Workload, owners: readonly Workload[]): InventoryRecord => ({
  ...emptyRecord(cluster, kind, uid ?? '', name, 5),
  namespace: 'ci',
  owners
})
const pod = (owner: Workload, fields: Partial<InventoryRecord> = {}): InventoryRecord => ({
  ...podRecord,
  cluster,
  uid: 'p1',
  name: 'tidy-1-x',
  namespace: 'ci',
  observed: 5,
  owners: [owner],
  labels: {},
  addresses: [],
  attributes: {},
  ...fields
})
const container: InventoryRecord = {
  ...pod(job),
  kind: 'Container',
  uid: CONTAINER,
  name: 'main',
  owners: [{ kind: 'Pod', name: 'tidy-1-x', namespace: 'ci', uid: 'p1' }],
  addresses: ['10.244.0.9'],
  pod: {
    node: 'n1',
    service_account: null,
    host_network: false,
    host_pid: false,
    host_ipc: false,
    containers: [{ id: CONTAINER, name: 'main', image_name: 'busybox', image_id: 'sha256:1', privileged: null }],
    statuses: []
  }
}

async function known(...batches: ReadonlyArray<readonly InventoryRecord[]>) {
  const store = createMemoryFactsStore()
  for (const batch of batches) await store.apply(batch)
  return store.fetch([factKey.podUid('c1', 'p1'), factKey.podName('c1', 'ci', 'tidy-1-x')])
}

describe('what is known of a pod', () => {
  it('does not depend on the order in which it, its container and its owners were told of', async () => {
    const objects = [pod(job), object(job, [cronJob]), object(cronJob, []), container]
    const whole = await known(objects)
    expect(whole.get(factKey.podUid('c1', 'p1'))).toMatchObject({ workload: cronJob, pod: { ip: '10.244.0.9' } })
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(objects, { minLength: objects.length }), fc.nat(4), async (order, cut) => {
        expect(await known(order.slice(0, cut), order.slice(cut))).toEqual(whole)
      })
    )
  })

  it.each([
    ['a Job that is known to have no owner', [pod(job), object(job, [])], job, false],
    ['a Job of which nothing is known', [pod(job)], job, true],
    ['a ReplicaSet of a kind that others defined', [pod(replicaSet), object(replicaSet, [rollout])], rollout, true],
    ['an owner that is only known to be gone', [pod(job), { ...object(job, []), deleted: true }], job, true]
  ])('ends at %s', async (_, records, top, waits) => {
    const facts = (await known(records)).get(factKey.podUid('c1', 'p1'))
    expect(facts?.workload).toEqual(top)
    expect(facts?.waits_for !== undefined).toBe(waits)
  })

  it('takes owners that own each other in a ring as they come, and ends', async () => {
    const facts = await known([pod(job)], [object(job, [cronJob]), object(cronJob, [job])])
    expect(facts.get(factKey.podUid('c1', 'p1'))?.workload.kind).toMatch(/Job$/)
  })
})
