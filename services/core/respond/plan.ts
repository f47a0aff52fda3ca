import { hash } from 'node:crypto'
import type { Action, ActionStep, Incident } from '../../../schemas/generated/types.ts'
import { plainText } from '../correlate/text.ts'
import { severityRank } from '../severity.ts'
import type { ActionDeclaration, DraftStep } from './actions/action.ts'
import { annotateEvidence } from './actions/annotate-evidence.ts'
import { collectEvidence } from './actions/collect-evidence.ts'
import { containWorkload } from './actions/contain-workload.ts'
import { deletePod } from './actions/delete-pod.ts'
import { drainNode } from './actions/drain-node.ts'
import { cordonNode, taintNode } from './actions/isolate-node.ts'
import { killProcessTree } from './actions/kill-process-tree.ts'
import { notify } from './actions/notify.ts'
import { quarantinePod } from './actions/quarantine-pod.ts'
import {
  deleteRoleBinding,
  deleteTokenSecret,
  denyCertificateRequest,
  objectPath,
  removeWebhook
} from './actions/remove-objects.ts'
import { revokeServiceAccount } from './actions/revoke-service-account.ts'
import { rotateServiceAccount } from './actions/rotate-service-account.ts'
import { freezeContainer, killContainer } from './actions/stop-container.ts'
import type { PlanFacts } from './facts.ts'
import { objectProtection, protectionOf } from './guard-rails.ts'
import { scopedName } from './names.ts'
import { permissionsOf } from './permissions.ts'
import type { ActionName, Playbook } from './playbook.ts'
import { coreClusterPath, corePath } from './requests.ts'
import { type Victims, victimsOf } from './victims.ts'

/** All there is to do, by the names that playbooks use. */
export const ACTIONS: Readonly<Record<ActionName, ActionDeclaration>> = {
  collect_evidence: collectEvidence,
  annotate_evidence: annotateEvidence,
  notify,
  quarantine_pod: quarantinePod,
  kill_process_tree: killProcessTree,
  freeze_container: freezeContainer,
  kill_container: killContainer,
  contain_workload: containWorkload,
  delete_pod: deletePod,
  revoke_service_account: revokeServiceAccount,
  rotate_service_account: rotateServiceAccount,
  delete_role_binding: deleteRoleBinding,
  delete_token_secret: deleteTokenSecret,
  deny_certificate_request: denyCertificateRequest,
  remove_webhook: removeWebhook,
  cordon_node: cordonNode,
  taint_node: taintNode,
  drain_node: drainNode
}

const MAX_NOTES = 50
/** A mistake with a node costs all its pods. */
const MAX_NODES = 1
const MAX_TEXT_BYTES = 500
const PLAN_MODES = { 'dry-run': 'dry_run', approve: 'approve', auto: 'auto' } as const

interface Described {
  readonly text: string
  readonly namespace: string | null
  /** The object in the cluster, where it was looked up. */
  readonly object?: unknown
}

/** Those that may be acted on, within a limit; the others become notes. */
function permitted<T>(
  items: readonly T[],
  limit: number,
  what: (item: T) => Described,
  protection: (namespace: string) => string | null,
  notes: string[]
): readonly T[] {
  const allowed = items.filter((item) => {
    const { text, namespace, object } = what(item)
    const reason = namespace === null ? null : protection(namespace)
    const own = objectProtection(object)
    if (reason !== null) notes.push(`${text} is left alone: namespace ${namespace} is protected, ${reason}`)
    else if (own !== null) notes.push(`${text} is left alone: ${own}`)
    return reason === null && own === null
  })
  for (const item of allowed.slice(limit))
    notes.push(`${what(item).text} is left to people: the playbook stops at ${limit}`)
  return allowed.slice(0, limit)
}

/** The victims that a playbook may act on, with a note for each that it may not. */
function withinBounds(victims: Victims, facts: PlanFacts, playbook: Playbook): Victims {
  const { limits, protected_namespaces } = playbook
  const { live } = facts
  const notes = [...victims.notes]
  const protection = (namespace: string) => protectionOf(namespace, facts.weir_namespace, protected_namespaces)
  const accounts = victims.serviceAccounts.filter((id) => {
    if (scopedName(id) !== null) return true
    notes.push(`service account ${id} is left alone: that is not the name of one`)
    return false
  })
  const pods = victims.pods.filter(({ namespace, name }) => {
    if (live == null || live.objects.has(corePath(namespace, 'pods', name))) return true
    notes.push(`pod ${namespace}/${name} is gone, or another pod has its name now`)
    return false
  })
  return {
    pods: permitted(
      pods,
      limits.pods,
      ({ namespace, name }) => ({
        text: `pod ${namespace}/${name}`,
        namespace,
        object: live?.objects.get(corePath(namespace, 'pods', name))
      }),
      protection,
      notes
    ),
    workloads: permitted(
      victims.workloads,
      limits.workloads,
      ({ kind, namespace, name }) => ({
        text: `${kind} ${namespace}/${name}`,
        namespace,
        object: live?.workloads.find(
          ({ workload }) => workload.kind === kind && workload.namespace === namespace && workload.name === name
        )?.object
      }),
      protection,
      notes
    ),
    serviceAccounts: permitted(
      accounts,
      limits.service_accounts,
      (id) => ({ text: `service account ${id}`, namespace: scopedName(id)?.namespace ?? null }),
      protection,
      notes
    ),
    hostProcesses: victims.hostProcesses,
    nodes: permitted(
      victims.nodes,
      MAX_NODES,
      (name) => ({ text: `node ${name}`, namespace: null, object: live?.objects.get(coreClusterPath('nodes', name)) }),
      protection,
      notes
    ),
    objects: permitted(
      victims.objects.filter((victim) => objectPath(victim) !== null),
      limits.objects,
      (victim) => ({
        text: `${victim.resource} ${victim.namespace === null ? '' : `${victim.namespace}/`}${victim.name}`,
        namespace: victim.namespace,
        object: live?.objects.get(objectPath(victim) ?? '')
      }),
      protection,
      notes
    ),
    notes
  }
}

