import { describe, expect, it } from 'vitest'
import { eventRecord } from '../../../test/support/event-fixtures.ts'
import { eksEventsFrom, eksLogEventFrom, isLogEvent } from './eks.ts'
import { parseTimestamp } from './timestamp.ts'

const ARRIVAL = 1_800_000_000_000_000
const RECORD = eventRecord('eks-subscription.json')

describe('eksEventsFrom', () => {
  it('gives the audit events of a subscription record with the cluster of its log group', () => {
    const { events } = eksEventsFrom(RECORD, ARRIVAL)
    expect(events).toHaveLength(2)
    expect(events[0]).toMatchObject({
      provider: 'eks',
      cluster: { id: 'eks/111122223333/prod-eu', name: 'prod-eu' },
      runtime: null,
      audit: {
        auditID: 'b0f0b7d2-2b26-4d8b-8d0e-64d3e1d0a501',
        verb: 'update',
        user: {
          username: 'arn:aws:iam::111122223333:user/mallory',
          uid: 'aws-iam-authenticator:111122223333:AIDAEXAMPLE'
        },
        objectRef: { resource: 'configmaps', namespace: 'kube-system', name: 'aws-auth' },
        stageTimestamp: parseTimestamp('2026-11-20T10:00:00.004210Z')
      }
    })
  })

  it('a message that is no JSON costs only itself', () => {
    const { rejected } = eksEventsFrom(RECORD, ARRIVAL)
    expect(rejected.map(({ code, message }) => [code, message.slice(0, 12)])).toEqual([
      ['EVENT_TEXT_INVALID', 'log event 1:']
    ])
  })

  it('an event without a time takes the log event’s', () => {
    expect(eksEventsFrom(RECORD, ARRIVAL).events[1]?.audit?.stageTimestamp).toBe(1_795_341_602_000_000)
  })

  it('a control message holds no events and is no error', () => {
    expect(eksEventsFrom(eventRecord('eks-control.json'), ARRIVAL)).toEqual({ events: [], rejected: [] })
  })

  it.each([
    ['EVENT_NOT_AUDIT', { ...RECORD, logStream: 'authenticator-0a1b2c' }],
    ['EVENT_NOT_AUDIT', { ...RECORD, logStream: 'kube-apiserver-0a1b2c' }],
    ['EVENT_INCOMPLETE', { ...RECORD, logEvents: 'none' }]
  ])('refuses with %s what is another log or none', (code, record) => {
    expect(() => eksEventsFrom(record, ARRIVAL)).toThrowError(expect.objectContaining({ code }))
  })

  it.each(['/aws/eks/prod', '/aws/eks/a/b/cluster', '/aws/lambda/x', '/aws/eks/../cluster', 7])(
    'log group %j names no cluster',
    (logGroup) => {
      expect(eksEventsFrom({ ...RECORD, logGroup }, ARRIVAL).events[0]?.cluster).toBeNull()
    }
  )
})

describe('eksLogEventFrom', () => {
  const message = JSON.stringify({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', requestURI: '/version', verb: 'get' })

  it.each([
    ['out of a record', { id: '3'.repeat(56), timestamp: 1_795_341_602_000, message }],
    [
      'as FilterLogEvents gives it',
      { eventId: '3'.repeat(56), timestamp: 1_795_341_602_000, message, ingestionTime: 1 }
    ],
    ['with its log group', { logGroup: '/aws/eks/prod-eu/cluster', timestamp: 1_795_341_602_000, message }]
  ])('reads a log event %s', (_, json) => {
    expect(isLogEvent(json)).toBe(true)
    expect(eksLogEventFrom(json, ARRIVAL, null).audit).toMatchObject({
      verb: 'get',
      stageTimestamp: 1_795_341_602_000_000
    })
  })

  it('text beside any other id is not taken for CloudWatch’s', () => {
    expect(isLogEvent({ id: 'abc', timestamp: 1, message })).toBe(false)
  })
})
