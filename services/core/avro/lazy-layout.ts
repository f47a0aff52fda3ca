/** What a schema says, as the generator of lazy readers needs it. */

export type TypeLayout =
  | { readonly kind: 'string' }
  | { readonly kind: 'number'; readonly isLong: boolean }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'enum'; readonly symbols: readonly string[] }
  /** Null or something else, null first. */
  | { readonly kind: 'nullable'; readonly of: TypeLayout }
  | {
      readonly kind: 'array'
      readonly items: TypeLayout
      /** For records: how many positions each has, and where their beginning and number are noted. */
      readonly element: { readonly size: number; readonly place: number } | null
    }
  | { readonly kind: 'map'; readonly values: TypeLayout }
  | RecordLayout

interface FieldLayout {
  readonly name: string
  readonly type: TypeLayout
  /** Where its position is noted among those of the outermost record, or of the element of a list. */
  readonly place: number
}

export interface RecordLayout {
  readonly kind: 'record'
  readonly fields: readonly FieldLayout[]
  /** Positions that it and the records in it need. */
  readonly size: number
}

interface SchemaObject {
  readonly type?: unknown
  readonly name?: unknown
  readonly namespace?: unknown
  readonly fields?: unknown
  readonly items?: unknown
  readonly values?: unknown
  readonly symbols?: unknown
}

class Unsupported extends Error {}

const isObject = (value: unknown): value is SchemaObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isName = (value: unknown): value is string => typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)
/** An enum's index is one byte, and so is a branch. */
const MOST_SYMBOLS = 64
const NESTING = 12

interface Scope {
  readonly named: Map<string, SchemaObject>
  /** Positions given out so far. */
  size: number
}

const shortName = (name: string) => name.slice(name.lastIndexOf('.') + 1)

function typeLayout(type: unknown, scope: Scope, depth: number, inList: boolean): TypeLayout {
  if (depth > NESTING) throw new Unsupported('nested too deeply, or recursive')
  if (type === 'string') return { kind: 'string' }
  if (type === 'int' || type === 'long') return { kind: 'number', isLong: type === 'long' }
  if (type === 'boolean') return { kind: 'boolean' }
  if (typeof type === 'string') {
    const known = scope.named.get(shortName(type))
    if (known === undefined) throw new Unsupported(type)
    return typeLayout(known, scope, depth, inList)
  }
  if (Array.isArray(type)) {
    const [first, of, ...more] = type as readonly unknown[]
    if (first !== 'null' || of === undefined || more.length > 0) throw new Unsupported('union')
    return { kind: 'nullable', of: typeLayout(of, scope, depth + 1, inList) }
  }
  if (!isObject(type)) throw new Unsupported('no type')
  switch (type.type) {
    case 'record':
      if (typeof type.name === 'string') scope.named.set(shortName(type.name), type)
      return recordLayout(type, scope, depth, inList)
    case 'enum': {
      const { symbols } = type
      if (!Array.isArray(symbols) || symbols.length > MOST_SYMBOLS) throw new Unsupported('enum')
      if (typeof type.name === 'string') scope.named.set(shortName(type.name), type)
      return { kind: 'enum', symbols: symbols.map(String) }
    }
    case 'map':
      return { kind: 'map', values: typeLayout(type.values, scope, depth + 1, true) }
    case 'array': {
      if (inList) return { kind: 'array', items: typeLayout(type.items, scope, depth + 1, true), element: null }
      const inner: Scope = { named: scope.named, size: 0 }
      const items = typeLayout(type.items, inner, depth + 1, true)
      if (items.kind !== 'record') return { kind: 'array', items, element: null }
      const place = scope.size
      scope.size += 2
      return { kind: 'array', items, element: { size: items.size, place } }
    }
    default:
      return typeLayout(type.type, scope, depth + 1, inList)
  }
}

function recordLayout(schema: SchemaObject, scope: Scope, depth: number, inList: boolean): RecordLayout {
  const before = scope.size
  if (!Array.isArray(schema.fields) || schema.fields.length === 0) throw new Unsupported('record without fields')
  const fields = (schema.fields as readonly unknown[]).map((field): FieldLayout => {
    if (!isObject(field) || !isName(field.name)) throw new Unsupported('field without a name')
    const place = scope.size
    scope.size += 1
    return { name: field.name, type: typeLayout(field.type, scope, depth + 1, inList), place }
  })
  return { kind: 'record', fields, size: scope.size - before }
}

/**
 * @param schema a record schema as parsed JSON, complete in itself
 * @returns null when it has anything else than records, nullable types, strings, integers, booleans, enums, lists and maps
 */
export function layoutOf(schema: unknown): RecordLayout | null {
  try {
    const layout = typeLayout(schema, { named: new Map(), size: 0 }, 0, false)
    return layout.kind === 'record' ? layout : null
  } catch (error) {
    if (error instanceof Unsupported) return null
    throw error
  }
}
