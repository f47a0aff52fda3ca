import { buildType } from '../../core/avro/schema-types.ts'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Compatibility } from '../topics.ts'
import { REGISTRY_ERRORS } from './errors.ts'
import type { SchemaRegistry } from './registry.ts'

interface Subject {
  /** Ids, the oldest first. */
  readonly versions: number[]
  level: Compatibility | null
}

/** Which earlier versions a level looks at, and which way round one has to read the other. */
function pairsOf(
  level: Compatibility,
  older: readonly unknown[],
  newer: unknown
): { reader: unknown; writer: unknown }[] {
  if (level === 'NONE') return []
  const [way] = level.split('_')
  return (level.endsWith('TRANSITIVE') ? older : older.slice(-1)).flatMap((old) => [
    ...(way !== 'FORWARD' ? [{ reader: newer, writer: old }] : []),
    ...(way !== 'BACKWARD' ? [{ reader: old, writer: newer }] : [])
  ])
}

/** A registry in memory, for one process and for tests. */
export function createMemoryRegistry(): SchemaRegistry {
  const subjects = new Map<string, Subject>()
  /** By id - 1, as JSON text: equal schemas have one id, whatever the subject. */
  const schemas: string[] = []

  const schemaOf = (id: number): unknown => {
    const text = schemas[id - 1]
    return text === undefined ? undefined : JSON.parse(text)
  }

  function expectCompatible(name: string, { versions, level }: Subject, schema: unknown): void {
    for (const { reader, writer } of pairsOf(level ?? 'NONE', versions.map(schemaOf), schema)) {
      try {
        buildType(reader).createResolver(buildType(writer))
      } catch (cause) {
        const text = `the schema may not follow the ones of ${name} (${level}): ${messageOf(cause)}`
        throw new WeirError(REGISTRY_ERRORS, 'REGISTRY_INCOMPATIBLE', text, { cause })
      }
    }
  }

  return {
    async find(subject, schema) {
      const id = schemas.indexOf(JSON.stringify(schema)) + 1
      return subjects.get(subject)?.versions.includes(id) === true ? id : null
    },

    async register(name, schema) {
      const text = JSON.stringify(schema)
      const subject = subjects.get(name) ?? { versions: [], level: null }
      const known = schemas.indexOf(text) + 1
      if (subject.versions.includes(known)) return known
      expectCompatible(name, subject, schema)
      const id = known > 0 ? known : schemas.push(text)
      subject.versions.push(id)
      subjects.set(name, subject)
      return id
    },

    compatibility: async (name) => subjects.get(name)?.level ?? null,

    async setCompatibility(name, level) {
      const subject = subjects.get(name)
      if (subject === undefined) {
        throw new WeirError(REGISTRY_ERRORS, 'REGISTRY_NOT_REGISTERED', `there is no subject ${name}`)
      }
      subject.level = level
    },

    schema: async (id) => schemaOf(id)
  }
}
