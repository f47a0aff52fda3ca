import { type KeyObject, sign, verify } from 'node:crypto'
import type { Action, ActionStep, ApiRequest, Approval } from '../../schemas/generated/types.ts'

/** How long a command counts after it was signed, milliseconds: longer than an agent is away for while it restarts. */
export const COMMAND_VALID_MS = 60_000
const CLOCK_SKEW_MS = 60_000

/** What is signed: all that an agent acts by. */
function signedBytes(
  action: Pick<Action, 'id' | 'cluster'>,
  step: Pick<ActionStep, 'id' | 'requests'>,
  signed_at: number
): Buffer {
  const requests = step.requests.map(({ to, method, path, body }) => [to, method, path, body])
  return Buffer.from(JSON.stringify(['weir command v1', action.cluster.id, action.id, step.id, requests, signed_at]))
}

/**
 * A request to the agent of a node, as a message on weir.actions.v1: the plan with one step of one request, signed by the
 * responder, so that nobody else who can write there can have an agent do anything.
 */
export function commandOf(
  plan: Action,
  step_id: string,
  request: ApiRequest,
  key: KeyObject,
  now_us: number
): Action | null {
  const known = plan.steps.find(({ id }) => id === step_id)
  if (known === undefined) return null
  const step = { ...known, requests: [request], undo_requests: [] }
  const signature = sign(null, signedBytes(plan, step, now_us), key).toString('base64')
  const approval: Approval = { verb: 'command', by: 'responder', signed_at: now_us, signature }
  return { ...plan, status: 'approved', time: now_us, steps: [step], notes: [], results: [], approval }
}

/** Whether a message is a command; whether it is a good one, `refusalOfCommand` says. */
export function isCommand({ status, approval, results }: Action): boolean {
  return status === 'approved' && approval?.verb === 'command' && results.length === 0
}

/**
 * Why a command does not count, or null when it does.
 * @param key the responder's public key
 * @returns `old` for one that was good once: a topic is read from its start by an agent that is new
 */
export function refusalOfCommand(action: Action, key: KeyObject, now_ms: number): string | null {
  const { approval, steps } = action
  const [step, ...more] = steps
  if (approval === null || step === undefined || more.length > 0) return 'a command has one step and a signature'
  if (!verify(null, signedBytes(action, step, approval.signed_at), key, Buffer.from(approval.signature, 'base64')))
    return 'the signature is not the responder’s for this command'
  const age_ms = now_ms - approval.signed_at / 1000
  return age_ms > COMMAND_VALID_MS || age_ms < -CLOCK_SKEW_MS ? 'old' : null
}

const STATUS = { done: 200, failed: 500, skipped: 501 } as const

/** What became of a command, as a message on weir.actions.v1. */
export function answerOf(
  command: Action,
  outcome: 'done' | 'failed' | 'skipped',
  message: string,
  now_us: number
): Action {
  const responses = (command.steps[0]?.requests ?? []).map(({ method, path }) => ({
    method,
    path,
    status: STATUS[outcome],
    body: null
  }))
  const step_id = command.steps[0]?.id ?? ''
  const result = { step_id, outcome, time: now_us, message, responses }
  return { ...command, time: now_us, results: [result] }
}

/** What waits for answers is found by: the signature is of one command alone. */
export const commandKey = ({ approval }: Action): string => approval?.signature ?? ''
