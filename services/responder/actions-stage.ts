import type { KeyObject } from 'node:crypto'
import type { Action, Cluster } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import { forgedActionSignal } from '../core/respond/forged-signal.ts'
import { toDeadLetter } from '../platform/dead-letter.ts'
import type { Logger } from '../platform/log.ts'
import { actionsRefused } from '../platform/metrics.ts'
import type { Message, OutgoingMessage, Stage } from '../platform/stage.ts'
import { VERSION } from '../platform/version.ts'
import { type ApprovalKeys, refusalOfApproval } from './approvals.ts'
import { isCommand, refusalOfCommand } from './commands.ts'
import type { Executor } from './execute.ts'
import type { ResponderOptions } from './options.ts'

export interface ActionsStagePorts {
  readonly codec: Pick<Codec, 'encode' | 'decode'>
  readonly executor: Executor
  readonly keys: ApprovalKeys
  /** What the responder signs its commands to agents with, the public half; null when it sends none. */
  readonly command_key: KeyObject | null
  readonly cluster: Cluster
  readonly options: Pick<ResponderOptions, 'mode' | 'approval_valid_ms'>
  readonly now_ms: () => number
  /** Plans the incident again, when the cluster is no longer as an approved plan takes it to be. */
  readonly planAgain: (incident_id: string) => Promise<Action | null>
  readonly log?: Logger
}

/** Refusals that say that somebody wrote what nobody entitled has asked for. */
const FORGED: ReadonlySet<string> = new Set([
  'RESPOND_APPROVAL_FORGED',
  'RESPOND_PLAN_FORGED',
  'RESPOND_COMMAND_FORGED'
])

/** How often work is kept alive while a plan is carried out, milliseconds. */
const HEARTBEAT_MS = 2_000

/**
 * Carries out what was approved: reads weir.actions.v1, of which it takes approvals only. A message that says it is one and is
 * not, is refused in the open: a record on the topic, the message itself as a dead letter, a metric and a log line; and when it
 * is forged, a signal, since whoever can write there is inside. Commands to agents are checked here, too: agents refuse a forged
 * one by themselves, and cannot tell.
 */
export function createActionsStage(ports: ActionsStagePorts): Stage {
  const { codec, executor, keys, command_key, cluster, options, now_ms, log } = ports

  function refused(action: Action, message: Message, code: string, text: string): readonly OutgoingMessage[] {
    actionsRefused.inc({ code })
    log?.error({ plan: action.id, by: action.approval?.by ?? null, code }, `action refused: ${text}`)
    const record: Action = {
      ...action,
      status: 'failed',
      reason: `${code}: ${text}`,
      time: now_ms() * 1000,
      results: [],
      steps: []
    }
    const reason = {
      stage: 'act',
      service: 'responder',
      version: VERSION,
      code,
      message: text,
      attempts: 1,
      failed_at_ms: now_ms()
    }
    return [
      { topic: 'weir.actions.v1', key: action.incident_id, value: codec.encode('action', record) },
      toDeadLetter(message, reason),
      ...(FORGED.has(code) ? [forgery(action, message, code, text)] : [])
    ]
  }

  function forgery(action: Action, message: Message, code: string, reason: string): OutgoingMessage {
    const { topic, partition, offset, timestamp_ms } = message
    const signal = forgedActionSignal(cluster, {
      place: `${topic}/${partition}/${offset}`,
      time: timestamp_ms * 1000,
      code,
      reason,
      plan: action.id,
      by: action.approval?.by ?? null
    })
    return { topic: 'weir.signals.v1', key: cluster.id, value: codec.encode('signal', signal) }
  }

  /** Why a command is none of the responder's own; null for what is in order, or was once. */
  function forgeryOfCommand(action: Action): string | null {
    if (command_key === null) return 'the responder sends no commands: it has no key to sign them with'
    const no = refusalOfCommand(action, command_key, now_ms())
    return no === 'old' ? null : no
  }

  async function work(message: Message): Promise<readonly OutgoingMessage[]> {
    if (message.value === null) return []
    const action = await codec.decode('action', message.value)
    // Plans, and records of what was done: of those the responder writes itself, nothing follows.
    if (action.status !== 'approved' || action.results.length > 0) return []
    // Clusters may share a topic: each has a responder that knows whose word counts in it.
    if (action.cluster.id !== cluster.id) return []
    if (isCommand(action)) {
      const forged = forgeryOfCommand(action)
      return forged === null ? [] : refused(action, message, 'RESPOND_COMMAND_FORGED', forged)
    }
    const no = refusalOfApproval(action, action.approval, keys, {
      now_ms: now_ms(),
      valid_ms: options.approval_valid_ms
    })
    if (no !== null) return refused(action, message, no.code, no.message)
    if (options.mode === 'dry-run') return refused(action, message, 'RESPOND_MODE', '`responder.mode` is dry-run')
    try {
      const done = await executor.carryOut(action, action.approval?.verb === 'undo' ? 'undo' : 'approve')
      if (done?.reason?.startsWith('RESPOND_CLUSTER_CHANGED') !== true || done.results.length > 0) return []
      const again = await ports.planAgain(action.incident_id)
      return again === null
        ? []
        : [{ topic: 'weir.actions.v1', key: again.incident_id, value: codec.encode('action', again) }]
    } catch (error) {
      if (!(error instanceof WeirError) || error.retriable) throw error
      return refused(action, message, error.code, error.message)
    }
  }

  return {
    name: 'responder-actions',
    inputs: ['weir.actions.v1'],
    handle: async ({ messages }, { signal, heartbeat }) => {
      const outputs: OutgoingMessage[] = []
      const beat = setInterval(() => {
        // A partition that was lost is noticed below.
        heartbeat().catch(() => {})
      }, HEARTBEAT_MS)
      try {
        for (const message of messages) {
          if (signal.aborted) break
          try {
            outputs.push(...(await work(message)))
          } catch (error) {
            if (!(error instanceof WeirError) || error.retriable) throw error
            const reason = {
              stage: 'act',
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
      } finally {
        clearInterval(beat)
      }
      return outputs
    }
  }
}
