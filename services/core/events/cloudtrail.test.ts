import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { networksOf } from './cloud-source.ts'
import { cloudEventFrom, clusterOfArn } from './cloudtrail.ts'
import { decodeRecords, detectFormat, type SourceDefaults } from './format.ts'
import { eventId, eventTime } from './sourced-event.ts'

const DEFAULTS: SourceDefaults = {
  cluster: { id: 'cluster-1', name: 'test' },
  instance: 'collector-0',
  received: 1_795_521_600_000_000
}
const ISSUER = 'oidc.eks.eu-central-1.amazonaws.com/id/5C0FFEE5C0FFEE5C0FFEE5C0FFEE0001'

/** One record a line: a role taken by web identity, what its session does, a pod identity, a node's session, a service. */
const RECORDS: readonly Record<string, unknown>[] = readFileSync(
  join(import.meta.dirname, '../../../test/fixtures/events/cloudtrail.ndjson'),
  'utf8'
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Record<string, unknown>)
const [WEB_IDENTITY = {}, SESSION_CALL = {}, POD_IDENTITY = {}, NODE_CALL = {}, SERVICE_EVENT = {}] = RECORDS
const only = (json: unknown, defaults = DEFAULTS) => {
  const { events, rejected } = decodeRecords(json, defaults)
  expect(rejected).toEqual([])
  const [event] = events
  if (event?.cloud == null) throw new Error('there is no event')
  return { ...event, cloud: event.cloud }
}

describe('a record', () => {
  it('has the time, the identity and the source that the cloud gave it, however often it comes', () => {
    const event = only(WEB_IDENTITY)
    expect(eventTime(event)).toBe(Date.UTC(2026, 10, 17, 6, 50, 12) * 1000)
    expect(eventId(event)).toBe('111122223333/eu-central-1/6e3c6c1e-0000-4000-8000-000000000001')
    expect(event.source).toEqual({ type: 'cloud', provider: 'cloudtrail', instance: 'collector-0' })
    expect(only(structuredClone(WEB_IDENTITY))).toEqual(event)
  })

  it('names the service account that a web identity stands for, the issuer, and the key that it was given', () => {
    const { cloud } = only(WEB_IDENTITY)
    expect(cloud.workload).toMatchObject({ service_account: 'data/notebook', namespace: 'data', issuer: ISSUER })
    expect(cloud.issued_key_id).toBe('ASIAEXAMPLESESSION01')
    expect(cloud.responseElements).not.toContain('sessionToken')
    expect(JSON.parse(cloud.responseElements ?? '')).toMatchObject({
      credentials: { accessKeyId: 'ASIAEXAMPLESESSION01' },
      provider: expect.any(String)
    })
  })

  it('of a session names its key and its name, and of its workload only who issued the token', () => {
    const { cloud } = only(SESSION_CALL)
    expect(cloud.userIdentity.accessKeyId).toBe('ASIAEXAMPLESESSION01')
    expect(cloud.session_name).toBe('botocore-session-1795500000')
    expect(cloud.workload).toMatchObject({ service_account: null, pod_uid: null, issuer: ISSUER })
  })

  it('of EKS Pod Identity names pod, account and cluster, when the service itself made it', () => {
    const { cloud } = only(POD_IDENTITY)
    expect(cloud.workload).toEqual({
      service_account: 'shop/cart',
      namespace: 'shop',
      pod_name: 'cart-6d8f-x2x7k',
      pod_uid: '0f3c1c1e-1111-4000-8000-00000000cafe',
      cluster_arn: 'arn:aws:eks:eu-central-1:111122223333:cluster/production',
      issuer: null
    })
    expect(clusterOfArn(cloud.workload?.cluster_arn ?? null)).toEqual({
      id: 'eks/111122223333/production',
      name: 'production'
    })
    const forged = only({ ...POD_IDENTITY, userIdentity: SESSION_CALL.userIdentity })
    expect(forged.cloud.workload?.pod_uid ?? null).toBeNull()
  })

  it('of a token that was refused names no account, since nobody has checked it', () => {
    const { cloud } = only({ ...WEB_IDENTITY, errorCode: 'InvalidIdentityToken', responseElements: null })
    expect(cloud.workload?.service_account ?? null).toBeNull()
  })

  it('of a node has the instance for the name of its session', () => {
    expect(only(NODE_CALL).cloud).toMatchObject({ session_name: 'i-0abcdef0123456789', workload: null })
    expect(only(SERVICE_EVENT).cloud).toMatchObject({ source_kind: 'service', session_name: null })
  })

  it('without a service or an operation is refused with the reason', () => {
    expect(() => cloudEventFrom({ eventName: 'X', eventTime: '2026-11-17T06:50:12Z' })).toThrow(
      /nothing for eventSource/
    )
    expect(() => cloudEventFrom('x')).toThrow(/a record of CloudTrail is an object/)
    expect(() => cloudEventFrom({ eventName: 'X', eventSource: 'y' })).toThrow(/no time/)
  })

  it('that is too large keeps all but what is too large, and says so', () => {
    const { cloud } = only({ ...SESSION_CALL, requestParameters: { blob: 'x'.repeat(1_600_000) } })
    expect(cloud.requestParameters).toBeNull()
    expect(cloud.notes).toEqual({ 'weir.io/cut': 'requestParameters' })
  })
})

