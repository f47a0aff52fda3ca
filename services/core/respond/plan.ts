import { hash } from 'node:crypto'
import type { Action, ActionStep, Incident } from '../../../schemas/generated/types.ts'
import { plainText } from '../correlate/text.ts'
import { severityRank } from '../severity.ts'
import type { PlanAction } from './actions/action.ts'
import { collectEvidence } from './actions/collect-evidence.ts'
import { containWorkload } from './actions/contain-workload.ts'
import { deletePod } from './actions/delete-pod.ts'
import { killProcessTree } from './actions/kill-process-tree.ts'
import { quarantinePod } from './actions/quarantine-pod.ts'
import { revokeServiceAccount } from './actions/revoke-service-account.ts'
import type { PlanFacts } from './facts.ts'
import { protectionOf } from './guard-rails.ts'
import { scopedName } from './names.ts'
import type { ActionName, Playbook } from './playbook.ts'
import { type Victims, victimsOf } from './victims.ts'

const ACTIONS: Readonly<Record<ActionName, PlanAction>> = {
  collect_evidence: collectEvidence,
  quarantine_pod: quarantinePod,
  kill_process_tree: killProcessTree,
  contain_workload: containWorkload,
  delete_pod: deletePod,
  revoke_service_account: revokeServiceAccount
}

const MAX_NOTES = 50
const MAX_TEXT_BYTES = 500

/** Those that may be acted on, within a limit; the others become notes. */
function permitted<T>(
  items: readonly T[],
  limit: number,
  what: (item: T) => { readonly text: string; readonly namespace: string | null },
  protection: (namespace: string) => string | null,
  notes: string[]
): readonly T[] {
  const allowed = items.filter((item) => {
    const { text, namespace } = what(item)
    const reason = namespace === null ? null : protection(namespace)
    if (reason !== null) notes.push(`${text} is left alone: namespace ${namespace} is protected, ${reason}`)
    return reason === null
  })
  for (const item of allowed.slice(limit))
    notes.push(`${what(item).text} is left to people: the playbook stops at ${limit}`)
  return allowed.slice(0, limit)
}

/** The victims that a playbook may act on, with a note for each that it may not. */
function withinBounds(victims: Victims, facts: PlanFacts, playbook: Playbook): Victims {
  const { limits, protected_namespaces } = playbook
  const notes = [...victims.notes]
  const protection = (namespace: string) => protectionOf(namespace, facts.weir_namespace, protected_namespaces)
  const accounts = victims.serviceAccounts.filter((id) => {
    if (scopedName(id) !== null) return true
    notes.push(`service account ${id} is left alone: that is not the name of one`)
    return false
  })
  return {
    pods: permitted(
      victims.pods,
      limits.pods,
      ({ namespace, name }) => ({ text: `pod ${namespace}/${name}`, namespace }),
      protection,
      notes
    ),
    workloads: permitted(
      victims.workloads,
      limits.workloads,
      ({ kind, namespace, name }) => ({ text: `${kind} ${namespace}/${name}`, namespace }),
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
function shown(step: ActionStep): ActionStep {
  return {
    ...step,
    description: plainText(step.description, MAX_TEXT_BYTES),
    target: { ...step.target, name: plainText(step.target.name, MAX_TEXT_BYTES) },
    blast_radius: plainText(step.blast_radius, MAX_TEXT_BYTES)
  }
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
    const planned = ACTIONS[action]({ incident, victims, facts, playbook })
    steps.push(...planned.steps.map(shown))
    for (const note of planned.notes) notes.add(note)
  }
  if (steps.length === 0 && notes.size === 0) return null
  const more = notes.size - MAX_NOTES
  return {
    id: hash('sha256', JSON.stringify(['plan', incident.id, playbook.name, steps])).slice(0, 32),
    // The same plan is the same record, however many revisions of the incident it is made from.
    time: incident.first,
    cluster: incident.cluster,
    incident_id: incident.id,
    incident_revision: incident.revision,
    status: 'planned',
    mode: 'dry_run',
    playbook: playbook.name,
    summary: summaryOf(steps, playbook),
    steps,
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
