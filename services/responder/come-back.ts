import type { Action } from '../../schemas/generated/types.ts'
import type { Logger } from '../platform/log.ts'
import { RESPONDER_ERRORS } from './errors.ts'
import type { Ledger, Run } from './ledger.ts'

const HOUR_MS = 3_600_000
/** Incidents remembered as given up, so that each is said to be once. */
const MAX_REMEMBERED = 1_000
/** How often within an hour an incident is answered by itself: who brings it back that often is not stopped by stopping it. */
export const MAX_ROUNDS = 5

export interface ComeBackPorts {
  readonly ledger: Pick<Ledger, 'list'>
  readonly planAgain: (incident_id: string) => Promise<Action | null>
  readonly publish: (action: Action) => Promise<void>
  /** Carries out a plan that needs no approval; the round tells the same plan from its earlier runs. */
  readonly carryOut: (plan: Action, round: number) => Promise<void>
  readonly now_ms: () => number
  readonly log?: Logger
}

/**
 * What happens when something that was stopped came back: it is planned again as it is now, and in auto mode carried out again,
 * also where it is the very same plan, for so many rounds. Then it is left to people, since a playbook and whoever brings things
 * back would go on for ever.
 */
export function createComeBack({ ledger, planAgain, publish, carryOut, now_ms, log }: ComeBackPorts) {
  const given_up = new Set<string>()

  function giveUp(plan: Action, rounds: number): Promise<void> | null {
    if (given_up.has(plan.incident_id)) return null
    given_up.add(plan.incident_id)
    const [oldest] = given_up
    if (given_up.size > MAX_REMEMBERED && oldest !== undefined) given_up.delete(oldest)
    const reason = `RESPOND_LOOP: ${RESPONDER_ERRORS.RESPOND_LOOP.description} It was stopped ${rounds} times within an hour`
    log?.error({ incident: plan.incident_id, plan: plan.id, rounds }, reason)
    return publish({ ...plan, status: 'failed', reason, time: now_ms() * 1000 })
  }

  return async (incident_id: string): Promise<void> => {
    const plan = await planAgain(incident_id)
    if (plan === null) return
    const isRecent = ({ action, verb, begun_ms }: Run) =>
      action.incident_id === incident_id && verb === 'approve' && begun_ms > now_ms() - HOUR_MS
    const runs = (await ledger.list()).filter(isRecent)
    if (plan.mode !== 'auto' || plan.steps.length === 0) return await publish(plan)
    if (runs.length >= MAX_ROUNDS) return (await giveUp(plan, runs.length)) ?? undefined
    const same = runs.filter(({ action }) => action.id === plan.id)
    // It is being carried out, or will be taken up again by whoever reads its message.
    if (same.some(({ state }) => state === 'begun')) return
    given_up.delete(incident_id)
    await publish(plan)
    await carryOut(plan, same.length)
  }
}
