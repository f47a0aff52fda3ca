import type { Action, Entity, EntityType, Incident, Signal, Verdict } from '../../../schemas/generated/types.ts'
import { splitTechnique, tacticName } from './attack-names.ts'
import { compact, type Draft, freeForm, integer, type Tally, take, text, texts } from './bounds.ts'
import { clusterFields, ECS_VERSION, finish, TAG_BAD_TIME } from './ecs-event.ts'
import { isoTime } from './iso-time.ts'
import { SEVERITY_NUMBER } from './severity-number.ts'

function entity(value: Entity, tally: Tally): Draft {
  return {
    type: text(value.type, tally),
    id: text(value.id, tally),
    name: text(value.name, tally),
    role: text(value.role, tally)
  }
}

function entities(values: readonly Entity[], tally: Tally): readonly Draft[] | undefined {
  return values.length === 0 ? undefined : take(values, tally).map((value) => entity(value, tally))
}

function namesOf(
  values: readonly Entity[],
  tally: Tally,
  wanted: (value: Entity) => boolean
): readonly string[] | undefined {
  return texts([...new Set(values.filter(wanted).map(({ name, id }) => name || id))], tally)
}

const PEOPLE: ReadonlySet<EntityType> = new Set(['user', 'service_account', 'cloud_identity'])

/** ECS `related`: what analysts pivot on, whatever part it had. */
function related(values: readonly Entity[], tally: Tally): Draft | undefined {
  return compact({
    user: namesOf(values, tally, ({ type }) => PEOPLE.has(type)),
    ip: namesOf(values, tally, ({ type }) => type === 'source_address'),
    hosts: namesOf(values, tally, ({ type }) => type === 'node')
  })
}

/** ECS `threat`. `technique.id` has the parents of sub-techniques too, as in ATT&CK. */
function threat(tactics: readonly string[], techniques: readonly string[], tally: Tally): Draft | undefined {
  if (tactics.length === 0 && techniques.length === 0) return undefined
  const split = techniques.map(splitTechnique)
  const subTechniques = texts(
    split.map(({ subTechnique }) => subTechnique),
    tally
  )
  return {
    framework: 'MITRE ATT&CK',
    tactic: compact({ name: texts(tactics.map(tacticName), tally) }),
    technique: compact({
      id: texts([...new Set(split.map(({ technique }) => technique))], tally),
      subtechnique: subTechniques === undefined ? undefined : { id: subTechniques }
    })
  }
}

interface Envelope {
  readonly time: number
  readonly message: string
  readonly event: Draft
  readonly cluster: { readonly id: string; readonly name: string }
}

function envelope({ time, message, event, cluster }: Envelope, tally: Tally): Draft {
  const timestamp = isoTime(time)
  return {
    '@timestamp': timestamp ?? isoTime(0),
    ecs: { version: ECS_VERSION },
    tags: timestamp === undefined ? [TAG_BAD_TIME] : undefined,
    message: text(message, tally),
    event,
    orchestrator: { type: 'kubernetes', cluster: compact(clusterFields(cluster, tally)) }
  }
}

/** A signal as an ECS document. `weir.signal` holds what ECS has no field for. */
export function signalDocument(signal: Signal): Draft {
  const tally: Tally = { truncated: 0 }
  const document: Draft = {
    ...envelope(
      {
        time: signal.time,
        message: signal.title,
        cluster: signal.cluster,
        event: {
          kind: 'alert',
          category: ['intrusion_detection'],
          type: ['info'],
          action: text(signal.action, tally),
          outcome: text(signal.outcome, tally),
          id: text(signal.id, tally),
          severity: SEVERITY_NUMBER[signal.severity],
          dataset: `weir.${signal.source}`
        }
      },
      tally
    ),
    rule: compact({ id: text(signal.rule.id, tally), name: text(signal.rule.title, tally) }),
    threat: threat(signal.tactics, signal.techniques, tally),
    related: related(signal.entities, tally),
    weir: {
      severity: text(signal.severity, tally),
      workloads: namesOf(signal.entities, tally, ({ type }) => type === 'workload'),
      actors: namesOf(signal.entities, tally, ({ type, role }) => role === 'actor' && PEOPLE.has(type)),
      signal: compact({
        source: text(signal.source, tally),
        code: text(signal.rule.code, tally),
        level: text(signal.rule.level, tally),
        title: text(signal.title, tally),
        dedup_key: text(signal.dedup_key, tally),
        event_id: text(signal.event_id, tally),
        entities: entities(signal.entities, tally),
        ancestry: entities(signal.ancestry, tally),
        evidence: freeForm(signal.evidence, tally),
        playbook: text(signal.playbook, tally),
        investigation: signal.investigation.map(({ step, query }) =>
          compact({ step: text(step, tally), query: text(query, tally) })
        )
      })
    }
  }
  return finish(document, tally)
}

function verdict(given: Verdict, tally: Tally): Draft {
  return {
    id: text(given.id, tally),
    time: integer(given.time),
    incident: text(given.incident, tally),
    action: given.action,
    by: text(given.by, tally) ?? '',
    assignee: text(given.assignee, tally) ?? null,
    until: given.until === null ? null : integer(given.until),
    reason: text(given.reason, tally) ?? null
  }
}

