import type { Entity, EntityType, Incident, Severity, Signal, TimelineEntry } from '../../../schemas/generated/types.ts'
import { compact, type Draft, freeForm, MAX_LIST_ITEMS, type Tally, take, text } from './bounds.ts'
import { SEVERITY_NUMBER, splitTechnique, tacticName } from './severity.ts'

/**
 * Projections to OCSF for SIEMs: Detection Finding (class 2004) and Incident Finding (class 2005) of version 1.6.0, whose
 * class and object definitions (schema.ocsf.io/1.6.0) all attribute names and numbers here are from. Times are milliseconds
 * since the epoch, as OCSF's `timestamp_t` says. OCSF has no object for Kubernetes: objects are `resources`, the rest is
 * `unmapped`.
 */
export const OCSF_VERSION = '1.6.0'

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

/** `observable.type_id` by entity; the others are OCSF's `Other` with our word for the type. */
const OBSERVABLE: Partial<Readonly<Record<EntityType, { readonly type_id: number; readonly type: string }>>> = {
  source_address: { type_id: 2, type: 'IP Address' },
  user: { type_id: 4, type: 'User Name' },
  service_account: { type_id: 4, type: 'User Name' },
  cloud_identity: { type_id: 4, type: 'User Name' },
  node: { type_id: 1, type: 'Hostname' },
  container: { type_id: 10, type: 'Resource UID' },
  credential: { type_id: 19, type: 'User Credential ID' },
  process: { type_id: 39, type: 'Process Entity Object: uid' },
  pod: { type_id: 38, type: 'Resource Details Object: name' },
  workload: { type_id: 38, type: 'Resource Details Object: name' },
  secret: { type_id: 38, type: 'Resource Details Object: name' },
  role_binding: { type_id: 38, type: 'Resource Details Object: name' },
  object: { type_id: 38, type: 'Resource Details Object: name' }
}
/** Entities that are pivoted on by identity rather than by name. */
const BY_ID: ReadonlySet<EntityType> = new Set(['container', 'credential', 'process'])

const USERS: ReadonlySet<EntityType> = new Set(['user', 'service_account', 'cloud_identity'])
const ADDRESSES: ReadonlySet<EntityType> = new Set(['source_address'])
const PROCESSES: ReadonlySet<EntityType> = new Set(['process'])

/** Entities that are objects of the cluster, hence OCSF resources. */
const RESOURCES: ReadonlySet<EntityType> = new Set([
  'container',
  'pod',
  'workload',
  'service_account',
  'node',
  'image',
  'secret',
  'role_binding',
  'object'
])
/** `resource_details.role_id`. */
const ROLE: Readonly<Record<Entity['role'], { readonly role_id: number; readonly role: string }>> = {
  target: { role_id: 1, role: 'Target' },
  actor: { role_id: 2, role: 'Actor' },
  context: { role_id: 4, role: 'Related' }
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/
const IPV6 = /^[0-9a-fA-F:.]{2,45}$/
const HASH = /^(?:sha256:)?(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/
const NAMESPACED = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\/([^/]+)$/

function isAddress(value: string): boolean {
  return IPV4.test(value) || (IPV6.test(value) && value.includes(':') && URL.canParse(`http://[${value}]/`))
}

const milliseconds = (micros: number) => Math.floor(micros / 1000)

function observableType(entity: Entity, value: string): { readonly type_id: number; readonly type: string } {
  if (entity.type === 'indicator') {
    if (isAddress(value)) return { type_id: 2, type: 'IP Address' }
    return HASH.test(value) ? { type_id: 8, type: 'Hash' } : { type_id: 1, type: 'Hostname' }
  }
  return OBSERVABLE[entity.type] ?? { type_id: 99, type: entity.type }
}

/** `name` points at the attribute the value also stands in, as OCSF asks for: all entities are in `unmapped`. */
function observables(entities: readonly Entity[], tally: Tally): readonly Draft[] {
  return take(entities, tally).flatMap((entity) => {
    const byId = BY_ID.has(entity.type) || entity.name === ''
    const value = text(byId ? entity.id : entity.name, tally)
    if (value === undefined) return []
    return { name: `unmapped.entities.${byId ? 'id' : 'name'}`, value, ...observableType(entity, value) }
  })
}

function allEntities(entities: readonly Entity[], tally: Tally): readonly Draft[] {
  return take(entities, tally).map(({ type, id, name, role }) => ({
    type,
    id: text(id, tally),
    name: text(name, tally),
    role
  }))
}

/** What made the rule fire: the values it shows, and who, from where and with which process, as far as OCSF has objects. */
function evidences(signal: Signal, tally: Tally): readonly Draft[] | undefined {
  const first = (types: ReadonlySet<EntityType>) => signal.entities.find(({ type }) => types.has(type))
  const user = first(USERS)
  const userName = text(user?.name || user?.id, tally)
  const address = first(ADDRESSES)
  const ip = address?.name || address?.id
  const process = first(PROCESSES)
  const processUid = text(process?.id, tally)
  const found = compact({
    data: freeForm(signal.evidence, tally),
    actor: userName === undefined ? undefined : { user: { name: userName } },
    src_endpoint: ip === undefined || !isAddress(ip) ? undefined : { ip },
    process: processUid === undefined ? undefined : { uid: processUid, cmd_line: text(process?.name, tally) }
  })
  return found === undefined ? undefined : [{ uid: signal.event_id, ...found }]
}

function resources(entities: readonly Entity[], tally: Tally): readonly Draft[] {
  return take(
    entities.filter(({ type }) => RESOURCES.has(type)),
    tally
  ).flatMap((entity) => {
    const [, namespace, name] = NAMESPACED.exec(entity.type === 'image' ? '' : entity.name) ?? []
    const uid = text(entity.id, tally)
    const label = text(name ?? entity.name, tally)
    // An object needs one of the two.
    return uid === undefined && label === undefined
      ? []
      : { uid, name: label, namespace, type: entity.type, ...ROLE[entity.role] }
  })
}

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
      data_sources: [signal.source === 'audit' ? 'Kubernetes audit log' : 'Runtime sensor'],
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
