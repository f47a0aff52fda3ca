import { describe, expect, it } from 'vitest'
import { eventFixture, eventRecord } from '../../../test/support/event-fixtures.ts'
import { auditEventFrom, auditEventsFrom } from './audit.ts'
import { LIMITS } from './fields.ts'
import { parseTimestamp } from './timestamp.ts'

const MINIMAL = {
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  auditID: 'a-1',
  stage: 'ResponseComplete',
  requestURI: '/version',
  stageTimestamp: '2026-11-20T09:00:00.000001Z'
}
const ARRIVAL = 1_800_000_000_000_000

describe('auditEventFrom', () => {
  it('keeps everything a recorded event says', () => {
    const exec = auditEventFrom(eventFixture('audit-recorded.ndjson')[1])
    expect(exec).toMatchObject({
      auditID: '2d4cd20a-a77e-4805-9759-f17c32d5fa94',
      stage: 'ResponseStarted',
      level: 'Request',
      verb: 'get',
      user: {
        username: 'attacker@corp',
        uid: null,
        groups: ['ci', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [expect.stringContaining('X509SHA256=')] }
      },
      impersonatedUser: null,
      sourceIPs: ['127.0.0.1'],
      objectRef: { resource: 'pods', namespace: 'shop', subresource: 'exec', apiGroup: null, apiVersion: 'v1' },
      responseStatus: { code: 101, status: null, reason: null, message: null },
      requestReceivedTimestamp: parseTimestamp('2026-11-24T05:44:49.164787Z'),
      stageTimestamp: parseTimestamp('2026-11-24T05:44:49.167531Z'),
      annotations: { 'authorization.k8s.io/decision': 'allow' }
    })
    expect(exec.requestURI).toContain('command=cat+%2Fvar%2Frun')
  })

  it('reads v1beta1 with its own names for the times', () => {
    const event = auditEventFrom(eventRecord('audit-v1beta1.json'))
    expect(event.requestReceivedTimestamp).toBe(parseTimestamp('2018-06-02T10:00:00Z'))
    expect(event.stageTimestamp).toBe(event.requestReceivedTimestamp)
    expect(event.responseStatus).toEqual({
      code: 403,
      status: 'Failure',
      reason: 'Forbidden',
      message: 'secrets is forbidden'
    })
  })

  it.each([
    ['no stageTimestamp', { stageTimestamp: undefined, requestReceivedTimestamp: '2026-11-20 09:00:00.5' }, 500_000],
    [
      'a stageTimestamp of zero',
      { stageTimestamp: '0001-01-01T00:00:00Z', timestamp: '2026-11-20T09:00:00.25Z' },
      250_000
    ],
    ['creationTimestamp alone', { stageTimestamp: 7, metadata: { creationTimestamp: '2026-11-20T09:00:00Z' } }, 0]
  ])('with %s the next best time of the event counts', (_, change, micros) => {
    const event = auditEventFrom({ ...MINIMAL, ...change })
    expect(event.stageTimestamp).toBe((parseTimestamp('2026-11-20T09:00:00Z') ?? 0) + micros)
    expect(event.annotations).toEqual({})
  })

  it('an event without any time takes the time of arrival and says so, with the same id', () => {
    const { stageTimestamp: _stageTimestamp, auditID: _auditID, ...timeless } = MINIMAL
    const first = auditEventFrom(timeless, ARRIVAL)
    const second = auditEventFrom(timeless, ARRIVAL + 1)
    expect(first.stageTimestamp).toBe(ARRIVAL)
    expect(first.annotations).toEqual({ 'weir.io/time': 'arrival' })
    expect(second.auditID).toBe(first.auditID)
    expect(() => auditEventFrom(timeless)).toThrowError(expect.objectContaining({ code: 'EVENT_TIME_MISSING' }))
  })

  it.each([
    ['code as text', { responseStatus: { code: '403' } }, 'responseStatus.code', 403],
    ['no verb', { verb: undefined }, 'verb', null],
    ['an unknown stage', { stage: 'ResponseHalfway' }, 'stage', 'ResponseHalfway'],
    ['a stage that is no name', { stage: 'x/y', responseStatus: {} }, 'stage', 'ResponseComplete'],
    ['no stage and no answer', { stage: undefined }, 'stage', 'RequestReceived'],
    ['a single address', { sourceIPs: '192.0.2.1' }, 'sourceIPs', ['192.0.2.1']],
    ['an empty API group', { objectRef: { resource: 'pods', apiGroup: '' } }, 'objectRef.apiGroup', null],
    ['an annotation that is no text', { annotations: { a: { b: 1 } } }, 'annotations.a', '{"b":1}'],
    ['extra values that are no lists', { user: { username: 'u', extra: { a: 'b' } } }, 'user.extra.a', ['b']]
  ])('tolerates %s', (_, change, path, expected) => {
    expect(auditEventFrom({ ...MINIMAL, ...change })).toHaveProperty(path, expected)
  })

  it('gives keys of the authenticator back their names when a SIEM has changed them', () => {
    const user = { username: 'u', extra: { 'authentication_kubernetes_io_slash_pod-name': ['web-1'] } }
    expect(auditEventFrom({ ...MINIMAL, user }).user.extra).toEqual({
      'authentication.kubernetes.io/pod-name': ['web-1']
    })
  })

  it.each([
    ['text', 'EVENT_NOT_AN_OBJECT', 'Event'],
    ['null', 'EVENT_NOT_AN_OBJECT', null],
    ['an array', 'EVENT_NOT_AN_OBJECT', [MINIMAL]],
    ['a number for kind', 'EVENT_KIND_WRONG', { kind: 0 }],
    ['an Event of the core group', 'EVENT_KIND_WRONG', { ...MINIMAL, apiVersion: 'v1' }],
    ['a list', 'EVENT_KIND_WRONG', { ...MINIMAL, kind: 'EventList' }],
    ['an object for apiVersion', 'EVENT_KIND_WRONG', { ...MINIMAL, apiVersion: {} }],
    ['nobody doing nothing', 'EVENT_INCOMPLETE', { ...MINIMAL, requestURI: undefined }]
  ])('%s is no audit event: %s', (_, code, json) => {
    expect(() => auditEventFrom(json, ARRIVAL)).toThrowError(expect.objectContaining({ code }))
  })

  it.each(['x'.repeat(129), 'a b', 'a\nb', 'ä', '\ud800'])(
    'an id chosen by a client as %j cannot leave its place',
    (auditID) => {
      const event = auditEventFrom({ ...MINIMAL, auditID })
      expect(event.auditID).toMatch(/^opaque-[0-9a-f]{32}$/)
      expect(auditEventFrom({ ...MINIMAL, auditID: `${auditID}x` }).auditID).not.toBe(event.auditID)
    }
  )

  it('an event without id gets one from its content, not from what a shipper added', () => {
    const { auditID: _auditID, ...bare } = MINIMAL
    const id = auditEventFrom(bare).auditID
    expect(id).toMatch(/^content-[0-9a-f]{32}$/)
    expect(auditEventFrom({ ...bare, p_parse_time: 'now' }).auditID).toBe(id)
    expect(auditEventFrom({ ...bare, verb: 'get' }).auditID).not.toBe(id)
  })

  it('what is too large is cut and named', () => {
    const event = auditEventFrom({
      ...MINIMAL,
      requestURI: `/${'a'.repeat(LIMITS.uri)}`,
      requestObject: { data: 'x'.repeat(LIMITS.body) },
      responseObject: { kind: 'Status' },
      annotations: { 'weir.io/cut': 'forged', a: 'b' }
    })
    expect(event.requestURI).toHaveLength(LIMITS.uri)
    expect(event.requestObject).toBeNull()
    expect(event.responseObject).toBe('{"kind":"Status"}')
    expect(event.annotations).toEqual({ a: 'b', 'weir.io/cut': 'requestURI,requestObject' })
  })
})