/**
 * A revision of an incident as an ECS document. `weir.incident` is the record itself (times in microseconds), so that the
 * incident can be read back from the index; lists and strings are cut at the bounds of all documents.
 */
export function incidentDocument(incident: Incident): Draft {
  const tally: Tally = { truncated: 0 }
  const document: Draft = {
    ...envelope(
      {
        time: incident.last,
        message: incident.narrative,
        cluster: incident.cluster,
        event: compact({
          kind: 'alert',
          category: ['intrusion_detection'],
          type: ['info'],
          id: text(incident.id, tally),
          severity: SEVERITY_NUMBER[incident.severity],
          risk_score: integer(incident.score),
          start: isoTime(incident.first),
          end: isoTime(incident.last),
          dataset: 'weir.incident'
        }) as Draft
      },
      tally
    ),
    threat: threat(incident.tactics, incident.techniques, tally),
    related: related(incident.entities, tally),
    weir: {
      severity: text(incident.severity, tally),
      workloads: namesOf(incident.entities, tally, ({ type }) => type === 'workload'),
      actors: namesOf(incident.entities, tally, ({ type, role }) => role === 'actor' && PEOPLE.has(type)),
      incident: {
        id: text(incident.id, tally),
        revision: integer(incident.revision),
        status: text(incident.status, tally),
        merged_into: text(incident.merged_into, tally) ?? null,
        cluster: clusterFields(incident.cluster, tally),
        severity: text(incident.severity, tally),
        score: integer(incident.score),
        title: text(incident.title, tally) ?? '',
        narrative: text(incident.narrative, tally) ?? '',
        first: integer(incident.first),
        last: integer(incident.last),
        sources: incident.sources,
        tactics: texts(incident.tactics, tally) ?? [],
        techniques: texts(incident.techniques, tally) ?? [],
        entities: entities(incident.entities, tally) ?? [],
        timeline: take(incident.timeline, tally).map((entry) => ({
          time: integer(entry.time),
          last: integer(entry.last),
          source: text(entry.source, tally),
          code: text(entry.code, tally) ?? null,
          title: text(entry.title, tally) ?? '',
          severity: text(entry.severity, tally),
          tactics: texts(entry.tactics, tally) ?? [],
          signals: texts(entry.signals, tally) ?? [],
          events: texts(entry.events, tally) ?? []
        })),
        causality: take(incident.causality, tally).map((node) => ({
          id: text(node.id, tally) ?? '',
          parent: text(node.parent, tally) ?? null,
          type: text(node.type, tally) ?? '',
          name: text(node.name, tally) ?? '',
          signals: texts(node.signals, tally) ?? [],
          node: text(node.node, tally) ?? null,
          owner: text(node.owner, tally) ?? null
        })),
        playbook: text(incident.playbook, tally) ?? null,
        verdict: incident.verdict === null ? null : verdict(incident.verdict, tally),
        assignee: text(incident.assignee, tally) ?? null
      }
    }
  }
  return finish(document, tally)
}

/** A state of a response as an ECS document, with its steps and exact requests under `weir.action`. */
export function actionDocument(action: Action): Draft {
  const tally: Tally = { truncated: 0 }
  const document: Draft = {
    ...envelope(
      {
        time: action.time,
        message: action.summary,
        cluster: action.cluster,
        event: compact({
          kind: 'event',
          category: ['intrusion_detection'],
          type: ['change'],
          action: text(action.status, tally),
          id: text(action.id, tally),
          outcome: action.status === 'failed' ? 'failure' : action.status === 'done' ? 'success' : undefined,
          dataset: 'weir.action'
        }) as Draft
      },
      tally
    ),
    weir: {
      action: {
        id: text(action.id, tally),
        time: integer(action.time),
        incident_id: text(action.incident_id, tally),
        incident_revision: integer(action.incident_revision),
        status: text(action.status, tally),
        mode: text(action.mode, tally),
        playbook: text(action.playbook, tally),
        summary: text(action.summary, tally),
        steps: take(action.steps, tally).map((step) => ({
          name: text(step.name, tally),
          description: text(step.description, tally),
          target: entity(step.target, tally),
          requests: take(step.requests, tally).map((request) => ({
            to: text(request.to, tally),
            method: text(request.method, tally),
            path: text(request.path, tally),
            body: text(request.body, tally),
            content_type: text(request.content_type, tally)
          })),
          id: text(step.id, tally),
          risks: texts(step.risks, tally),
          blast_radius: text(step.blast_radius, tally),
          undo: text(step.undo, tally)
        })),
        notes: texts(action.notes, tally),
        by: text(action.approval?.by ?? null, tally),
        reason: text(action.reason, tally),
        results: take(action.results, tally).map((result) => ({
          step_id: text(result.step_id, tally),
          outcome: text(result.outcome, tally),
          time: integer(result.time),
          message: text(result.message, tally),
          responses: take(result.responses, tally).map((response) => ({
            method: text(response.method, tally),
            path: text(response.path, tally),
            status: integer(response.status)
          }))
        }))
      }
    }
  }
  return finish(document, tally)
}
