import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Bodies } from '../../bodies.ts'
import {
  askedPodSpec,
  objectOfJsonPatch,
  patchedFields,
  podTemplateOf,
  requestedObject,
  writesPodSpec
} from './object.ts'

const bodies = (request?: unknown, response?: unknown): Bodies => ({
  request: () => request,
  response: () => response,
  has: () => true
})
const TEMPLATE = ['spec', 'template', 'spec']
const STATUS = { kind: 'Status', apiVersion: 'v1', code: 403 }
const asked = { spec: { replicas: 1 } }
const answered = { spec: { replicas: 2 } }

describe('the object of a request', () => {
  it.each([
    ['create', asked, answered, asked],
    ['create', undefined, answered, answered],
    ['create', asked, STATUS, asked],
    ['update', asked, answered, asked],
    ['patch', asked, answered, answered],
    ['patch', asked, undefined, asked],
    ['patch', asked, STATUS, asked],
    ['patch', [{ op: 'replace', path: '/spec/replicas', value: 3 }], undefined, { spec: { replicas: 3 } }],
    ['patch', [{ op: 'replace', path: '/spec/replicas', value: 3 }], answered, answered],
    ['delete', { kind: 'DeleteOptions' }, answered, answered],
    ['delete', { kind: 'DeleteOptions' }, STATUS, undefined],
    ['get', undefined, answered, answered],
    ['list', undefined, undefined, undefined],
    ['create', 'text', undefined, undefined],
    [null, asked, undefined, undefined]
  ])('of a %s asking %j and answered %j', (verb, request, response, object) => {
    expect(requestedObject({ verb }, bodies(request, response))).toEqual(object)
  })

  it('any JSON has an answer', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('create', 'update', 'patch', 'delete', 'get', '', null),
        fc.jsonValue(),
        fc.jsonValue(),
        (verb, request, response) => {
          const given = bodies(request, response)
          const object = requestedObject({ verb }, given)
          expect(object === undefined || (typeof object === 'object' && object !== null)).toBe(true)
          expect(patchedFields({ verb }, given).every((path) => path !== '')).toBe(true)
          expect(typeof writesPodSpec({ verb }, given, TEMPLATE)).toBe('boolean')
          podTemplateOf(object, TEMPLATE)
        }
      )
    )
  })

  it('any JSON patch has an answer', () => {
    const operation = fc.record(
      {
        op: fc.constantFrom('add', 'replace', 'remove', 'move', 'test', 'nonsense'),
        path: fc.oneof(
          fc
            .array(fc.constantFrom('spec', 'containers', '-', '0', '1', '~1', '__proto__', ''), { maxLength: 5 })
            .map((keys) => keys.map((key) => `/${key}`).join('')),
          fc.string()
        ),
        value: fc.jsonValue()
      },
      { requiredKeys: [] }
    )
    fc.assert(
      fc.property(fc.array(operation), (operations) => {
        expect(Array.isArray(objectOfJsonPatch(operations))).toBe(false)
        patchedFields({ verb: 'patch' }, bodies(operations))
        expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
      })
    )
  })
})

describe('what a JSON patch sets', () => {
  it('is there whole, wherever it goes', () => {
    expect(
      objectOfJsonPatch([
        { op: 'test', path: '/spec/a', value: 1 },
        { op: 'add', path: '/spec/template/spec/hostPID', value: true },
        { op: 'replace', path: '/metadata/labels/a~1b~0c', value: 'x' },
        { op: 'remove', path: '/spec/b' }
      ])
    ).toEqual({ spec: { template: { spec: { hostPID: true } } }, metadata: { labels: { 'a/b~c': 'x' } } })
  })

  it('keeps every element that is added at the end of a list', () => {
    expect(
      objectOfJsonPatch([
        { op: 'add', path: '/spec/containers/-', value: { name: 'a' } },
        { op: 'add', path: '/spec/containers/-', value: { name: 'b' } }
      ])
    ).toEqual({ spec: { containers: [{ name: 'a' }, { name: 'b' }] } })
  })

  it('keeps every element that is added at the same index, since the earlier moves on', () => {
    expect(
      objectOfJsonPatch([
        { op: 'add', path: '/spec/containers/0', value: { name: 'a' } },
        { op: 'add', path: '/spec/containers/0', value: { name: 'b' } }
      ])
    ).toEqual({ spec: { containers: [{ name: 'a' }, { name: 'b' }] } })
  })

  it('keeps a list of which an element is set afterwards', () => {
    expect(
      objectOfJsonPatch([
        {
          op: 'replace',
          path: '/spec/containers',
          value: [{ name: 'a', securityContext: { privileged: true } }, { name: 'b' }]
        },
        { op: 'replace', path: '/spec/containers/1/image', value: 'x' }
      ])
    ).toEqual({
      spec: {
        containers: [
          { name: 'a', securityContext: { privileged: true } },
          { name: 'b', image: 'x' }
        ]
      }
    })
  })

  it('is the value where the whole document is replaced', () => {
    expect(
      objectOfJsonPatch([
        { op: 'add', path: '/a', value: 1 },
        { op: 'replace', path: '', value: { spec: { hostPID: true } } }
      ])
    ).toEqual({ spec: { hostPID: true } })
  })

  it('is bounded in operations and in depth', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => ({ op: 'add', path: `/k${index}`, value: 1 }))
    expect(Object.keys(objectOfJsonPatch(many))).toHaveLength(1_000)
    expect(objectOfJsonPatch([{ op: 'add', path: '/a'.repeat(10_000), value: 1 }])).toEqual({})
  })

  it('a key called __proto__ is a key', () => {
    const made = objectOfJsonPatch([{ op: 'add', path: '/__proto__/polluted', value: true }])
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype)
    expect(Object.hasOwn(made, '__proto__')).toBe(true)
  })
})