describe('auditEventsFrom', () => {
  it('reads the items of a webhook body, which have no kind', () => {
    const events = auditEventsFrom(eventRecord('audit-event-list.json'))
    expect(events.map(({ verb, objectRef }) => [verb, objectRef?.subresource])).toEqual([
      ['create', null],
      ['get', 'exec']
    ])
    expect(JSON.parse(events[0]?.requestObject ?? '')).toMatchObject({ spec: { hostPID: true } })
    expect(events[1]?.impersonatedUser).toMatchObject({ username: 'system:admin', groups: ['system:masters'] })
  })

  it('names the item that is wrong', () => {
    const list = { ...eventRecord('audit-event-list.json'), items: [MINIMAL, { kind: 'Pod' }] }
    expect(() => auditEventsFrom(list)).toThrowError(/^item 1: kind is "Pod"/)
  })

  it.each([
    ['EVENT_NOT_AN_OBJECT', []],
    ['EVENT_KIND_WRONG', { kind: 'EventList', apiVersion: 'v1', items: [] }],
    ['EVENT_INCOMPLETE', { kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items: {} }],
    ['EVENT_TOO_MANY', { kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items: Array(LIMITS.records + 1).fill(0) }]
  ])('refuses with %s what is no list of events', (code, json) => {
    expect(() => auditEventsFrom(json)).toThrowError(expect.objectContaining({ code }))
  })
})
