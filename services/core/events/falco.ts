import type { PodReference, RuntimeEvent } from '../../../schemas/generated/types.ts'
import { isObject, type JsonObject } from '../json.ts'
import { addText, addValue, attributesOf, newAttributes } from './attributes.ts'
import { contentId } from './canonical.ts'
import type { DecodedEvent } from './decoded-event.ts'
import { eventError } from './errors.ts'
import { falcoAuditEventFrom } from './falco-audit.ts'
import { type FalcoFields, falcoFieldsOf, isAbsent } from './falco-fields.ts'
import {
  falcoActionOf,
  falcoContainerOf,
  falcoFileOf,
  falcoNetworkOf,
  falcoPodOf,
  falcoProcessOf
} from './falco-process.ts'
import { type Cuts, textOf, textsOf } from './fields.ts'
import { timeOr } from './notes.ts'
import { microsFrom } from './timestamp.ts'

/** Whether an object is an alert of Falco. */
export function isFalcoAlert(json: JsonObject): boolean {
  return typeof json.rule === 'string' && (isObject(json.output_fields) || typeof json.output === 'string')
}

/** Falco speaks about itself under this name, and counts there what it lost. */
const INTERNAL = 'Falco internal: '

/** For messages about Falco itself: events lost, or a snapshot of its counters. */
function internalAction(rule: string): string {
  return rule.includes('drop') ? 'drop' : rule.includes('metrics') ? 'metrics' : 'notice'
}

/** The pod an API request was about, for alerts of the audit log that stay alerts. */
function requestedPodOf(fields: FalcoFields): PodReference | null {
  const name =
    fields.text('ka.target.resource') === 'pods'
      ? fields.text('ka.target.name', 'ka.resp.name')
      : fields.text('ka.target.pod.name')
  return name === null ? null : { uid: null, name, namespace: fields.text('ka.target.namespace') }
}

/** Without uuid, which forwarders make up anew each time. The time counts as it is written, to the nanosecond. */
function identityOf(json: JsonObject): string {
  const { hostname, rule, source, priority, time, output, output_fields } = json
  return `falco-${contentId([hostname, rule, source, priority, time, output, output_fields])}`
}

function alertEventFrom(
  json: JsonObject,
  fields: FalcoFields,
  id: string,
  time: number | null,
  arrival: number | null,
  cuts: Cuts
): RuntimeEvent {
  const rule = textOf(json.rule, 'alert.rule', cuts) ?? ''
  const message = textOf(json.output, 'alert.message', cuts)
  const internal = json.source === 'internal' || rule.startsWith(INTERNAL)
  const host = hostOf(json, fields)
  const about = {
    process: falcoProcessOf(fields, host, id),
    network: falcoNetworkOf(fields),
    file: falcoFileOf(fields)
  }
  const attributes = newAttributes(cuts)
  if (internal) {
    addText(attributes, 'rule', rule)
    addText(attributes, 'output', message ?? '')
  }
  addValue(attributes, 'source', json.source)
  for (const key of Object.keys(fields.raw)) {
    // Nanoseconds have already lost digits as a number, and the event has its time.
    if (key !== 'evt.time' && !isAbsent(fields.raw[key])) addValue(attributes, key, fields.raw[key])
  }
  return {
    id,
    time: timeOr(time, arrival, 'the alert'),
    category: internal ? 'sensor' : 'alert',
    action: internal ? internalAction(rule) : falcoActionOf(fields, about),
    ...about,
    container: falcoContainerOf(fields),
    pod: falcoPodOf(fields) ?? requestedPodOf(fields),
    alert: internal
      ? null
      : {
          engine: 'falco',
          rule,
          priority: textOf(json.priority, 'alert.priority', cuts),
          message,
          tags: textsOf(json.tags, 'alert.tags', cuts)
        },
    attributes: attributesOf(attributes, time !== null)
  }
}

function hostOf(json: JsonObject, fields: FalcoFields): string | null {
  return textOf(json.hostname, 'hostname', [], 256) ?? fields.text('evt.hostname')
}

/**
 * Turns an alert of Falco (its JSON output, whichever channel) into an event: an audit event when it is about an API request and
 * tells enough of it (see falco-audit.ts), else a runtime event of category alert; what Falco says about itself is category
 * sensor. All output fields stay in `attributes` by Falco's names.
 * Format: https://falco.org/docs/concepts/outputs/formatting/, fields: https://falco.org/docs/reference/rules/supported-fields/
 * @param json the alert
 * @param arrival time to use when it has none, microseconds since the epoch, or null
 * @throws EVENT_FORMAT_UNKNOWN (no rule), EVENT_TIME_MISSING
 */
export function falcoEventFrom(json: JsonObject, arrival: number | null): DecodedEvent {
  if (!isFalcoAlert(json)) throw eventError('EVENT_FORMAT_UNKNOWN', 'the object is no alert of Falco: it names no rule')
  const cuts: Cuts = []
  const fields = falcoFieldsOf(json, cuts)
  const time = microsFrom(json.time) ?? microsFrom(fields.raw['evt.time']) ?? microsFrom(fields.raw['evt.rawtime'])
  const id = identityOf(json)
  const audit = falcoAuditEventFrom(json, fields, id, time, arrival, cuts)
  const name = fields.text('ka.cluster.name')
  const cluster = name === null ? null : { id: `falco/${name}`, name }
  if (audit !== null) return { audit, runtime: null, provider: 'kubernetes', cluster, node: null }
  const runtime = alertEventFrom(json, fields, id, time, arrival, cuts)
  return { audit: null, runtime, provider: 'falco', cluster, node: hostOf(json, fields) }
}
