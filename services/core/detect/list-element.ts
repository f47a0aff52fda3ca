import type { Problems } from './errors.ts'
import { type EventView, viewOfDocument } from './event-view.ts'
import type { FieldScope } from './field-map.ts'
import { documentPath, type FieldPath, KNOWN_PATHS, objectsPath, resolvePath } from './field-paths.ts'
import { type FieldSource, type FieldTable, fieldTable } from './field-reader.ts'
import type { RuleNode } from './rule-tree.ts'
import { nearest } from './suggest.ts'

/**
 * Conditions that have to hold for the same element of a list: a map as the value of a field. Each object at the field's path is
 * looked at as if it were an event of its own, whose fields are its keys.
 */
export interface ElementScope {
  /** Where names are looked up inside an element. */
  readonly scope: FieldScope
  /** Fields of elements; numbers differ from those of the event's fields. */
  readonly table: FieldTable
  /** A view of each object at the field's path. */
  readonly elements: (view: EventView) => readonly EventView[]
}

const NO_RENAMES: ReadonlyMap<string, string> = new Map()

/** Names inside an element: any for JSON, those of the schema for records of the event model. */
function namesWithin(paths: readonly FieldPath[]): FieldScope {
  const prefixes = paths.map(({ path }) => `${path}.`)
  return {
    resolve(name): FieldSource | null {
      const found = paths.map((outer) =>
        // A document has no types: an index would be taken for a part of the key.
        outer.type === 'json' || (!name.includes('[') && resolvePath(`${outer.path}.${name}`) !== null)
          ? documentPath(name, { path: `${outer.path}.${name}`, nulls: outer.type === 'json' ? 'values' : 'missing' })
          : null
      )
      const resolved = found.filter((path) => path !== null)
      return resolved.length < paths.length ? null : { paths: resolved, renames: NO_RENAMES }
    },
    suggest: (name) =>
      nearest(
        name,
        [...KNOWN_PATHS].flatMap((path) =>
          prefixes.flatMap((prefix) => (path.startsWith(prefix) ? [path.slice(prefix.length)] : []))
        )
      )
  }
}

/**
 * What a map under a field can look at.
 * @param label the key as written, `at` where it stands
 * @returns null when the field holds plain values only, which is reported
 */
export function elementScope(
  source: FieldSource,
  table: FieldTable,
  label: string,
  at: number,
  problems: Problems
): ElementScope | null {
  const [path, ...more] = source.paths.map(objectsPath)
  // A name for several places would have to read each place's elements in its own way; no such name holds objects.
  if (path === undefined || path === null || more.length > 0) {
    return problems.report(
      at,
      'RULE_VALUE',
      `${label} holds plain values: a map needs a field of objects, such as requestObject.spec.containers`
    )
  }
  const number = table.numberOf({ paths: [path], renames: NO_RENAMES })
  return {
    scope: namesWithin([path]),
    table: fieldTable(),
    elements: (view) => {
      const views: EventView[] = []
      for (const value of table.valuesOf(number, view).values) {
        if (typeof value === 'object' && value !== null) views.push(viewOfDocument(view, value))
      }
      return views
    }
  }
}

/** Names of the fields inside an element that a tree reads, with those of elements inside it. */
export function fieldsWithin(node: RuleNode, prefix: string): readonly string[] {
  switch (node.kind) {
    case 'item': {
      const name = `${prefix}.${node.field ?? ''}`
      const inner = node.tests.flatMap((test) => (test.kind === 'element' ? fieldsWithin(test.node, name) : []))
      return inner.length > 0 ? inner : [name]
    }
    case 'not':
    case 'named':
      return fieldsWithin(node.child, prefix)
    default:
      return node.children.flatMap((child) => fieldsWithin(child, prefix))
  }
}
