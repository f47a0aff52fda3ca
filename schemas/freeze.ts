/**
 * Keeps every released version of the schemas that messages are written with: schemas/avro/history/NAME.N.avsc, complete in
 * itself, without documentation. Messages of old versions stay on topics and in archives, so today's readers are tested
 * against all of them. To be run at each release; writes nothing where the newest version is today's.
 *
 *   node schemas/freeze.ts
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadTopics } from '../services/platform/topics.ts'
import { SCHEMAS, type SchemaName } from './generated/schemas.ts'

/** A frozen version of a schema. */
export interface FrozenSchema {
  readonly name: SchemaName
  /** From 1. */
  readonly version: number
  readonly schema: unknown
}

const HISTORY = join(import.meta.dirname, 'avro', 'history')
const FILE = /^(?<name>[a-z-]+)\.(?<version>\d+)\.avsc$/

/** All frozen versions, the oldest of each schema first. */
export function readHistory(folder: string = HISTORY): FrozenSchema[] {
  const frozen = readdirSync(folder).map((file) => {
    const { name, version } = FILE.exec(file)?.groups ?? {}
    if (name === undefined || !(name in SCHEMAS)) throw new Error(`schemas/avro/history/${file} is not NAME.N.avsc`)
    const schema: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    return { name: name as SchemaName, version: Number(version), schema }
  })
  return frozen.sort((a, b) => a.name.localeCompare(b.name) || a.version - b.version)
}

/** A schema without what does not bear on reading: its documentation. */
function withoutDocs(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutDocs)
  if (typeof schema !== 'object' || schema === null) return schema
  // A default may have a key `doc`, a schema's own `doc` is always text.
  const kept = Object.entries(schema).filter(([key, value]) => !(key === 'doc' && typeof value === 'string'))
  return Object.fromEntries(kept.map(([key, value]) => [key, key === 'default' ? value : withoutDocs(value)]))
}

/**
 * Writes a new version of each schema that messages are written with and that differs from its newest frozen version.
 * @returns the files written
 */
export function freeze(folder: string = HISTORY): string[] {
  mkdirSync(folder, { recursive: true })
  const history = readHistory(folder)
  const written = new Set(loadTopics().flatMap(({ schema }) => (schema === null ? [] : [schema])))
  const files: string[] = []
  for (const name of [...written].sort()) {
    const today = withoutDocs(SCHEMAS[name])
    const newest = history.findLast((frozen) => frozen.name === name)
    if (newest !== undefined && JSON.stringify(newest.schema) === JSON.stringify(today)) continue
    const file = `${name}.${(newest?.version ?? 0) + 1}.avsc`
    writeFileSync(join(folder, file), `${JSON.stringify(today, null, 1)}\n`)
    files.push(file)
  }
  return files
}

if (import.meta.main) {
  const files = freeze()
  console.log(files.length === 0 ? 'nothing has changed since the last freeze' : `frozen: ${files.join(', ')}`)
}
