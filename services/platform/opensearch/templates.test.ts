import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCHEMAS, type SchemaName } from '../../../schemas/generated/schemas.ts'
import type { Action, EnrichedEvent, Incident, InventoryRecord, Signal } from '../../../schemas/generated/types.ts'
import { avroArbitrary } from '../../../test/support/avro-arbitrary.ts'
import { isObject, property } from '../../core/json.ts'
import { actionWrite, containerWrites, eventWrite, incidentWrite, signalWrite } from '../../indexer/documents.ts'
import { INDEX_KINDS, type IndexKind } from './index-names.ts'
import type { DocumentWrite } from './search-port.ts'
import { covers, loadTemplates, merged } from './templates.ts'

const templates = loadTemplates('weir')
const context = { prefix: 'weir', now_ms: Date.parse('2026-11-24T07:00:00Z') }

/** Why OpenSearch would refuse a value under a mapping of `dynamic: strict`; an empty list when it would not. */
function problems(value: unknown, mapping: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => problems(item, mapping, path))
  if (value === undefined || value === null) return []
  const properties = property(mapping, 'properties')
  if (properties !== undefined) {
    if (!isObject(value)) return [`${path}: an object is mapped, ${typeof value} is given`]
    return Object.entries(value).flatMap(([key, item]) => {
      const field = property(properties, key)
      if (item === undefined) return []
      return field === undefined ? [`${path}.${key}: no such field`] : problems(item, field, `${path}.${key}`)
    })
  }
  const type = property(mapping, 'type')
  const fits =
    type === 'flat_object'
      ? isObject(value)
      : type === 'boolean'
        ? typeof value === 'boolean'
        : type === 'long' || type === 'integer' || type === 'float'
          ? Number.isFinite(value)
          : type === 'date_nanos'
            ? typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(value)
            : typeof value === 'string' && value.isWellFormed() && value.length <= 8191
  return fits ? [] : [`${path}: ${String(type)} does not take ${JSON.stringify(value).slice(0, 80)}`]
}

const projections: ReadonlyArray<[IndexKind, SchemaName, (value: never) => readonly DocumentWrite[]]> = [
  ['events', 'enriched-event', (value: EnrichedEvent) => [eventWrite(value, context)]],
  ['signals', 'signal', (value: Signal) => [signalWrite(value, context)]],
  ['incidents', 'incident', (value: Incident) => [incidentWrite(value, context)]],
  ['actions', 'action', (value: Action) => [actionWrite(value, context)]],
  ['containers', 'inventory-record', (value: InventoryRecord) => containerWrites(value, context)]
]

describe('every value that the schema allows', () => {
  it.each(projections)('of %s becomes documents that the mapping takes', (kind, schema, project) => {
    fc.assert(
      fc.property(avroArbitrary(SCHEMAS[schema]), (value) => {
        for (const write of project(value as never)) {
          const document: unknown = JSON.parse(JSON.stringify(write.document))
          expect(problems(document, templates.mappings[kind], kind)).toEqual([])
          expect(Buffer.byteLength(write.id)).toBeLessThanOrEqual(512)
          expect(property(document, '@timestamp')).toBeTypeOf('string')
          expect(write.version ?? 0).toBeGreaterThanOrEqual(0)
        }
      }),
      { numRuns: kind === 'events' ? 300 : 100 }
    )
  })

  it('is checked by something that can find fault', () => {
    const mapping = templates.mappings.events
    expect(problems({ surprise: 1 }, mapping, 'events')).toEqual(['events.surprise: no such field'])
    expect(problems({ process: { pid: 'x' } }, mapping, 'events')).toEqual([
      'events.process.pid: long does not take "x"'
    ])
    expect(problems({ kubernetes: { audit: { requestObject: 'x' } } }, mapping, 'events')).toHaveLength(1)
  })
})

describe('the templates', () => {
  it('take the prefix of the installation in names, patterns and aliases, and nowhere else', () => {
    const text = JSON.stringify(loadTemplates('acme'))
    expect(text).not.toMatch(/"weir-/)
    expect(text).toContain('"index_patterns":["acme-events-*"]')
    expect(text).toContain('"aliases":{"acme-events":{}}')
    expect(text).toContain('"composed_of":["acme-common"]')
    expect(loadTemplates('acme').mappings).toEqual(templates.mappings)
  })

  it('are strict at the root', () => {
    for (const kind of INDEX_KINDS) expect(templates.mappings[kind]['dynamic']).toBe('strict')
  })

  it('cut keywords where documents are cut, so that what is stored can be searched', () => {
    const limits = (node: unknown): unknown[] =>
      isObject(node)
        ? [
            ...(node['type'] === 'keyword' && node['index'] !== false ? [node['ignore_above']] : []),
            ...Object.values(node).flatMap(limits)
          ]
        : []
    const found = INDEX_KINDS.flatMap((kind) => limits(templates.mappings[kind]))
    expect(found.length).toBeGreaterThan(200)
    expect(new Set(found)).toEqual(new Set([8191]))
  })
})

describe('covers', () => {
  it.each([
    [{ a: 1, b: 2 }, { a: 1 }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [{ n: '1' }, { n: 1 }, true],
    [{ a: { b: ['x', 'y'], c: 1 } }, { a: { b: ['x', 'y'] } }, true],
    [{ a: ['x', 'y'] }, { a: ['x'] }, false],
    [{}, { a: {} }, false]
  ])('of %j and %j is %s', (actual, expected, answer) => {
    expect(covers(actual, expected)).toBe(answer)
  })
})

it('merging adds fields level by level', () => {
  expect(merged({ a: { x: 1 }, b: 1 }, { a: { y: 2 }, b: 3 })).toEqual({ a: { x: 1, y: 2 }, b: 3 })
})
