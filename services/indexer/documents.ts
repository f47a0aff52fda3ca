import type { Action, EnrichedEvent, Incident, InventoryRecord, Signal } from '../../schemas/generated/types.ts'
import { documentId } from '../core/export/document-id.ts'
import { containerDocuments } from '../core/export/ecs-container.ts'
import { actionDocument, incidentDocument, signalDocument } from '../core/export/ecs-detection.ts'
import { eventDocument } from '../core/export/ecs-event.ts'
import { type BucketedKind, bucketIndex, plainIndex } from '../platform/opensearch/index-names.ts'
import type { DocumentWrite, SearchDocument } from '../platform/opensearch/search-port.ts'

/** Mark on documents whose time is too far from the present for an index of its own. */
const TAG_OUT_OF_WINDOW = 'event_time_out_of_window'

export interface DocumentContext {
  readonly prefix: string
  readonly now_ms: number
}

function bucketed(
  kind: BucketedKind,
  identity: string,
  time_us: number,
  document: SearchDocument,
  { prefix, now_ms }: DocumentContext
): DocumentWrite {
  const { index, inWindow } = bucketIndex(prefix, kind, time_us, now_ms)
  const tags = Array.isArray(document['tags']) ? document['tags'] : []
  return {
    index,
    id: documentId(identity),
    document: inWindow ? document : { ...document, tags: [...tags, TAG_OUT_OF_WINDOW] },
    version: null
  }
}

export function eventWrite(event: EnrichedEvent, context: DocumentContext): DocumentWrite {
  return bucketed('events', event.id, event.time, eventDocument(event), context)
}

/** Mark on signals that later events have shown not to hold. */
const TAG_WITHDRAWN = 'weir_withdrawn'

/**
 * @param place of what the correlator says, where in its topic it stands: it may say the same signal otherwise later on, or take it
 *   back. Null for what is said once.
 */
export function signalWrite(signal: Signal, context: DocumentContext, place: number | null = null): DocumentWrite {
  const write = bucketed('signals', signal.id, signal.time, signalDocument(signal), context)
  const version = place === null ? null : externalVersion(place + 1)
  if (signal.role !== 'withdrawn') return { ...write, version }
  const { tags } = write.document
  return {
    ...write,
    document: { ...write.document, tags: [...(Array.isArray(tags) ? tags : []), TAG_WITHDRAWN] },
    version
  }
}

/** Each state of an action is a document: what was planned stays visible beside what was done. */
export function actionWrite(action: Action, context: DocumentContext): DocumentWrite {
  const identity = `${action.id}/${action.status}/${action.time}`
  return bucketed('actions', identity, action.time, actionDocument(action), context)
}

/** OpenSearch takes no negative versions; one that is nonsense loses against every real one. */
const externalVersion = (value: number) => Math.max(0, value)

export function incidentWrite(incident: Incident, { prefix }: DocumentContext): DocumentWrite {
  return {
    index: plainIndex(prefix, 'incidents'),
    id: documentId(incident.id),
    document: incidentDocument(incident),
    version: externalVersion(incident.revision)
  }
}

/** A write per container of a pod; none for other objects. */
export function containerWrites(record: InventoryRecord, { prefix }: DocumentContext): readonly DocumentWrite[] {
  return containerDocuments(record).map(({ id, document }) => ({
    index: plainIndex(prefix, 'containers'),
    id: documentId(id),
    document,
    version: externalVersion(record.observed)
  }))
}
