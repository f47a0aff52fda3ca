import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isObject, type JsonObject, property } from '../../core/json.ts'
import { INDEX_KINDS, type IndexKind } from './index-names.ts'

/** The files are what an operator may read, review and apply by hand, for the prefix `weir`. */
const FOLDER = join(import.meta.dirname, '../../../infra/opensearch')
const FILE_PREFIX = 'weir-'

const POLICY_KINDS = ['events', 'signals', 'actions'] as const satisfies readonly IndexKind[]

/** A thing to be put into OpenSearch under a name. */
export interface Named {
  readonly name: string
  readonly content: JsonObject
}

export interface Templates {
  readonly component: Named
  readonly index: ReadonlyArray<Named & { readonly kind: IndexKind }>
  readonly policies: readonly Named[]
  /** The whole mapping of an index of a kind: the component's and the index template's together. */
  readonly mappings: Readonly<Record<IndexKind, JsonObject>>
}

export function templateName(prefix: string, kind: IndexKind | 'common'): string {
  return `${prefix}-${kind}`
}

/** Names in the files start with `weir-`; this gives them the prefix of the installation. */
function renamed(value: unknown, prefix: string): unknown {
  if (typeof value === 'string')
    return value.startsWith(FILE_PREFIX) ? `${prefix}-${value.slice(FILE_PREFIX.length)}` : value
  if (Array.isArray(value)) return value.map((item) => renamed(item, prefix))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [renamed(key, prefix), renamed(item, prefix)] as const)
  )
}

function load(path: string, prefix: string): JsonObject {
  return renamed(JSON.parse(readFileSync(join(FOLDER, path), 'utf8')), prefix) as JsonObject
}

/** Lays objects over each other, as OpenSearch does with the mappings of templates: fields are added level by level. */
export function merged(below: JsonObject, above: JsonObject): JsonObject {
  const result: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const under = property(below, key)
    result[key] = isObject(under) && isObject(value) ? merged(under, value) : value
  }
  return result
}

function mappingsOf(template: JsonObject): JsonObject {
  const mappings = property(property(template, 'template'), 'mappings')
  return isObject(mappings) ? mappings : {}
}

/** Reads infra/opensearch. */
export function loadTemplates(prefix: string): Templates {
  const component = { name: templateName(prefix, 'common'), content: load('component-templates/common.json', prefix) }
  const index = INDEX_KINDS.map((kind) => ({
    kind,
    name: templateName(prefix, kind),
    content: load(`index-templates/${kind}.json`, prefix)
  }))
  return {
    component,
    index,
    policies: POLICY_KINDS.map((kind) => ({
      name: templateName(prefix, kind),
      content: load(`ism-policies/${kind}.json`, prefix)
    })),
    mappings: Object.fromEntries(
      index.map(({ kind, content }) => [kind, merged(mappingsOf(component.content), mappingsOf(content))])
    ) as Record<IndexKind, JsonObject>
  }
}

/** Settings come back as strings, whatever they were put as. */
function scalar(value: unknown): unknown {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value
}

/** Whether `actual` has all of `expected`: what a server adds by itself is no difference. */
export function covers(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) && actual.length === expected.length && expected.every((item, i) => covers(actual[i], item))
    )
  }
  if (isObject(expected)) {
    return isObject(actual) && Object.entries(expected).every(([key, value]) => covers(property(actual, key), value))
  }
  return actual === expected || (actual !== undefined && scalar(actual) === scalar(expected))
}
