import type { CloudEvent, Cluster } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { aksEventFrom, aksEventsFrom, isAzureBatch, isAzureRecord } from './aks.ts'
import { auditEventFrom, auditEventItems, isAuditEvent, isAuditEventList } from './audit.ts'
import { cloudSourceKind, type Networks } from './cloud-source.ts'
import { isTrailDelivery, isTrailFile, isTrailRecord, trailEventsFrom } from './cloudtrail.ts'
import { auditOf, type DecodedEvent, type DecodedEvents, decodeEach } from './decoded-event.ts'
import { eksEventsFrom, eksLogEventFrom, isLogEvent, isMarkedAsEks, isSubscriptionRecord } from './eks.ts'
import { describe, type EventError, eventError, isEventError } from './errors.ts'
import { falcoEventFrom, isFalcoAlert } from './falco.ts'
import { gkeEventFrom, isLogEntry } from './gke.ts'
import { isRecordedRuntime, recordedRuntimeFrom } from './recorded-runtime.ts'
import type { SourcedEvent } from './sourced-event.ts'
import { isTetragonEvent, tetragonRecordFrom } from './tetragon.ts'
import { microsFrom } from './timestamp.ts'
import { isTraceeEvent, traceeEventFrom } from './tracee.ts'

/** The formats Weir reads. */
export type Format =
  | 'audit-event'
  | 'audit-event-list'
  | 'eks'
  | 'gke'
  | 'aks'
  | 'tetragon'
  | 'falco'
  | 'tracee'
  | 'cloudtrail'
  | 'runtime'

/** What the records of one input have in common. */
export interface SourceDefaults {
  /** The cluster of records that name none. */
  readonly cluster: Cluster
  /** Name of the collector instance. */
  readonly instance: string
  /** When the input arrived, microseconds since the epoch; also the time of records that have none, which they then say. */
  readonly received: number
  /**
   * Which cluster is meant by the one a record names. Unless given, a name equal to that of `cluster` (in any case of letters)
   * means `cluster`, and any other name a cluster of its own, so that two clusters in one input never mix.
   */
  readonly clusterOf?: (named: Cluster) => Cluster
  /** Which clusters the events of a cloud account's trail have to do with; unless given, all with `cluster`, whose addresses are not known. */
  readonly trail?: TrailClusters
}

/** What is known of the clusters in cloud accounts. */
export interface TrailClusters {
  /** @returns the cluster an event has to do with */
  readonly clusterOf: (event: CloudEvent) => Cluster
  /** @returns the public addresses by which the cluster reaches the cloud; empty: not known */
  readonly networksOf: (cluster: Cluster) => Networks
}

/** What one input came to: nothing good is lost because of something bad beside it. */
export interface DecodedRecords {
  readonly events: readonly SourcedEvent[]
  readonly rejected: readonly EventError[]
}

/** Keys under which shippers and test data put the record itself, as object or as JSON text. */
const WRAPPERS = ['event', 'alert', '_source', 'log', 'message', 'record', 'detail'] as const

/** The format of an object that is not wrapped, commonest first. */
function formatOf(json: JsonObject): Format | null {
  if (isAuditEvent(json)) return 'audit-event'
  if (isAuditEventList(json)) return 'audit-event-list'
  if (isRecordedRuntime(json)) return 'runtime'
  if (isTetragonEvent(json)) return 'tetragon'
  if (isFalcoAlert(json)) return 'falco'
  if (isTraceeEvent(json)) return 'tracee'
  if (isTrailRecord(json) || isTrailFile(json) || isTrailDelivery(json)) return 'cloudtrail'
  if (isSubscriptionRecord(json) || isLogEvent(json)) return 'eks'
  if (isLogEntry(json)) return 'gke'
  return isAzureBatch(json) || isAzureRecord(json) ? 'aks' : null
}

interface Unwrapped {
  readonly format: Format
  readonly record: JsonObject
}

/** A record inside a wrapper, when it is one that is known. Text is parsed only when it looks like an object. */
function unwrap(json: JsonObject): Unwrapped | null {
  for (const key of WRAPPERS) {
    let inner = json[key]
    if (typeof inner === 'string' && inner.trimStart().startsWith('{')) {
      try {
        inner = JSON.parse(inner)
      } catch {
        continue
      }
    }
    if (!isObject(inner)) continue
    const format = formatOf(inner)
    if (format !== null) return { format, record: inner }
  }
  return null
}

/**
 * Tells the format of a record, also inside a shipper's wrapper, and of an array by its first element.
 * @param json parsed JSON
 * @returns null when it is none that Weir reads
 */
export function detectFormat(json: unknown): Format | null {
  const first: unknown = Array.isArray(json) ? json[0] : json
  if (!isObject(first)) return null
  return formatOf(first) ?? unwrap(first)?.format ?? null
}

