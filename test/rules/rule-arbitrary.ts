import fc from 'fast-check'
import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import type { JsonObject } from '../../services/core/json.ts'
import { auditEvent } from '../support/enriched-event.ts'
import type { ConditionTree, Json, OracleRule } from './sigma-oracle.ts'

/** Words that meet each other often: as values, as parts of values, with other case, with dots and with what patterns use. */
const word = fc.constantFrom(
  'get',
  'GET',
  'list',
  'web',
  'web-1',
  'a*b',
  'a?b',
  '\\',
  'x',
  '',
  'true',
  '5',
  '10.0.0.7',
  'ä',
  'get list',
  '😀'
)
const pattern = fc.oneof(
  word,
  fc.constantFrom(
    'g*',
    '*t',
    '?et',
    '*',
    '?',
    'w*b*',
    'web-?',
    '\\*',
    'a\\*b',
    'a\\?b',
    '\\\\',
    '*e*t*',
    '10.0.0.*',
    '**',
    '?*',
    'web*1',
    '*\\*'
  )
)
const number = fc.constantFrom(0, 5, 200, 403, -1, 5.5)
const scalar: fc.Arbitrary<Json> = fc.oneof(pattern, number, fc.boolean(), fc.constant(null))

const TEXT_FIELDS = [
  'verb',
  'userAgent',
  'objectRef.resource',
  'user.groups',
  'annotations.a.b/c',
  'user.extra.k.x',
  'actor.name',
  'outcome',
  'requestObject.spec.containers.name',
  'requestObject.a.b',
  'requestObject.list',
  'audit.stage'
]
const FIELDS = [
  ...TEXT_FIELDS,
  'audit.responseStatus.code',
  'requestObject.spec.containers.privileged',
  'requestObject.spec.replicas',
  'pod_spec.host_paths',
  'requestObject.nothing'
]

const oneOrMore = <Value extends Json>(value: fc.Arbitrary<Value>): fc.Arbitrary<Json> =>
  fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 3 }))
const keyed = (field: string, modifiers: readonly string[]) => [field, ...modifiers].join('|')

const item: fc.Arbitrary<readonly [string, Json]> = fc.oneof(
  fc.tuple(fc.constantFrom(...FIELDS), oneOrMore(scalar)),
  fc
    .tuple(
      fc.constantFrom(...FIELDS),
      fc.constantFrom(
        ['contains'],
        ['startswith'],
        ['endswith'],
        ['contains', 'cased'],
        ['cased'],
        ['contains', 'all'],
        ['neq'],
        ['contains', 'neq'],
        ['startswith', 'all', 'neq']
      ),
      oneOrMore(pattern)
    )
    .map(([field, modifiers, value]) => [keyed(field, modifiers), value] as const),
  fc
    .tuple(fc.constantFrom(...FIELDS), fc.constantFrom('lt', 'lte', 'gt', 'gte'), oneOrMore(number))
    .map(([field, modifier, value]) => [keyed(field, [modifier]), value] as const),
  fc
    .tuple(fc.constantFrom(...FIELDS), fc.boolean())
    .map(([field, value]) => [keyed(field, ['exists']), value] as const),
  fc
    .tuple(
      fc.constantFrom(...FIELDS),
      fc.constantFrom([], ['i']),
      oneOrMore(fc.constantFrom('^g', 't$', 'e.', '[a-g]e', '(get|list)', '^$', 'w.*1', 'ä', '\\d+'))
    )
    .map(([field, flags, value]) => [keyed(field, ['re', ...flags]), value] as const),
  fc
    .tuple(
      fc.constantFrom(...TEXT_FIELDS),
      fc.constantFrom([], ['startswith'], ['neq']),
      fc.constantFrom(...TEXT_FIELDS)
    )
    .map(([field, more, other]) => [keyed(field, ['fieldref', ...more]), other] as const),
  fc
    .tuple(
      fc.constantFrom(...TEXT_FIELDS),
      oneOrMore(fc.constantFrom('10.0.0.0/8', '10.0.0.0/29', '10.0.0.8/29', '0.0.0.0/0'))
    )
    .map(([field, value]) => [keyed(field, ['cidr']), value] as const)
)
/** Maps as values: something that has to hold for one element, or for an element of an element. */
const within = <Value extends Json>(names: readonly string[], value: fc.Arbitrary<Value>): fc.Arbitrary<Json> =>
  fc
    .array(
      fc
        .tuple(fc.constantFrom(...names), fc.constantFrom('', '|contains', '|exists', '|fieldref'))
        .chain(([name, modifier]) => {
          if (modifier === '|exists') return fc.tuple(fc.constant(name + modifier), fc.boolean())
          if (modifier === '|fieldref') return fc.tuple(fc.constant(name + modifier), fc.constantFrom(...names))
          return fc.tuple(fc.constant(name + modifier), modifier === '' ? oneOrMore(value) : oneOrMore(pattern))
        }),
      { minLength: 1, maxLength: 2 }
    )
    .map((items): Json => Object.fromEntries(items))
