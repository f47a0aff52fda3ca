import type { Action, Incident } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import { NO_FACTS, type PlanFacts } from '../core/respond/facts.ts'
import { choosePlaybook, planFor } from '../core/respond/plan.ts'
import type { Playbook } from '../core/respond/playbook.ts'
import { severityRank } from '../core/severity.ts'
import { toDeadLetter } from '../platform/dead-letter.ts'
import type { Logger } from '../platform/log.ts'
import { plansOut } from '../platform/metrics.ts'
import type { OutgoingMessage, Stage } from '../platform/stage.ts'
import { VERSION } from '../platform/version.ts'
import { loadPlaybooks } from './load-playbooks.ts'
import type { ResponderOptions } from './options.ts'

export interface ResponderPorts {
  readonly codec: Pick<Codec, 'encode' | 'decode'>
  readonly options: ResponderOptions
  /** Milliseconds since the epoch. */
  readonly now_ms: () => number
  readonly log?: Logger
  /** Instead of those in the folders that come with Weir and that the options name. */
  readonly playbooks?: readonly Playbook[]
  /** Looks up in the cluster what a plan is made from; null when it cannot, and the plan then only shows. */
  readonly facts?: (incident: Incident) => Promise<PlanFacts | null>
  /** Carries out what needs no approval; resolves when it has, or what became of it is on record. */
  readonly carryOut?: (plan: Action) => Promise<void>
}

/** Incidents that are remembered, to be planned again. */
const MAX_INCIDENTS = 1_000

export interface ResponderStage extends Stage {
  /** Plans a recent incident again; null when it is not remembered, or there is nothing to do. */
  planAgain(incident_id: string): Promise<Action | null>
}

/**
 * The responder as a stage: incidents in, plans out. The same plan has the same id, so that writing it again changes nothing.
 * Nothing is done to any cluster, unless playbook and settings both say `auto`.
 * @throws WeirError when a playbook cannot be read or is not valid
 */
export function createResponderStage(ports: ResponderPorts): ResponderStage {
  const { codec, log, options, now_ms } = ports
  const playbooks = ports.playbooks ?? loadPlaybooks(options.playbooks)
  log?.info({ playbooks: playbooks.map(({ name }) => name) }, 'playbooks loaded')
  const withoutCluster = {
    ...NO_FACTS,
    weir_namespace: options.weir_namespace
  }
  const recent = new Map<string, Incident>()

  function remember(incident: Incident): void {
    recent.delete(incident.id)
    recent.set(incident.id, incident)
    const [oldest] = recent.keys()
    if (recent.size > MAX_INCIDENTS && oldest !== undefined) recent.delete(oldest)
  }

  async function planned(incident: Incident): Promise<Action | null> {
    if (incident.status !== 'open' || severityRank(incident.severity) < severityRank(options.severity)) return null
    const chosen = choosePlaybook(incident, playbooks)
    if (chosen === null) return null
    // The settings can protect more than a playbook does, never less.
    const playbook = {
      ...chosen,
      protected_namespaces: [...chosen.protected_namespaces, ...options.protected_namespaces]
    }
    const plan = planFor(incident, (await ports.facts?.(incident)) ?? withoutCluster, playbook)
    return plan === null ? null : { ...plan, mode: lesserMode(plan.mode, options.mode) }
  }

  async function planMessage(incident: Incident): Promise<OutgoingMessage | null> {
    remember(incident)
    const plan = await planned(incident)
    if (plan === null) return null
    plansOut.inc({ playbook: plan.playbook })
    if (plan.mode === 'auto' && ports.carryOut !== undefined) {
      try {
        await ports.carryOut(plan)
      } catch (error) {
        // A limit, a stop: the plan is there for people.
        if (!(error instanceof WeirError) || error.retriable) throw error
        log?.error({ plan: plan.id, code: error.code }, `plan not carried out: ${error.message}`)
        const refused: Action = { ...plan, status: 'failed', reason: String(error), time: now_ms() * 1000 }
        return { topic: 'weir.actions.v1', key: incident.id, value: codec.encode('action', refused) }
      }
    }
    return { topic: 'weir.actions.v1', key: incident.id, value: codec.encode('action', plan) }
  }

  return {
    name: 'responder',
    inputs: ['weir.incidents.v1'],
    handle: async ({ messages }) => {
      const outputs: OutgoingMessage[] = []
      // Of several revisions in a batch the last says all.
      const latest = new Map<string, Incident>()
      for (const message of messages) {
        // Kafka's compaction and retention may leave tombstones; they say nothing of an incident.
        if (message.value === null) continue
        try {
          const incident = await codec.decode('incident', message.value)
          if ((latest.get(incident.id)?.revision ?? 0) <= incident.revision) latest.set(incident.id, incident)
        } catch (error) {
          if (!(error instanceof WeirError) || error.retriable) throw error
          const reason = {
            stage: 'respond',
            service: 'responder',
            version: VERSION,
            code: error.code,
            message: messageOf(error),
            attempts: 1,
            failed_at_ms: now_ms()
          }
          outputs.push(toDeadLetter(message, reason))
        }
      }
      for (const incident of latest.values()) {
        const message = await planMessage(incident)
        if (message !== null) outputs.push(message)
      }
      return outputs
    },
    planAgain: async (incident_id) => {
      const incident = recent.get(incident_id)
      return incident === undefined ? null : await planned(incident)
    }
  }
}

const MODES = ['dry_run', 'approve', 'auto'] as const

/** Of what a playbook and the settings allow, the less. */
function lesserMode(mode: Action['mode'], most: ResponderOptions['mode']): Action['mode'] {
  return MODES[Math.min(MODES.indexOf(mode), ['dry-run', 'approve', 'auto'].indexOf(most))] ?? 'dry_run'
}