function decodeAs(format: Format, json: JsonObject, arrival: number, instance: string): DecodedEvent | DecodedEvents {
  switch (format) {
    case 'audit-event':
      return auditOf(auditEventFrom(json, arrival), isMarkedAsEks(json) ? 'eks' : 'kubernetes', null)
    case 'audit-event-list':
      return decodeEach(auditEventItems(json), 'item', (item) =>
        auditOf(auditEventFrom(item, arrival), 'kubernetes', null)
      )
    case 'runtime':
      return recordedRuntimeFrom(json, arrival)
    case 'tetragon':
      return tetragonRecordFrom(json, arrival)
    case 'falco':
      return falcoEventFrom(json, arrival)
    case 'tracee':
      return traceeEventFrom(json, arrival, instance)
    case 'eks':
      return isSubscriptionRecord(json) ? eksEventsFrom(json, arrival) : eksLogEventFrom(json, arrival, null)
    case 'cloudtrail':
      return trailEventsFrom(json, arrival)
    case 'gke':
      return gkeEventFrom(json, arrival)
    case 'aks':
      return isAzureBatch(json) ? aksEventsFrom(json, arrival) : aksEventFrom(json, arrival)
  }
}

function decodeObject(json: unknown, arrival: number, instance: string): DecodedEvent | DecodedEvents {
  if (!isObject(json)) throw eventError('EVENT_NOT_AN_OBJECT', `a record is an object, this is ${describe(json)}`)
  const format = formatOf(json)
  if (format !== null) return decodeAs(format, json, arrival, instance)
  const inner = unwrap(json)
  if (inner !== null) {
    // The wrapper's time is nearer to the event than the time of arrival here.
    const time = microsFrom(json['@timestamp']) ?? microsFrom(json.timestamp) ?? microsFrom(json.time) ?? arrival
    return decodeAs(inner.format, inner.record, time, instance)
  }
  // An object that says it is an audit event, or a list of them, and is not gets the reason.
  if (json.kind === 'Event') return decodeAs('audit-event', json, arrival, instance)
  if (json.kind === 'EventList') return decodeAs('audit-event-list', json, arrival, instance)
  const keys = Object.keys(json)
    .slice(0, 8)
    .map((key) => describe(key))
  throw eventError(
    'EVENT_FORMAT_UNKNOWN',
    `an object with ${keys.length === 0 ? 'no keys' : `the keys ${keys.join(', ')}`} is in no format that is known`
  )
}

const NO_NETWORKS: Networks = []

function trailEventOf(
  cloud: CloudEvent,
  { cluster: fallback, trail, instance, received }: SourceDefaults
): SourcedEvent {
  const cluster = trail === undefined ? fallback : trail.clusterOf(cloud)
  const source_kind = cloudSourceKind(cloud.sourceIPAddress, trail?.networksOf(cluster) ?? NO_NETWORKS)
  return {
    audit: null,
    runtime: null,
    cloud: { ...cloud, source_kind },
    cluster,
    source: { type: 'cloud', provider: 'cloudtrail', instance },
    received
  }
}

function sourcedFrom(decoded: DecodedEvent, defaults: SourceDefaults): SourcedEvent {
  if (decoded.cloud !== undefined) return trailEventOf(decoded.cloud, defaults)
  const { audit, runtime, provider, node } = decoded
  return {
    audit,
    runtime,
    cluster: decoded.cluster === null ? defaults.cluster : clusterFor(decoded.cluster, defaults),
    source: { type: audit === null ? 'runtime' : 'audit', provider, instance: node ?? defaults.instance },
    received: defaults.received
  }
}

function clusterFor(named: Cluster, defaults: SourceDefaults): Cluster {
  if (defaults.clusterOf !== undefined) return defaults.clusterOf(named)
  return named.name.toLowerCase() === defaults.cluster.name.toLowerCase() ? defaults.cluster : named
}

/**
 * Turns one input of any format into events: a record, a batch of records in one of the envelopes, or an array of records.
 * Never throws on account of the input: what cannot be used is given as errors beside the events, each naming its place.
 * @param json parsed JSON: one line of a file, one message, one request body
 */
export function decodeRecords(json: unknown, defaults: SourceDefaults): DecodedRecords {
  try {
    const decoded = Array.isArray(json)
      ? decodeEach(json, 'element', (element) => decodeObject(element, defaults.received, defaults.instance))
      : decodeObject(json, defaults.received, defaults.instance)
    if (!('rejected' in decoded)) return { events: [sourcedFrom(decoded, defaults)], rejected: [] }
    return { events: decoded.events.map((event) => sourcedFrom(event, defaults)), rejected: decoded.rejected }
  } catch (error) {
    if (!isEventError(error)) throw error
    return { events: [], rejected: [error] }
  }
}

/**
 * Turns one input into events, all or none: for inputs of one record, and where a bad part spoils the whole.
 * @param json as for `decodeRecords`
 * @throws the first error of `decodeRecords`, if there is any
 */
export function sourcedEventsFrom(json: unknown, defaults: SourceDefaults): SourcedEvent[] {
  const { events, rejected } = decodeRecords(json, defaults)
  if (rejected[0] !== undefined) throw rejected[0]
  return [...events]
}