function summaryOf(steps: readonly ActionStep[], playbook: Playbook): string {
  if (steps.length === 0) return `${playbook.title}: nothing that can be done without people`
  const counts = new Map<string, number>()
  for (const { name } of steps) counts.set(name, (counts.get(name) ?? 0) + 1)
  const parts = [...counts].map(([name, count]) => `${name.replaceAll('_', ' ')}${count > 1 ? ` ×${count}` : ''}`)
  return `${playbook.title}: ${parts.join(', ')}`
}

/** Words from incidents may be anybody's; requests are made of validated names only. */
function shown(draft: DraftStep): ActionStep {
  const undo_requests = draft.undo_requests ?? []
  return {
    ...draft,
    id: '',
    permissions: permissionsOf([...draft.requests, ...undo_requests]),
    undo_requests,
    risks: (draft.risks ?? []).map((risk) => plainText(risk, MAX_TEXT_BYTES)),
    description: plainText(draft.description, MAX_TEXT_BYTES),
    target: { ...draft.target, name: plainText(draft.target.name, MAX_TEXT_BYTES) },
    blast_radius: plainText(draft.blast_radius, MAX_TEXT_BYTES)
  }
}

/** Identity of a step: the same step of the same plan, however often it is delivered. */
export function stepId(plan: string, place: number): string {
  return hash('sha256', JSON.stringify(['step', plan, place])).slice(0, 16)
}

/**
 * Identity of a plan: a hash of all that carrying it out goes by, so that to approve an id is to approve exactly that.
 * @param plan its steps with or without their ids
 */
export function planId(plan: Pick<Action, 'cluster' | 'incident_id' | 'playbook' | 'steps'>): string {
  const steps = plan.steps.map(({ name, target, requests, undo_requests, permissions }) => [
    name,
    [target.type, target.id, target.name],
    [requests, undo_requests].map((list) =>
      list.map(({ to, method, path, body, content_type }) => [to, method, path, body, content_type])
    ),
    permissions.map(({ namespace, api_group, resource, verb, name: object }) => [
      namespace,
      api_group,
      resource,
      verb,
      object
    ])
  ])
  return hash('sha256', JSON.stringify(['plan', plan.cluster.id, plan.incident_id, plan.playbook, steps])).slice(0, 32)
}

/**
 * What a playbook would do about an incident, as a plan that only shows. The same incident, facts and playbook always give
 * the same plan with the same id; a plan that changes has another id.
 * @param facts what was looked up in the cluster
 * @returns null when there is neither anything to do nor to say
 */
export function planFor(incident: Incident, facts: PlanFacts, playbook: Playbook): Action | null {
  const victims = withinBounds(victimsOf(incident, facts), facts, playbook)
  const steps: ActionStep[] = []
  const notes = new Set(victims.notes)
  for (const { action, severity } of playbook.steps) {
    if (severityRank(incident.severity) < severityRank(severity)) continue
    const planned = ACTIONS[action].plan({ incident, victims, facts, playbook })
    steps.push(...planned.steps.map(shown))
    for (const note of planned.notes) notes.add(note)
  }
  if (steps.length === 0 && notes.size === 0) return null
  const more = notes.size - MAX_NOTES
  const id = planId({ cluster: incident.cluster, incident_id: incident.id, playbook: playbook.name, steps })
  return {
    id,
    // The same plan is the same record, however many revisions of the incident it is made from.
    time: incident.first,
    cluster: incident.cluster,
    incident_id: incident.id,
    incident_revision: incident.revision,
    status: 'planned',
    mode: facts.live == null ? 'dry_run' : PLAN_MODES[playbook.mode],
    playbook: playbook.name,
    summary: summaryOf(steps, playbook),
    steps: steps.map((step, place) => ({ ...step, id: stepId(id, place) })),
    approval: null,
    reason: null,
    results: [],
    notes: [
      ...[...notes].slice(0, MAX_NOTES).map((note) => plainText(note, MAX_TEXT_BYTES)),
      ...(more > 0 ? [`and ${more} more notes`] : [])
    ]
  }
}

/**
 * The playbook for an incident: the one that its gravest rule recommends, else the first, by name, whose trigger fits.
 */
export function choosePlaybook(incident: Incident, playbooks: readonly Playbook[]): Playbook | null {
  const recommended = playbooks.find(({ name }) => name === incident.playbook)
  if (recommended !== undefined) return recommended
  const fits = ({ when }: Playbook) =>
    severityRank(incident.severity) >= severityRank(when.severity) &&
    when.sources.every((source) => incident.sources.includes(source)) &&
    (when.entities.length === 0 ||
      incident.entities.some(({ type, role }) => role !== 'context' && when.entities.some((one) => one === type)))
  return playbooks.find(fits) ?? null
}
