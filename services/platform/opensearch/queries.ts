import type { Incident } from '../../../schemas/generated/types.ts'
import { WeirError } from '../../core/errors.ts'
import { documentId } from '../../core/export/document-id.ts'
import { at, isObject, property } from '../../core/json.ts'
import { OPENSEARCH_ERRORS } from './errors.ts'
import { indexPattern, plainIndex } from './index-names.ts'
import type { SearchPort, StoredDocument } from './search-port.ts'

/** Ids asked for in one search. */
const IDS_PER_SEARCH = 1000
const MAX_LISTED = 1000
/** Ids shown when a prefix means several incidents. */
const SHOWN_CANDIDATES = 5

const LISTS = ['sources', 'tactics', 'techniques', 'entities', 'timeline', 'causality'] as const

/** Documents may have been written by hand or by another version: what is no incident is left out. */
function isIncident(value: unknown): value is Incident {
  return (
    isObject(value) &&
    typeof property(value, 'id') === 'string' &&
    typeof property(value, 'revision') === 'number' &&
    typeof property(value, 'title') === 'string' &&
    isObject(property(value, 'cluster')) &&
    LISTS.every((key) => Array.isArray(property(value, key)))
  )
}

function incidentsIn(found: readonly StoredDocument[]): readonly Incident[] {
  return found.map(({ document }) => at(document, ['weir', 'incident'])).filter(isIncident)
}

/**
 * The latest incidents, newest first.
 * @param filter `statuses` and `severities`: of these only; `limit`: at most so many, up to 1,000
 */
export async function listIncidents(
  search: SearchPort,
  prefix: string,
  filter: {
    readonly statuses?: readonly Incident['status'][]
    readonly severities?: readonly Incident['severity'][]
    readonly limit?: number
  } = {}
): Promise<readonly Incident[]> {
  const found = await search.find({
    index: plainIndex(prefix, 'incidents'),
    terms: {
      ...(filter.statuses !== undefined && { 'weir.incident.status': filter.statuses }),
      ...(filter.severities !== undefined && { 'weir.incident.severity': filter.severities })
    },
    sort: { field: '@timestamp', order: 'desc' },
    size: Math.min(filter.limit ?? 100, MAX_LISTED)
  })
  return incidentsIn(found)
}

/**
 * The incident with this id, or the only one whose id starts with it.
 * @throws OPENSEARCH_INCIDENT_NOT_FOUND, OPENSEARCH_INCIDENT_AMBIGUOUS
 */
export async function getIncident(search: SearchPort, prefix: string, idPrefix: string): Promise<Incident> {
  const index = plainIndex(prefix, 'incidents')
  const [exact] = incidentsIn(await search.find({ index, ids: [documentId(idPrefix)], size: 1 }))
  if (exact !== undefined) return exact
  const candidates = incidentsIn(
    idPrefix === ''
      ? []
      : await search.find({ index, prefix: { field: 'weir.incident.id', value: idPrefix }, size: SHOWN_CANDIDATES + 1 })
  )
  const [only] = candidates
  if (only === undefined) {
    throw new WeirError(
      OPENSEARCH_ERRORS,
      'OPENSEARCH_INCIDENT_NOT_FOUND',
      `no incident has an id that starts with "${idPrefix}"`
    )
  }
  if (candidates.length === 1) return only
  const shown = candidates.slice(0, SHOWN_CANDIDATES).map(({ id }) => id)
  const more = candidates.length > shown.length ? ', …' : ''
  throw new WeirError(
    OPENSEARCH_ERRORS,
    'OPENSEARCH_INCIDENT_AMBIGUOUS',
    `"${idPrefix}" is the start of several incidents' ids: ${shown.join(', ')}${more}`
  )
}

async function byIds(
  search: SearchPort,
  index: string,
  identities: readonly string[]
): Promise<readonly StoredDocument[]> {
  const ids = [...new Set(identities.map(documentId))]
  const found: StoredDocument[] = []
  for (let start = 0; start < ids.length; start += IDS_PER_SEARCH) {
    const slice = ids.slice(start, start + IDS_PER_SEARCH)
    found.push(...(await search.find({ index, ids: slice, size: slice.length })))
  }
  return found.toSorted((a, b) => String(a.document['@timestamp']).localeCompare(String(b.document['@timestamp'])))
}

/** The event documents behind an incident, by time. Events of classes that are not indexed are missing. */
export function eventsOf(search: SearchPort, prefix: string, incident: Incident): Promise<readonly StoredDocument[]> {
  return byIds(
    search,
    indexPattern(prefix, 'events'),
    incident.timeline.flatMap(({ events }) => events)
  )
}

/** The signal documents of an incident, by time. */
export function signalsOf(search: SearchPort, prefix: string, incident: Incident): Promise<readonly StoredDocument[]> {
  return byIds(
    search,
    indexPattern(prefix, 'signals'),
    incident.timeline.flatMap(({ signals }) => signals)
  )
}

/** The responses to an incident in all their states, by time. */
export async function actionsOf(
  search: SearchPort,
  prefix: string,
  incident: Incident
): Promise<readonly StoredDocument[]> {
  return search.find({
    index: indexPattern(prefix, 'actions'),
    terms: { 'weir.action.incident_id': [incident.id] },
    sort: { field: '@timestamp', order: 'asc' },
    size: MAX_LISTED
  })
}
