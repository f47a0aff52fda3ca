import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import { bodiesOf } from '../bodies.ts'
import type { EventView } from './event-view.ts'
import type { EventClass, FieldScope } from './field-map.ts'
import { documentPath } from './field-paths.ts'

/**
 * Events that are any JSON at all: fields are looked up in them as they are named, and every rule is for all of them. For comparing
 * the engine with others that know no event model.
 */

const NO_RENAMES: ReadonlyMap<string, string> = new Map()

export const RAW_SCOPE: FieldScope = {
  resolve(name) {
    // The mark keeps such names apart from those of the event model.
    const path = documentPath(name, { path: `$.${name}`, nulls: 'values' })
    return path === null ? null : { paths: [path], renames: NO_RENAMES }
  },
  suggest: () => null
}

/** The class that all raw events are of. */
export const RAW_EVENTS: readonly EventClass[] = [{ source: 'runtime', category: 'sensor', actions: null }]

const NOTHING: EnrichedEvent = {
  audit: null,
  runtime: {
    id: '',
    time: 0,
    category: 'sensor',
    action: 'raw',
    process: null,
    container: null,
    pod: null,
    network: null,
    file: null,
    alert: null,
    attributes: {}
  },
  cloud: null,
  id: '',
  time: 0,
  received: 0,
  cluster: { id: '', name: '' },
  source: { type: 'runtime', provider: 'raw', instance: '' },
  enrichment: { status: 'not_applicable', reason: null },
  action: 'raw',
  outcome: 'unknown',
  actor: null,
  source_ip: null,
  pod: null,
  container: null,
  workload: null,
  pod_spec: null
}

const NO_BODIES = bodiesOf(null)

/** A view of parsed JSON. */
export function viewOfRaw(json: unknown): EventView {
  return {
    event: NOTHING,
    bodies: NO_BODIES,
    limits: [],
    request: null,
    response: null,
    keywords: null,
    facts: null,
    document: json
  }
}
