import type { Incident, Severity, Signal, TimelineEntry } from '../../../schemas/generated/types.ts'
import { splitTechnique, tacticName } from './attack-names.ts'
import { compact, type Draft, MAX_LIST_ITEMS, type Tally, take, text } from './bounds.ts'
import { allEntities, evidences, observables, resources } from './ocsf-entities.ts'
import { SEVERITY_NUMBER } from './severity-number.ts'

/**
 * Projections to OCSF for SIEMs: Detection Finding (class 2004) and Incident Finding (class 2005) of version 1.6.0, whose
 * class and object definitions (schema.ocsf.io/1.6.0) all attribute names and numbers here are from. Times are milliseconds
 * since the epoch, as OCSF's `timestamp_t` says. OCSF has no object for Kubernetes: objects are `resources`, the rest is
 * `unmapped`.
 */
const OCSF_VERSION = '1.6.0'

/** `finding_info.data_sources`. */
const DATA_SOURCES: Readonly<Record<Signal['source'], string>> = {
  audit: 'Kubernetes audit log',
  runtime: 'Runtime sensor',
  cloud: 'Cloud audit trail'
}

const CATEGORY_FINDINGS = 2
const DETECTION_FINDING = 2004
const INCIDENT_FINDING = 2005

const SEVERITY_CAPTION: Readonly<Record<Severity, string>> = {
  informational: 'Informational',
  low: 'Low',
  medium: 'Medium',
  high: 'High',
  critical: 'Critical'
}
/** `priority_id` and `impact_id`: 1 Low to 4 Critical; there is nothing below Low. */
const PRIORITY: Readonly<Record<Severity, { readonly id: number; readonly caption: string }>> = {
  informational: { id: 1, caption: 'Low' },
  low: { id: 1, caption: 'Low' },
  medium: { id: 2, caption: 'Medium' },
  high: { id: 3, caption: 'High' },
  critical: { id: 4, caption: 'Critical' }
}
/** `analytic.type_id` of a finding made by a rule. */
const ANALYTIC_RULE = { type_id: 1, type: 'Rule' } as const

const milliseconds = (micros: number) => Math.floor(micros / 1000)

/** An entry per technique. A technique carries the tactic only where there is one; several cannot be told apart here. */
function attacks(tactics: readonly string[], techniques: readonly string[]): readonly Draft[] | undefined {
  const [only] = tactics.length === 1 ? tactics : []
  const tactic = only === undefined ? undefined : { name: tacticName(only) }
  const byTechnique: Draft[] = techniques.map((id) => {
    const { technique, subTechnique } = splitTechnique(id)
    return {
      tactic,
      technique: { uid: technique },
      sub_technique: subTechnique === null ? undefined : { uid: subTechnique }
    }
  })
  const alone: Draft[] =
    tactic !== undefined && techniques.length > 0 ? [] : tactics.map((name) => ({ tactic: { name: tacticName(name) } }))
  const list = [...byTechnique, ...alone].slice(0, MAX_LIST_ITEMS)
  return list.length === 0 ? undefined : list
}

interface Head {
  readonly class_uid: number
  readonly class_name: string
  readonly activity: { readonly id: number; readonly name: string }
  readonly severity: Severity
  readonly time: number
  readonly uid: string
  readonly correlation: string
  readonly cluster: string
  readonly version: string
}

function head({ class_uid, class_name, activity, severity, time, uid, correlation, cluster, version }: Head): Draft {
  return {
    category_uid: CATEGORY_FINDINGS,
    category_name: 'Findings',
    class_uid,
    class_name,
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: class_uid * 100 + activity.id,
    type_name: `${class_name}: ${activity.name}`,
    severity_id: SEVERITY_NUMBER[severity],
    severity: SEVERITY_CAPTION[severity],
    time: milliseconds(time),
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'Weir', vendor_name: 'Weir', version },
      uid,
      correlation_uid: correlation,
      tenant_uid: cluster
    }
  }
}

/**
 * A signal as an OCSF Detection Finding.
 * @param version of Weir, for `metadata.product`
 * @returns plain JSON; undefined values are to be left out
 */
