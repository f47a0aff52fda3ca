/**
 * Makes schemas/generated/ from schemas/avro/*.avsc: TypeScript types, and every schema as a self-contained object.
 *
 *   node schemas/generate.ts           write
 *   node schemas/generate.ts --check   exit 1 when what is committed is not what would be written
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeOrCheck } from './generated-files.ts'

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
type Schema = string | readonly Schema[] | SchemaObject
interface Field {
  readonly name: string
  readonly type: Schema
  readonly doc?: string
  readonly default?: Json
}
interface SchemaObject {
  readonly type: string
  readonly name?: string
  readonly namespace?: string
  readonly doc?: string
  readonly logicalType?: string
  readonly fields?: readonly Field[]
  readonly symbols?: readonly string[]
  readonly items?: Schema
  readonly values?: Schema
}

const NAMESPACE = 'io.weir'
const here = import.meta.dirname
const PRIMITIVES: Record<string, string> = {
  null: 'null',
  string: 'string',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  bytes: 'Uint8Array'
}

const shortName = (name: string) => name.slice(name.lastIndexOf('.') + 1)

/** Files by name, without their ending. */
function readSchemas(): Map<string, SchemaObject> {
  const folder = join(here, 'avro')
  const files = readdirSync(folder).filter((file) => file.endsWith('.avsc'))
  return new Map(
    files
      .toSorted((a, b) => a.localeCompare(b))
      .map((file) => [
        file.slice(0, -'.avsc'.length),
        JSON.parse(readFileSync(join(folder, file), 'utf8')) as SchemaObject
      ])
  )
}

/** Every named type in all files, wherever it is nested, by short name. */
function indexNamedTypes(schemas: Iterable<SchemaObject>): Map<string, SchemaObject> {
  const named = new Map<string, SchemaObject>()
  const visit = (schema: Schema): void => {
    if (typeof schema === 'string') return
    if (Array.isArray(schema)) {
      schema.forEach(visit)
      return
    }
    const object = schema as SchemaObject
    if (object.name !== undefined) {
      if (named.has(object.name)) throw new Error(`type ${object.name} is defined twice in schemas/avro`)
      if (object.doc === undefined) throw new Error(`type ${object.name} has no doc`)
      named.set(object.name, object)
    }
    for (const field of object.fields ?? []) {
      if (field.doc === undefined) throw new Error(`field ${object.name}.${field.name} has no doc`)
      visit(field.type)
    }
    if (object.items !== undefined) visit(object.items)
    if (object.values !== undefined) visit(object.values)
  }
  for (const schema of schemas) visit(schema)
  return named
}

/** The schema with every reference replaced by its definition where it is first used, as registries want it. */
function selfContained(root: SchemaObject, named: Map<string, SchemaObject>): Schema {
  const seen = new Set<string>()
  const expand = (schema: Schema): Schema => {
    if (typeof schema === 'string') {
      if (schema in PRIMITIVES) return schema
      const name = shortName(schema)
      if (seen.has(name)) return `${NAMESPACE}.${name}`
      const definition = named.get(name)
      if (definition === undefined) throw new Error(`unknown type ${schema}`)
      return expand(definition)
    }
    if (Array.isArray(schema)) return schema.map(expand)
    const object = schema as SchemaObject
    if (object.name !== undefined) {
      if (seen.has(object.name)) return `${NAMESPACE}.${object.name}`
      seen.add(object.name)
    }
    return {
      ...object,
      ...(object.name !== undefined && { namespace: NAMESPACE }),
      ...(object.fields && { fields: object.fields.map((field) => ({ ...field, type: expand(field.type) })) }),
      ...(object.items !== undefined && { items: expand(object.items) }),
      ...(object.values !== undefined && { values: expand(object.values) })
    }
  }
  return expand(root)
}

function typeScriptOf(schema: Schema): string {
  if (typeof schema === 'string') return PRIMITIVES[schema] ?? shortName(schema)
  if (Array.isArray(schema)) {
    const members = schema.map(typeScriptOf)
    return [...members.filter((member) => member !== 'null'), ...members.filter((member) => member === 'null')].join(
      ' | '
    )
  }
  const object = schema as SchemaObject
  if (object.type === 'array') return `ReadonlyArray<${typeScriptOf(object.items as Schema)}>`
  if (object.type === 'map') return `Readonly<Record<string, ${typeScriptOf(object.values as Schema)}>>`
  if (object.name !== undefined) return object.name
  return typeScriptOf(object.type)
}

function declarationOf(schema: SchemaObject): string {
  const doc = `/** ${schema.doc} */\n`
  if (schema.type === 'enum') {
    const symbols = (schema.symbols ?? []).map((symbol) => `'${symbol}'`)
    return `${doc}export type ${schema.name} = ${symbols.join(' | ')}\n`
  }
  const fields = (schema.fields ?? []).map(
    (field) => `  /** ${field.doc} */\n  readonly ${field.name}: ${typeScriptOf(field.type)}\n`
  )
  return `${doc}export interface ${schema.name} {\n${fields.join('')}}\n`
}

function generate(): Map<string, string> {
  const schemas = readSchemas()
  const named = indexNamedTypes(schemas.values())
  const banner = '// Made from schemas/avro by `npm run generate`. Do not edit.\n\n'
  const types = [...named.keys()]
    .toSorted((a, b) => a.localeCompare(b))
    .map((name) => declarationOf(named.get(name) as SchemaObject))
  const records = [...schemas].filter(([, schema]) => schema.type === 'record')
  const constants = records.map(([file, schema]) => `  '${file}': ${JSON.stringify(selfContained(schema, named))}`)
  const index = records.map(([file, schema]) => `  '${file}': ${schema.name}\n`)
  return new Map([
    ['types.ts', banner + types.join('\n')],
    [
      'schemas.ts',
      `${banner}import type { ${records
        .map(([, schema]) => schema.name ?? '')
        .toSorted((a, b) => a.localeCompare(b))
        .join(', ')} } from './types.ts'\n\n` +
        `/** TypeScript type of each schema file. */\nexport interface SchemaTypes {\n${index.join('')}}\n\n` +
        `/** Name of a schema file, without its ending. */\nexport type SchemaName = keyof SchemaTypes\n\n` +
        `/** Every record schema, complete in itself, by file name. */\nexport const SCHEMAS: Readonly<Record<SchemaName, unknown>> = {\n${constants.join(',\n')}\n}\n`
    ]
  ])
}

writeOrCheck(join(here, 'generated'), generate())
