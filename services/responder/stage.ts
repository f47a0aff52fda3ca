import type { Incident } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import { NO_FACTS } from '../core/respond/facts.ts'
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
}

/**
 * The responder as a stage: incidents in, plans out. It only plans: nothing is done to any cluster. It has no state; the same
 * plan has the same id, so that writing it again changes nothing.
 * @throws WeirError when a playbook cannot be read or is not valid
 */
export function createResponderStage(ports: ResponderPorts): Stage {
  const { codec, log, options, now_ms } = ports
  const playbooks = ports.playbooks ?? loadPlaybooks(options.playbooks)
  log?.info({ playbooks: playbooks.map(({ name }) => name) }, 'playbooks loaded')
  const facts = { ...NO_FACTS, weir_namespace: options.weir_namespace }

  function planMessage(incident: Incident): OutgoingMessage | null {
    if (incident.status !== 'open' || severityRank(incident.severity) < severityRank(options.severity)) return null
    const playbook = choosePlaybook(incident, playbooks)
    const plan = playbook === null ? null : planFor(incident, facts, playbook)
    if (plan === null) return null
    plansOut.inc({ playbook: plan.playbook })
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
        const message = planMessage(incident)
        if (message !== null) outputs.push(message)
      }
      return outputs
    }
  }
}
