import { describe, expect, it } from 'vitest'
import { eventFixture } from '../../test/support/event-fixtures.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import type { Message } from '../platform/stage.ts'
import { auditCollectorOptions } from './options.ts'
import { trailClusters } from './trail-clusters.ts'
import { createTrailIntakeStage } from './trail-intake.ts'

const codec = createCodec(localSchemas())
const cluster = { id: 'uid-1', name: 'prod' }
const [webIdentity, sessionCall, podIdentity, nodeCall] = eventFixture('cloudtrail.ndjson')
const message = (value: unknown, offset = 0): Message => ({
  topic: 'company.cloudtrail',
  partition: 0,
  offset: String(offset),
  key: null,
  value: value === null ? null : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  headers: {},
  timestamp_ms: 1_795_521_600_000
})
const context = { signal: new AbortController().signal, heartbeat: async () => {} }

async function intake(values: readonly unknown[], trail: unknown = {}) {
  const { clusters, topics } = auditCollectorOptions.parse({
    trail: { topics: ['company.cloudtrail'], ...(trail as object) }
  }).trail
  const stage = createTrailIntakeStage(
    topics,
    { cluster, instance: 'collector-1', trail: trailClusters(clusters, cluster) },
    { codec, service: 'audit-collector', instance: 'collector-1', message_max_bytes: 1_000_000, now: () => 0 }
  )
  expect(stage.inputs).toEqual(['company.cloudtrail'])
  const outputs = await stage.handle(
    { topic: 'company.cloudtrail', partition: 0, messages: values.map(message) },
    context
  )
  const batches = await Promise.all(
    outputs.filter(({ topic }) => topic === 'weir.cloud.v1').map(({ value }) => codec.decode('cloud-batch', value))
  )
  const letters = outputs.filter(({ topic }) => topic !== 'weir.cloud.v1')
  return { batches, letters }
}

describe("a company's own topic of CloudTrail records", () => {
  it('comes out as batches, whatever the records are wrapped in, and tombstones as nothing', async () => {
    const { batches, letters } = await intake([webIdentity, { Records: [sessionCall] }, { detail: podIdentity }, null])
    expect(letters).toEqual([])
    expect(batches).toHaveLength(1)
    expect(batches[0]).toMatchObject({
      cluster,
      provider: 'cloudtrail',
      collector: 'collector-1',
      received: 1_795_521_600_000_000
    })
    expect(batches[0]?.events.map(({ eventName }) => eventName)).toEqual([
      'AssumeRoleWithWebIdentity',
      'GetCallerIdentity',
      'AssumeRole'
    ])
  })

  it('loses nothing because of what cannot be used, which becomes dead letters of the trail', async () => {
    const audit = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      auditID: 'a',
      stage: 'ResponseComplete',
      verb: 'get',
      user: {},
      requestURI: '/',
      stageTimestamp: '2026-11-24T10:00:00Z'
    }
    const { batches, letters } = await intake(['{"eventName":', webIdentity, { Records: [sessionCall, 7] }, audit])
    expect(batches[0]?.events).toHaveLength(2)
    expect(letters.map(({ topic, headers }) => `${topic} ${headers?.['dlq.code']}`).sort()).toEqual([
      'weir.cloud.v1.dlq EVENT_NOT_AN_OBJECT',
      'weir.cloud.v1.dlq INGEST_NOT_JSON',
      'weir.cloud.v1.dlq INGEST_WRONG_SOURCE'
    ])
  })
})

describe('the cluster of an event', () => {
  const clusters = [
    { account: '111122223333', id: 'uid-2', name: 'shop', addresses: ['175.102.182.0/24'] },
    {
      issuer: 'https://oidc.eks.eu-central-1.amazonaws.com/id/5C0FFEE5C0FFEE5C0FFEE5C0FFEE0001',
      id: 'uid-3',
      name: 'data',
      addresses: ['3.64.10.20']
    },
    { arn: 'arn:aws:eks:eu-central-1:111122223333:cluster/production', id: 'uid-4', name: 'production' }
  ]

  it('is that of the issuer or the ARN it names, else the first of its account', async () => {
    const { batches } = await intake([webIdentity, sessionCall, podIdentity, nodeCall], { clusters })
    const found = batches.flatMap(({ cluster: { name }, events }) =>
      events.map((event) => `${name} ${event.eventName} ${event.source_kind}`)
    )
    expect(found).toEqual([
      'data AssumeRoleWithWebIdentity outside',
      'data GetCallerIdentity outside',
      'production AssumeRole service',
      'shop DescribeInstances cluster'
    ])
  })

  it('is one of its own for an account that nobody has named', async () => {
    const { batches } = await intake([{ ...nodeCall, recipientAccountId: '999900001111' }], { clusters })
    expect(batches[0]?.cluster).toEqual({ id: 'aws/999900001111', name: 'AWS account 999900001111' })
    expect(batches[0]?.events[0]?.source_kind).toBe('public')
  })

  it.each([
    [{ clusters: [{ id: 'x', name: 'x' }] }, /needs account, issuer or arn/],
    [{ clusters: [{ account: '1', id: 'x', name: 'x', addresses: ['here'] }] }, /an address, or a network/],
    [{ topics: ['a topic'] }, /name of a topic/]
  ])('is not taken from settings that say nothing: %j', async (trail, reason) => {
    await expect(intake([], trail)).rejects.toThrow(reason)
  })
})
