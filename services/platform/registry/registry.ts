import { LRUCache } from 'lru-cache'
import { SCHEMAS, type SchemaName } from '../../../schemas/generated/schemas.ts'
import type { SchemaSource } from '../../core/avro/codec.ts'
import { WeirError } from '../../core/errors.ts'
import type { Compatibility, TopicDefinition } from '../topics.ts'
import { REGISTRY_ERRORS } from './errors.ts'

/** A schema registry, as far as we need one. All throw REGISTRY_UNREACHABLE and REGISTRY_REFUSED. */
export interface SchemaRegistry {
  /** Id of this schema under the subject; null when it is not registered there. */
  find(subject: string, schema: unknown): Promise<number | null>
  /**
   * Registers a schema, as the newest version if it is not there already.
   * @returns its id
   * @throws REGISTRY_INCOMPATIBLE
   */
  register(subject: string, schema: unknown): Promise<number>
  /** The subject's own compatibility level, null when it has none. */
  compatibility(subject: string): Promise<Compatibility | null>
  /** The subject has to exist. */
  setCompatibility(subject: string, level: Compatibility): Promise<void>
  /** Schema with this id as parsed JSON; undefined when there is none. */
  schema(id: number): Promise<unknown>
}

/** Subject of a topic's values, as Connect and the usual tools expect it. */
export const subjectOf = (topic: string) => `${topic}-value`

export interface RegistrySchemasOptions {
  readonly unknown_id_ttl_ms: number
}

const KEPT_SCHEMAS = 1_000
const KEPT_UNKNOWN_IDS = 10_000

/**
 * Schema source of a service: asks the registry for the ids of today's schemas once, and for writers' schemas as their ids
 * turn up, each once. Ids that the registry does not know are remembered for a bounded time, so that a flood of broken
 * messages is no flood of requests.
 * @param topics whose schemas this service may write
 * @throws REGISTRY_NOT_REGISTERED when setup has not run, REGISTRY_UNREACHABLE, REGISTRY_REFUSED
 */
export async function registrySchemas(
  registry: SchemaRegistry,
  topics: readonly TopicDefinition[],
  options: RegistrySchemasOptions
): Promise<SchemaSource> {
  const ids = new Map<SchemaName, number>()
  for (const { name, schema } of topics) {
    if (schema === null) continue
    const id = await registry.find(subjectOf(name), SCHEMAS[schema])
    if (id === null) {
      const text = `the registry has no subject ${subjectOf(name)} with today's schema ${schema}: run \`weir setup\``
      throw new WeirError(REGISTRY_ERRORS, 'REGISTRY_NOT_REGISTERED', text)
    }
    ids.set(schema, id)
  }

  const known = new LRUCache<number, { readonly schema: unknown }>({
    max: KEPT_SCHEMAS,
    fetchMethod: async (id) => {
      const schema = await registry.schema(id)
      return schema === undefined ? undefined : { schema }
    }
  })
  const unknown = new LRUCache<number, true>({ max: KEPT_UNKNOWN_IDS, ttl: options.unknown_id_ttl_ms })

  return {
    async writerSchema(id) {
      if (unknown.has(id)) return undefined
      const found = await known.fetch(id)
      if (found === undefined) unknown.set(id, true)
      return found?.schema
    },
    idOf(name) {
      const id = ids.get(name)
      if (id !== undefined) return id
      const text = `no topic of this service has values of schema ${name}`
      throw new WeirError(REGISTRY_ERRORS, 'REGISTRY_NOT_REGISTERED', text)
    }
  }
}