export function detectionFinding(signal: Signal, version: string): Draft {
  const tally: Tally = { truncated: 0 }
  return {
    ...head({
      class_uid: DETECTION_FINDING,
      class_name: 'Detection Finding',
      activity: { id: 1, name: 'Create' },
      severity: signal.severity,
      time: signal.time,
      uid: signal.id,
      correlation: signal.dedup_key,
      cluster: signal.cluster.id,
      version
    }),
    message: text(signal.title, tally),
    status_id: 1,
    status: 'New',
    is_alert: SEVERITY_NUMBER[signal.severity] >= SEVERITY_NUMBER.medium,
    finding_info: {
      uid: signal.id,
      title: text(signal.title, tally) ?? text(signal.rule.title, tally),
      created_time: milliseconds(signal.time),
      analytic: { uid: signal.rule.id, name: text(signal.rule.title, tally), ...ANALYTIC_RULE },
      attacks: attacks(signal.tactics, signal.techniques),
      data_sources: [DATA_SOURCES[signal.source]],
      related_events: [{ uid: signal.event_id, type: signal.action }]
    },
    evidences: evidences(signal, tally),
    resources: resources(signal.entities, tally),
    observables: observables(signal.entities, tally),
    unmapped: unmapped(
      {
        cluster: { id: signal.cluster.id, name: signal.cluster.name },
        source: signal.source,
        rule_code: signal.rule.code ?? undefined,
        action: text(signal.action, tally),
        outcome: signal.outcome,
        entities: allEntities(signal.entities, tally),
        playbook: signal.playbook ?? undefined
      },
      tally
    )
  }
}

function unmapped(fields: Draft, tally: Tally): Draft | undefined {
  return compact({ ...fields, truncated: tally.truncated === 0 ? undefined : tally.truncated })
}

/** A finding per signal, so that the incident's list joins with the detection findings by `uid`. */
function findings(entry: TimelineEntry, tally: Tally): readonly Draft[] {
  return entry.signals.map((uid, position) => ({
    uid,
    title: text(entry.title, tally),
    first_seen_time: milliseconds(entry.time),
    last_seen_time: milliseconds(entry.last),
    attacks: attacks(entry.tactics, []),
    analytic: entry.code === null ? undefined : { uid: entry.code, ...ANALYTIC_RULE },
    related_events:
      entry.signals.length === entry.events.length
        ? entry.events.slice(position, position + 1).map((event) => ({ uid: event }))
        : position === 0
          ? take(entry.events, tally).map((event) => ({ uid: event }))
          : undefined
  }))
}

function activityOf(incident: Incident): { readonly id: number; readonly name: string } {
  if (incident.status !== 'open') return { id: 3, name: 'Close' }
  return incident.revision <= 1 ? { id: 1, name: 'Create' } : { id: 2, name: 'Update' }
}

/**
 * A revision of an incident as an OCSF Incident Finding.
 * @param version of Weir, for `metadata.product`
 * @returns plain JSON; undefined values are to be left out
 */
export function incidentFinding(incident: Incident, version: string): Draft {
  const tally: Tally = { truncated: 0 }
  const list = take(
    incident.timeline.flatMap((entry) => findings(entry, tally)),
    tally
  )
  const priority = PRIORITY[incident.severity]
  return {
    ...head({
      class_uid: INCIDENT_FINDING,
      class_name: 'Incident Finding',
      activity: activityOf(incident),
      severity: incident.severity,
      time: incident.last,
      uid: `${incident.id}/${incident.revision}`,
      correlation: incident.id,
      cluster: incident.cluster.id,
      version
    }),
    message: text(incident.title, tally),
    desc: text(incident.narrative, tally),
    start_time: milliseconds(incident.first),
    end_time: milliseconds(incident.last),
    ...(incident.status === 'open' ? { status_id: 1, status: 'New' } : { status_id: 5, status: 'Closed' }),
    status_detail: incident.merged_into === null ? undefined : `merged into ${incident.merged_into}`,
    priority_id: priority.id,
    priority: priority.caption,
    impact_id: priority.id,
    impact: priority.caption,
    impact_score: incident.score,
    // The class asks for an assignee or a group of them; Weir assigns nobody.
    assignee_group: { name: 'unassigned' },
    attacks: attacks(incident.tactics, incident.techniques),
    // Required and never empty: an incident without signals stands for itself.
    finding_info_list: list.length === 0 ? [{ uid: incident.id, title: text(incident.title, tally) }] : list,
    observables: observables(incident.entities, tally),
    unmapped: unmapped(
      {
        cluster: { id: incident.cluster.id, name: incident.cluster.name },
        revision: incident.revision,
        sources: incident.sources,
        merged_into: incident.merged_into ?? undefined,
        entities: allEntities(incident.entities, tally),
        playbook: incident.playbook ?? undefined
      },
      tally
    )
  }
}