describe('the paths that a patch sets', () => {
  it.each([
    [
      'a JSON patch',
      [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'x' }],
      ['spec.template.spec.containers.image']
    ],
    [
      'a JSON patch that adds an element',
      [{ op: 'add', path: '/spec/containers/-', value: { image: 'x' } }],
      ['spec.containers', 'spec.containers.image']
    ],
    ['a JSON patch that tests', [{ op: 'test', path: '/spec/replicas', value: 1 }], []],
    ['a JSON patch that removes', [{ op: 'remove', path: '/spec/paused' }], ['spec.paused']],
    ['a merge patch', { spec: { replicas: 2, paused: null } }, ['spec.replicas', 'spec.paused']],
    [
      'a strategic merge patch',
      { spec: { template: { spec: { $setElementOrder: [], containers: [{ name: 'web', image: 'x' }] } } } },
      ['spec.template.spec.containers.name', 'spec.template.spec.containers.image', 'spec.template.spec.containers']
    ],
    ['an apply', { kind: 'Deployment', spec: { replicas: 1 } }, ['kind', 'spec.replicas']],
    ['nothing', {}, []]
  ])('of %s', (_, body, paths) => {
    expect(patchedFields({ verb: 'patch' }, bodies(body))).toEqual(paths)
  })

  it('other verbs have none', () => {
    expect(patchedFields({ verb: 'update' }, bodies({ spec: { replicas: 1 } }))).toEqual([])
  })
})

describe('whether a write says anything about the pod spec', () => {
  it.each([
    ['create', undefined, true],
    ['update', {}, true],
    ['delete', {}, false],
    ['patch', undefined, true],
    ['patch', { spec: { template: { spec: { containers: [{ name: 'a', image: 'b' }] } } } }, true],
    ['patch', { spec: { replicas: 3 } }, false],
    ['patch', { metadata: { labels: { a: 'b' } } }, false],
    [
      'patch',
      { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } } } } },
      false
    ],
    [
      'patch',
      {
        spec: {
          template: { metadata: { annotations: { 'container.apparmor.security.beta.kubernetes.io/a': 'unconfined' } } }
        }
      },
      true
    ],
    ['patch', [{ op: 'replace', path: '/spec/replicas', value: 3 }], false],
    ['patch', [{ op: 'add', path: '/spec/template/spec/hostPID', value: true }], true],
    ['patch', [{ op: 'replace', path: '/spec', value: {} }], true],
    ['patch', [{ op: 'replace', path: '', value: {} }], true],
    ['patch', [{ op: 'add' }], true],
    ['patch', [{ op: 'copy', from: '/metadata/labels', path: '/spec/template/spec/nodeSelector' }], true]
  ])('%s of %j: %s', (verb, body, expected) => {
    expect(writesPodSpec({ verb }, bodies(body), TEMPLATE)).toBe(expected)
  })

  it('a patch made too long to be read counts as if it did', () => {
    const labels = Array.from({ length: 1_500 }, (_, index) => ({
      op: 'add',
      path: `/metadata/labels/l${index % 3}`,
      value: 'x'
    }))
    expect(writesPodSpec({ verb: 'patch' }, bodies(labels), TEMPLATE)).toBe(true)
    const merged = { metadata: { labels: Object.fromEntries(labels.map((_, index) => [`l${index}`, 'x'])) } }
    expect(writesPodSpec({ verb: 'patch' }, bodies(merged), TEMPLATE)).toBe(true)
  })
})

describe('the pod spec that a write asks for', () => {
  const image = { containers: [{ image: 'x' }] }
  it.each([
    ['create', { spec: { template: { spec: image } } }, image],
    ['update', { spec: { template: { spec: image } } }, image],
    ['patch', { spec: { template: { spec: image } } }, image],
    ['patch', [{ op: 'replace', path: '/spec/template/spec/containers/3/image', value: 'x' }], image],
    ['patch', { spec: { replicas: 2 } }, null],
    ['patch', undefined, null],
    ['delete', { spec: { template: { spec: image } } }, null]
  ])('%s of %j', (verb, request, expected) => {
    expect(
      askedPodSpec({ verb }, bodies(request, { spec: { template: { spec: { containers: [] } } } }), TEMPLATE)
    ).toEqual(expected)
  })
})
