import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { objectText, stringText, valueText } from '../../../test/support/json-text-arbitrary.ts'
import { plainOf } from '../avro/lazy-record.ts'
import { bodiesOf } from '../bodies.ts'
import { enrich } from '../enrich/join.ts'
import { enrichLazily } from '../enrich/lazy-join.ts'
import { auditEventFrom } from './audit.ts'
import { auditEventFromText } from './audit-text.ts'

const fromText = (text: string) => auditEventFromText(Buffer.from(text))

const KEYS = [
  'verb',
  'username',
  'uid',
  'groups',
  'extra',
  'resource',
  'name',
  'namespace',
  'code',
  'weir.io/cut',
  'spec'
]
const keys = fc.constantFrom(...KEYS)
const any = valueText(keys)
const object = objectText(keys, any)
const someText = stringText(fc.constantFrom('get', 'pods', '10.0.0.1', 'system:node:a', '', 'ä"\\'))
const TIMES = ['"2026-11-24T09:00:00.123456Z"', '"2026-11-24T09:00:01Z"', '1795521600', '"no time"']
const time = fc.constantFrom(...TIMES)

/** Members as an API server writes them, in which anything may be where a user of the API can put it. */
const member = fc.oneof(
  fc.tuple(fc.constantFrom('user', 'impersonatedUser', 'objectRef', 'responseStatus', 'annotations'), object),
  fc.tuple(fc.constantFrom('requestObject', 'responseObject'), fc.oneof(object, any, stringText(object))),
  fc.tuple(
    fc.constantFrom('verb', 'level', 'userAgent', 'sourceIPs', 'user', 'other', '__proto__'),
    fc.oneof(someText, any)
  ),
  fc.tuple(fc.constantFrom('stage', 'auditID', 'requestURI'), fc.oneof(someText, any)),
  fc.tuple(fc.constantFrom('requestReceivedTimestamp', 'stageTimestamp'), time)
)
const HEAD: readonly (readonly [string, string])[] = [
  ['kind', '"Event"'],
  ['apiVersion', '"audit.k8s.io/v1"'],
  ['auditID', '"a-1"'],
  ['stage', '"ResponseComplete"'],
  ['requestURI', '"/api/v1/pods?x=1"'],
  ['requestReceivedTimestamp', '"2026-11-24T09:00:00Z"'],
  ['stageTimestamp', '"2026-11-24T09:00:01Z"']
]
const eventText = fc
  .tuple(fc.array(member, { maxLength: 8 }), fc.array(member, { maxLength: 3 }))
  .map(([some, more]) => `{${[...some, ...HEAD, ...more].map(([key, value]) => `"${key}":${value}`).join(',')}}`)

describe('an audit event read from its text', () => {
  it('is the one that is made of the parsed text', () => {
    let read = 0
    fc.assert(
      fc.property(eventText, (text) => {
        const found = fromText(text)
        if (found === null) return
        read += 1
        const { event, bodies } = found
        const expected = auditEventFrom(JSON.parse(Buffer.from(text).toString()))
        expect(plainOf(event)).toEqual(expected)
        const usual = bodiesOf(expected)
        expect([bodies.request(), bodies.response()]).toEqual([usual.request(), usual.response()])
        expect([bodies.has('request'), bodies.has('response')]).toEqual([usual.has('request'), usual.has('response')])
        const sourced = { runtime: null, cluster: { id: 'c', name: 'c' }, received: 0 } as const
        const source = { type: 'audit', provider: 'p', instance: 'i' } as const
        const lazily = enrichLazily({ ...sourced, source, audit: event }, () => null, bodies)
        expect(plainOf(lazily)).toEqual(enrich({ ...sourced, source, audit: expected }, () => null))
      }),
      { numRuns: 300 }
    )
    expect(read).toBeGreaterThan(80)
  })

  const event = (members: Readonly<Record<string, string>>) =>
    `{${[...HEAD, ...Object.entries(members)].map(([key, value]) => `"${key}":${value}`).join(',')}}`

  it('has the last of several members, and of escaped keys the meaning', () => {
    const text = `${event({ verb: '"get"', user: '{"username":"a"}' }).slice(0, -1)},"\\u0076erb":"create"}`
    expect(fromText(text)?.event.verb).toBe('create')
  })

  it.each([
    ['another kind', { kind: '"Policy"' }],
    ['the mark of a cloud', { p_log_type: '"Amazon.EKS.Audit"' }],
    ['no time', { stageTimestamp: 'null' }],
    ['an id that would be replaced', { auditID: '"a b"' }],
    [
      'more entries than are kept',
      { annotations: `{${Array.from({ length: 260 }, (_, n) => `"${n}":""`).join(',')}}` }
    ],
    ['a text that is cut', { userAgent: `"${'x'.repeat(17_000)}"` }],
    ['a body that is left out', { requestObject: `["${'x'.repeat(262_144)}"]` }],
    ['a stage that is not JSON', { stage: '"\\x"' }]
  ])('leaves %s to the parser', (_, members) => {
    expect(fromText(event(members))).toBeNull()
  })

  it('has a body that is not JSON as one that cannot be read', () => {
    const broken = fromText(event({ requestObject: '{"a":tru}' }))
    expect(broken?.event.requestObject).toBe('{"a":tru}')
    expect(broken?.bodies.request()).toBeUndefined()
    expect(broken?.bodies.has('request')).toBe(true)
  })

  it('throws when a field that is asked for is not JSON', () => {
    const broken = fromText(event({ user: '{"username":tru}' }))
    expect(() => broken?.event.user).toThrow(SyntaxError)
  })
})
