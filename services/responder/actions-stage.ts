import type { Action } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import { toDeadLetter } from '../platform/dead-letter.ts'
import type { Logger } from '../platform/log.ts'
import { actionsRefused } from '../platform/metrics.ts'
import type { Message, OutgoingMessage, Stage } from '../platform/stage.ts'
import { VERSION } from '../platform/version.ts'
import { type ApprovalKeys, refusalOfApproval } from './approvals.ts'
import { isCommand } from './commands.ts'
import type { Executor } from './execute.ts'
import type { ResponderOptions } from './options.ts'

export interface ActionsStagePorts {
  readonly codec: Pick<Codec, 'encode' | 'decode'>
  readonly executor: Executor
  readonly keys: ApprovalKeys
  readonly options: Pick<ResponderOptions, 'mode' | 'approval_valid_ms'>
  readonly now_ms: () => number
  /** Plans the incident again, when the cluster is no longer as an approved plan takes it to be. */
  readonly planAgain: (incident_id: string) => Promise<Action | null>
  readonly log?: Logger
}

/** How often work is kept alive while a plan is carried out, milliseconds. */
const HEARTBEAT_MS = 2_000

/**
 * Carries out what was approved: reads weir.actions.v1, of which it takes approvals only. A message that says it is one and is
 * not, is refused in the open: a record on the topic, the message itself as a dead letter, a metric and a log line.
 */
export function createActionsStage(ports: ActionsStagePorts): Stage {
  const { codec, executor, keys, options, now_ms, log } = ports

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
      toDeadLetter(message, reason)
    ]
  }

  async function work(message: Message): Promise<readonly OutgoingMessage[]> {
    if (message.value === null) return []
    const action = await codec.decode('action', message.value)
    // Plans, and records of what was done: of those the responder writes itself, nothing follows.
    if (action.status !== 'approved' || action.results.length > 0 || isCommand(action)) return []
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