const containerMap = within(['name', 'privileged', 'nothing'], scalar)
const element: fc.Arbitrary<readonly [string, Json]> = fc
  .tuple(
    fc.oneof(
      fc.tuple(fc.constant('requestObject.spec.containers'), oneOrMore(containerMap)),
      fc.tuple(
        fc.constant('requestObject.spec'),
        containerMap.map((containers): Json => ({ containers }))
      ),
      fc.tuple(fc.constant('objectRef'), oneOrMore(within(['resource', 'namespace', 'subresource'], scalar)))
    ),
    fc.constantFrom([], ['all'], ['neq'])
  )
  .map(([[field, value], modifiers]) => [keyed(field, modifiers), value] as const)
const map = fc
  .array(fc.oneof({ weight: 4, arbitrary: item }, { weight: 1, arbitrary: element }), { minLength: 1, maxLength: 3 })
  .map((items): Json => Object.fromEntries(items))
const keywords: fc.Arbitrary<Json> = fc.oneof(
  fc.array(fc.oneof(pattern, number), { minLength: 1, maxLength: 2 }),
  fc.array(pattern, { minLength: 1, maxLength: 2 }).map((values): Json => ({ '|all': values }))
)
const definition: fc.Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: map },
  { weight: 1, arbitrary: fc.array(map, { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: keywords }
)

const NAMES = ['sel_a', 'sel_b', 'filter', '_hidden'] as const
const condition = fc.letrec<{ tree: ConditionTree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(...NAMES).map((name): ConditionTree => ({ kind: 'name', name })),
    fc
      .tuple(fc.boolean(), fc.constantFrom('sel_', 'filter', null))
      .map(([all, prefix]): ConditionTree => ({ kind: 'of', all, prefix })),
    tie('tree').map((child): ConditionTree => ({ kind: 'not', child })),
    fc
      .tuple(fc.constantFrom('and', 'or'), fc.array(tie('tree'), { minLength: 2, maxLength: 3 }))
      .map(([kind, children]): ConditionTree => ({ kind, children }))
  )
})).tree

/** A condition as text with no parentheses but those it needs, so that binding is tested. */
export function written(tree: ConditionTree, binding = 0): string {
  switch (tree.kind) {
    case 'name':
      return tree.name
    case 'of':
      return `${tree.all ? 'all' : '1'} of ${tree.prefix === null ? 'them' : `${tree.prefix}*`}`
    case 'not':
      return `not ${written(tree.child, 3)}`
    default: {
      const own = tree.kind === 'or' ? 1 : 2
      const text = tree.children.map((child) => written(child, own + 1)).join(` ${tree.kind} `)
      return binding > own ? `(${text})` : text
    }
  }
}

/** A rule with random search identifiers and a random condition over them. */
export const rule: fc.Arbitrary<OracleRule> = fc
  .tuple(fc.tuple(definition, definition, definition, definition), condition)
  .map(([definitions, tree]) => ({
    identifiers: Object.fromEntries(NAMES.map((name, index) => [name, definitions[index] ?? null])),
    condition: tree
  }))

const body: fc.Arbitrary<JsonObject> = fc.record(
  {
    spec: fc.record(
      {
        containers: fc.array(
          fc.record(
            { name: fc.oneof(word, fc.constant(null)), privileged: fc.oneof(fc.boolean(), word) },
            { requiredKeys: [] }
          ),
          { maxLength: 3 }
        ),
        replicas: fc.oneof(number, word)
      },
      { requiredKeys: [] }
    ),
    a: fc.oneof(word, fc.record({ b: fc.oneof(word, number, fc.constant(null)) }, { requiredKeys: [] })),
    'a.b': word,
    list: fc.array(fc.oneof(word, number, fc.array(word, { maxLength: 2 })), { maxLength: 3 })
  },
  { requiredKeys: [] }
)

/** An audit event that has the words of the rules. */
export const event: fc.Arbitrary<EnrichedEvent> = fc
  .record(
    {
      verb: word,
      userAgent: word,
      objectRef: fc.record({ resource: word, namespace: word }, { requiredKeys: ['resource'] }),
      user: fc.record({
        username: fc.constantFrom('get', 'alice', 'system:anonymous'),
        groups: fc.array(word, { maxLength: 2 }),
        extra: fc.record({ 'k.x': fc.array(word, { maxLength: 2 }) })
      }),
      annotations: fc.record({ 'a.b/c': word }, { requiredKeys: [] }),
      responseStatus: fc.record({ code: fc.constantFrom(200, 403, 5, 0) }),
      requestObject: body
    },
    { requiredKeys: ['user'] }
  )
  .map((raw) => auditEvent({ stage: 'RequestReceived', ...raw }))