describe('where a request came from', () => {
  const trail = {
    clusterOf: () => DEFAULTS.cluster,
    networksOf: () => networksOf(['198.51.100.0/24', '2001:db8:5::1'])
  }
  it.each([
    ['203.0.113.77', 'private', 'private'],
    ['175.102.182.6', 'public', 'outside'],
    ['198.51.100.7', 'private', 'cluster'],
    ['10.1.2.3', 'private', 'private'],
    ['2001:db8:5::1', 'private', 'cluster'],
    ['eks.amazonaws.com', 'service', 'service'],
    ['AWS Internal', 'service', 'service'],
    ['somewhere', 'other', 'other']
  ])('%s is %s, and %s to who knows the addresses of the cluster', (sourceIPAddress, unknown, known) => {
    const record = { ...SESSION_CALL, sourceIPAddress }
    expect(only(record).cloud.source_kind).toBe(unknown)
    expect(only(record, { ...DEFAULTS, trail }).cloud.source_kind).toBe(known)
  })

  it('is told only for what can be an address', () => {
    expect(() => networksOf(['here'])).toThrow()
  })
})

describe('records are the same', () => {
  const message = JSON.stringify(WEB_IDENTITY)
  it.each([
    ['in a file', { Records: [WEB_IDENTITY] }],
    [
      'out of a subscription of CloudWatch Logs',
      {
        messageType: 'DATA_MESSAGE',
        owner: '111122223333',
        logGroup: 'aws-cloudtrail-logs',
        logStream: '111122223333_CloudTrail_eu-central-1',
        subscriptionFilters: ['weir'],
        logEvents: [{ id: '3'.repeat(56), timestamp: 1_795_500_000_000, message }]
      }
    ],
    ['as a log event by itself', { id: '3'.repeat(56), timestamp: 1_795_500_000_000, message }],
    [
      'out of EventBridge',
      { version: '0', 'detail-type': 'AWS API Call via CloudTrail', source: 'aws.sts', detail: WEB_IDENTITY }
    ],
    ['out of a shipper that keeps the text', { '@timestamp': '2026-11-17T07:00:00Z', message }]
  ])('%s', (_, json) => {
    expect(detectFormat(json)).toBe('cloudtrail')
    expect(only(json)).toEqual(only(WEB_IDENTITY))
  })

  it('and a bad one in a file costs only itself', () => {
    const { events, rejected } = decodeRecords(
      { Records: [WEB_IDENTITY, 7, { eventName: 'X' }, SESSION_CALL] },
      DEFAULTS
    )
    expect(events).toHaveLength(2)
    expect(rejected.map(({ code, message: text }) => `${code} ${text.slice(0, 9)}`)).toEqual([
      'EVENT_NOT_AN_OBJECT record 1:',
      'EVENT_INCOMPLETE record 2:'
    ])
  })
})

it('notifications of S3 and other logs are not taken for a trail', () => {
  const notification = {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    eventName: 'ObjectCreated:Put',
    eventTime: '2026-11-17T06:50:12Z'
  }
  expect(detectFormat({ Records: [{ ...notification, userIdentity: { principalId: 'x' } }] })).toBeNull()
  expect(detectFormat({ Records: [], others: 1 })).toBeNull()
  expect(detectFormat({ Records: [] })).toBe('cloudtrail')
  expect(detectFormat({ messageType: 'DATA_MESSAGE', logGroup: '/aws/eks/a/cluster', logEvents: [] })).toBe('eks')
})

it('whatever stands in a record, decoding gives an event or an error of this area', () => {
  const record = fc.constantFrom(...RECORDS)
  const key = fc.constantFrom(...RECORDS.flatMap((known) => Object.keys(known)))
  fc.assert(
    fc.property(record, key, fc.jsonValue(), (known, changed, value) => {
      const { events, rejected } = decodeRecords({ ...known, [changed]: value }, DEFAULTS)
      expect(events.length + rejected.length).toBe(1)
    })
  )
})
