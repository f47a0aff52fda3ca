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

const BODIES = ['requestObject', 'responseObject'] as const
type AuditFields = ReturnType<typeof auditEventFrom>
const withoutBodies = ({ requestObject: _request, responseObject: _response, ...rest }: AuditFields) => rest

/** Keys and texts that look like what follows the bodies, or like other parts of an event. */
const IMITATIONS = [
  'requestReceivedTimestamp',
  'stageTimestamp',
  'annotations',
  'requestObject',
  'responseObject',
  'verb',
  'user',
  ',"requestReceivedTimestamp":"2026-11-24T09:00:00.000000Z"}',
  '"},"requestReceivedTimestamp":"2026-11-24T09:00:00.000000Z","stageTimestamp":"2026-11-24T09:00:00.000000Z"}',
  '\\',
  '"requestObject":{"a":'
]
const hostileKeys = fc.constantFrom(...KEYS, ...IMITATIONS)
const hostileText = stringText(fc.oneof(fc.constantFrom(...IMITATIONS), fc.string({ minLength: 1, unit: 'binary' })))
const hostileAny = valueText(hostileKeys)
/** Without blanks, as the API server writes what it has been sent. */
const compact = fc
  .dictionary(hostileKeys, fc.oneof(fc.constantFrom(...IMITATIONS, '2026-11-24T09:00:02.000000Z'), fc.jsonValue()))
  .map((value) => JSON.stringify(value))
/** The end of an event, inside of an object. */
const decoy = fc
  .tuple(compact, fc.constantFrom('', ',"annotations":{}', ',"verb":"x"', ',"responseObject":{}'))
  .map(
    ([value, more]) =>
      `{"x":${value},"requestReceivedTimestamp":"2026-11-24T09:00:02.000000Z","stageTimestamp":"2026-11-24T09:00:03.000000Z"${more}}`
  )
const hostileObject = fc.oneof(compact, decoy, objectText(hostileKeys, fc.oneof(hostileText, hostileAny)))
const maybe = (key: string, value: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> =>
  fc.option(value, { freq: 3 }).map((text) => (text === null ? [] : [`"${key}":${text}`]))
const always = (key: string, value: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> =>
  value.map((text) => [`"${key}":${text}`])
const serverTime = fc.constantFrom('"2026-11-24T09:00:00.123456Z"', '"2026-11-24T09:00:01.000000Z"')

/** References as the API server writes them, or nearly so. */
const reference = fc
  .tuple(
    hostileText,
    fc.subarray(['namespace', 'name', 'uid', 'apiGroup', 'apiVersion', 'resourceVersion', 'subresource']),
    fc.array(fc.oneof(fc.constantFrom('"kube-system"', '"a"', '""', 'null'), hostileText), {
      minLength: 7,
      maxLength: 7
    })
  )
  .map(
    ([resource, fields, values]) =>
      `{${[`"resource":${resource}`, ...fields.map((field, index) => `"${field}":${values[index]}`)].join(',')}}`
  )

/** An event as the API server writes it, in its order, with anything where senders of requests can put it. */
const serverText = (body: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      always('kind', fc.constant('"Event"')),
      always('apiVersion', fc.constant('"audit.k8s.io/v1"')),
      always('level', fc.constantFrom('"Metadata"', '"RequestResponse"')),
      always('auditID', fc.constantFrom('"a-1"', '"}"', '",:{"')),
      always('stage', fc.constantFrom('"ResponseComplete"', '"ResponseStarted"')),
      always('requestURI', hostileText),
      always('verb', fc.oneof(someText, hostileText)),
      always('user', hostileObject),
      maybe('impersonatedUser', hostileObject),
      maybe('sourceIPs', hostileAny),
      maybe('userAgent', hostileText),
      maybe('objectRef', fc.oneof(reference, hostileObject)),
      maybe('responseStatus', hostileObject),
      maybe('requestObject', body),
      maybe('responseObject', body),
      always('requestReceivedTimestamp', serverTime),
      always('stageTimestamp', serverTime),
      maybe('annotations', hostileObject)
    )
    .map((members) => `{${members.flat().join(',')}}`)
const hostileBody = fc.oneof(hostileObject, hostileAny, stringText(hostileObject))
const imitation = serverText(hostileBody)
const serverEvent = serverText(fc.oneof(hostileBody, imitation, stringText(imitation)))

describe('an audit event in the order of the API server', () => {
  it('is the one that is made of the parsed text, whatever senders put into it', () => {
    let read = 0
    fc.assert(
      fc.property(serverEvent, fc.boolean(), (text, bodiesFirst) => {
        const found = fromText(text)
        if (found === null) return
        read += 1
        const { event, bodies } = found
        const expected = auditEventFrom(JSON.parse(Buffer.from(text).toString()))
        const usual = bodiesOf(expected)
        const sameBodies = () => {
          expect([bodies.has('request'), bodies.has('response')]).toEqual([usual.has('request'), usual.has('response')])
          expect([bodies.request(), bodies.response()]).toEqual([usual.request(), usual.response()])
          for (const body of BODIES) expect(event[body]).toEqual(expected[body])
        }
        if (bodiesFirst) sameBodies()
        const rest = withoutBodies(expected)
        expect(Object.fromEntries(Object.keys(rest).map((key) => [key, event[key as keyof typeof rest]]))).toEqual(rest)
        if (!bodiesFirst) sameBodies()
      }),
      { numRuns: 400 }
    )
    expect(read).toBeGreaterThan(200)
  })

  const start =
    '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"a","stage":"ResponseComplete",' +
    '"requestURI":"/x","verb":"get","user":{"username":"u"}'
  const end = '"requestReceivedTimestamp":"2026-11-24T09:00:00.000001Z","stageTimestamp":"2026-11-24T09:00:00.000002Z"}'

  it('is read without its bodies, so that what is broken in them is only found when they are read', () => {
    const found = fromText(`${start},"requestObject":{"a":[},${end}`)
    expect(found?.event.verb).toBe('get')
    expect(found?.event.stageTimestamp).toBe(Date.UTC(2026, 10, 24, 9) * 1000 + 2)
    expect(() => found?.bodies.request()).toThrow(SyntaxError)
  })

  it('has to be parsed as a whole when other members are found between its bodies', () => {
    const found = fromText(`${start},"requestObject":{},"verb":"create",${end}`)
    expect(() => found?.bodies.has('request')).toThrow(SyntaxError)
    expect(() => found?.event.responseObject).toThrow(SyntaxError)
  })

  it('may have other members at its end, of which the last of a name counts', () => {
    const found = fromText(`${start},"requestObject":{"a":1},${end.slice(0, -1)},"cluster":{"a":[]},"verb":"create"}`)
    expect(found?.event.verb).toBe('create')
    expect(found?.bodies.request()).toEqual({ a: 1 })
  })

  it('is scanned when an imitation of its end is in what follows the bodies', () => {
    const text = `${start},"requestObject":{"a":1},${end.slice(0, -1)},"annotations":{"a":"b",${end}}`
    const { event, bodies } = fromText(text) ?? {}
    expect(event?.annotations).toEqual(auditEventFrom(JSON.parse(text)).annotations)
    expect(bodies?.request()).toEqual({ a: 1 })
  })
})

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
