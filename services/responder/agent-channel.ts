import type { KeyObject } from 'node:crypto'
import type { Action } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { WeirError } from '../core/errors.ts'
import type { Stage } from '../platform/stage.ts'
import { COMMAND_VALID_MS, commandKey, commandOf } from './commands.ts'
import type { Delivered, PerformerPorts } from './perform.ts'

export interface AgentChannelPorts {
  readonly codec: Pick<Codec, 'decode'>
  readonly key: KeyObject
  readonly publish: (action: Action) => Promise<void>
  readonly now_ms: () => number
  /** Longest wait for an agent's answer, milliseconds. */
  readonly timeout_ms?: number
}

/** Commands to the agents of nodes and their answers, both over weir.actions.v1: agents need no open port. */
export function createAgentChannel({
  codec,
  key,
  publish,
  now_ms,
  timeout_ms = COMMAND_VALID_MS / 2
}: AgentChannelPorts) {
  const waiting = new Map<string, (delivered: Delivered) => void>()

  const toAgent: NonNullable<PerformerPorts['toAgent']> = async (node, request, plan, step) => {
    const command = commandOf(plan, step, request, key, now_ms() * 1000)
    if (command === null) return { status: 0, message: `the plan has no step ${step}` }
    const { promise, resolve } = Promise.withResolvers<Delivered>()
    waiting.set(commandKey(command), resolve)
    const timer = setTimeout(
      () => resolve({ status: 0, message: `the agent of node ${node} did not answer within ${timeout_ms} ms` }),
      timeout_ms
    )
    try {
      await publish(command)
      return await promise
    } finally {
      clearTimeout(timer)
      waiting.delete(commandKey(command))
    }
  }

  /** Takes the answers: a stage of its own, since whoever waits for one holds the partition of the other. */
  const answers: Stage = {
    name: 'responder-answers',
    inputs: ['weir.actions.v1'],
    handle: async ({ messages }) => {
      for (const { value } of messages) {
        if (value === null || waiting.size === 0) continue
        try {
          const action = await codec.decode('action', value)
          const [result] = action.results
          if (action.approval?.verb !== 'command' || result === undefined) continue
          waiting.get(commandKey(action))?.({
            status: result.responses[0]?.status ?? 0,
            message: result.message
          })
        } catch (error) {
          // What cannot be decoded is a dead letter of the stage that acts.
          if (!(error instanceof WeirError) || error.retriable) throw error
        }
      }
      return []
    }
  }
  return { toAgent, answers }
}
