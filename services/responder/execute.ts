import type { Action, ActionStep, ApiRequest, ApiResponse, StepResult } from '../../schemas/generated/types.ts'
import { plainText } from '../core/correlate/text.ts'
import { WeirError } from '../core/errors.ts'
import { at, type JsonObject } from '../core/json.ts'
import { objectProtection, refusalOf } from '../core/respond/guard-rails.ts'
import { permissionsOf } from '../core/respond/permissions.ts'
import { planId, stepId } from '../core/respond/plan.ts'
import { standingOf } from '../core/respond/read-back.ts'
import { isEviction } from '../core/respond/requests.ts'
import type { Logger } from '../platform/log.ts'
import { refuse } from './errors.ts'
import type { Grant, Grants } from './grants.ts'
import type { Run } from './ledger.ts'
import { API_SERVER, createPerformer, type Outcome, type Performed, type PerformerPorts } from './perform.ts'

const MAX_MESSAGE_BYTES = 500
const HOUR_MS = 3_600_000

export interface ExecutorLimits {
  readonly plans_per_hour: number
  readonly changes_per_hour: number
  readonly plans_at_once: number
  readonly pods_per_plan: number
}

export interface ExecutorPorts extends PerformerPorts {
  readonly grants: Grants
  /** Resolves when the record is kept: nothing is done before. */
  readonly publish: (action: Action) => Promise<void>
  readonly now_ms: () => number
  readonly cluster_id: string
  readonly limits: ExecutorLimits
  readonly watch_ms: number
  /** Called at each point at which a crash has to be survived, for tests that end the process there. */
  readonly checkpoint?: (name: string) => void
  readonly log?: Logger
}

/** Pods that a change of this object stops. */
function podsStopped(request: ApiRequest, object: JsonObject): number {
  // Of deletions, those of what is no pod count, too: rather one too many than one too few.
  if (request.method === 'DELETE' || isEviction(request)) return 1
  if (request.method !== 'PATCH' || !(request.body ?? '').includes('/spec/')) return 0
  const counts = [
    ['spec', 'replicas'],
    ['status', 'currentNumberScheduled'],
    ['status', 'active']
  ].map((path) => Number(at(object, path)))
  return counts.find((count) => Number.isFinite(count)) ?? 0
}

/** What became of a step, from its requests: of evidence, every part is worth having, whatever became of the others. */
function summed(name: string, all: readonly Performed[]): Pick<Performed, 'outcome' | 'message'> {
  const missing = all.filter(({ outcome }) => outcome !== 'done').map(({ message }) => message)
  if (name === 'collect_evidence') {
    const kept = all.length - missing.length
    const outcome = kept > 0 ? 'done' : 'failed'
    return {
      outcome,
      message: [
        `kept ${kept} of ${all.length}`,
        // What an agent has kept is elsewhere: where, and its hash, are all that the record has of it.
        ...all
          .filter(({ outcome, response }) => outcome === 'done' && response.method === 'POST')
          .map(({ message }) => message),
        ...(missing.length > 0 ? [`not: ${missing.join('; ')}`] : [])
      ].join('; ')
    }
  }
  const changes = all.filter(({ response }) => response.method !== 'GET')
  const first = (wanted: Outcome) => changes.find(({ outcome }) => outcome === wanted)
  return first('failed') ?? first('done') ?? changes.at(-1) ?? { outcome: 'skipped', message: 'nothing to do' }
}

/** Carries plans out: each step once, whatever dies in between; recorded before and after; with the rights it takes and no others. */
export function createExecutor(ports: ExecutorPorts) {
  const { grants, ledger, now_ms, protection, limits, log, checkpoint = () => {} } = ports
  const { perform, current } = createPerformer(ports)
  const now_us = () => now_ms() * 1000

  async function record(
    run: Run,
    status: Action['status'],
    reason: string | null,
    bodies: readonly StepResult[] = []
  ): Promise<void> {
    const withBodies = run.results.map((result) => bodies.find((one) => one === result) ?? result)
    await ports.publish({ ...run.action, status, reason, time: now_us(), results: withBodies })
  }

  async function note(
    run: Run,
    step_id: string,
    outcome: string,
    message: string,
    responses: readonly ApiResponse[] = []
  ): Promise<Run> {
    const result = { step_id, outcome, time: now_us(), message: plainText(message, MAX_MESSAGE_BYTES), responses }
    const saved = await ledger.save({ ...run, results: [...run.results, result] })
    await record(saved, run.verb === 'undo' && outcome === 'undone' ? 'undone' : 'approved', null, [result])
    return saved
  }

  async function doStep(run: Run, step: ActionStep, requests: readonly ApiRequest[], token: string): Promise<Run> {
    const begun = run.results.find(({ step_id, outcome }) => step_id === step.id && outcome === 'intended')
    let saved = begun === undefined ? await note(run, step.id, 'intended', step.description) : run
    checkpoint(`before ${step.name}`)
    const all: Performed[] = []
    for (const request of requests) {
      all.push(await perform(request, token, saved, step.id, begun === undefined ? null : begun.time / 1000))
      checkpoint(`after ${step.name} ${request.method}`)
      // What reads is worth having even in parts; of changes, the later build on the earlier.
      if (all.at(-1)?.outcome === 'failed' && request.method !== 'GET') break
    }
    const { outcome, message } = summed(step.name, all)
    const named = run.verb === 'undo' && (outcome === 'done' || outcome === 'already') ? 'undone' : outcome
    saved = await note(
      saved,
      step.id,
      named,
      message,
      all.map(({ response }) => response)
    )
    checkpoint(`recorded ${step.name}`)
    return saved
  }

  const finalOf = (run: Run, step: string) =>
    run.results.find(({ step_id, outcome }) => step_id === step && outcome !== 'intended')

  /** What is to be sent, step by step: for an undo the last first, and of a known run only what it did. */
  async function workOf(run: Run): Promise<ReadonlyArray<readonly [ActionStep, readonly ApiRequest[]]>> {
    const { action, verb } = run
    if (verb === 'approve') return action.steps.map((step) => [step, step.requests] as const)
    const before = (await ledger.ofPlan(action.id)).filter((one) => one.verb === 'approve')
    // What is taken back is meant to come back.
    for (const one of before) if (one.state === 'watching') await ledger.save({ ...one, state: 'ended' })
    const wasDone = ({ id }: ActionStep) =>
      before.some(({ results }) =>
        results.some(({ step_id, outcome }) => step_id === id && outcome !== 'already' && outcome !== 'skipped')
      )
    return action.steps
      .filter((step) => step.undo_requests.length > 0 && wasDone(step))
      .toReversed()
      .map((step) => [step, step.undo_requests] as const)
  }

  /** The limits, and that the cluster is as the plan takes it to be. @throws RESPOND_LIMIT, RESPOND_PROTECTED, RESPOND_CLUSTER_CHANGED */
  async function check(run: Run, work: Awaited<ReturnType<typeof workOf>>): Promise<void> {
    const others = (await ledger.list()).filter(({ name, verb }) => name !== run.name && verb === 'approve')
    const hour = others.filter(({ begun_ms }) => begun_ms > now_ms() - HOUR_MS)
    const changesOf = ({ action }: Run) =>
      action.steps.flatMap(({ requests }) => requests).filter(({ method, to }) => method !== 'GET' && to !== 'notify')
        .length
    const changes = hour.reduce((sum, one) => sum + changesOf(one), changesOf(run))
    // One that nobody has taken up again within an hour is dead, and holds no permission any more.
    const running = hour.filter(({ state }) => state === 'begun').length
    if (run.verb === 'approve') {
      if (hour.length >= limits.plans_per_hour)
        throw refuse(
          'RESPOND_LIMIT',
          `${hour.length} plans were carried out within an hour; ${limits.plans_per_hour} is the most`
        )
      if (changes > limits.changes_per_hour)
        throw refuse(
          'RESPOND_LIMIT',
          `with this plan there were ${changes} changes within an hour; ${limits.changes_per_hour} is the most`
        )
      if (running >= limits.plans_at_once)
        throw refuse('RESPOND_LIMIT', `${running} plans are being carried out; ${limits.plans_at_once} is the most`)
    }
    let pods = 0
    for (const request of work.flatMap(([, requests]) => requests)) {
      const reason = refusalOf(request, protection, run.verb === 'undo')
      if (reason !== null) throw refuse('RESPOND_PROTECTED', `${request.method} ${request.path}: ${reason}`)
      if (request.to !== API_SERVER || request.method === 'GET') continue
      const object = await current(request, null)
      if (object === null) continue
      const own = objectProtection(object)
      if (own !== null) throw refuse('RESPOND_PROTECTED', `${request.method} ${request.path}: ${own}`)
      const standing = standingOf(request, object)
      if (standing === 'other' && run.verb === 'approve')
        throw refuse('RESPOND_CLUSTER_CHANGED', `${request.path} is not, or not as, what the plan was made for`)
      if (standing === 'open') pods += podsStopped(request, object)
    }
    if (run.verb === 'approve' && pods > limits.pods_per_plan) {
      throw refuse('RESPOND_LIMIT', `the plan stops ${pods} pods; ${limits.pods_per_plan} is the most`)
    }
  }

  async function end(run: Run, error: WeirError | null, watch: boolean): Promise<Action> {
    const failed = run.results.filter(({ outcome }) => outcome === 'failed')
    const reason =
      error !== null
        ? String(error)
        : failed.length > 0
          ? String(refuse('RESPOND_STEP_FAILED', failed.map(({ message }) => message).join('; ')))
          : null
    const saved = await ledger.save({
      ...run,
      state: watch ? 'watching' : 'ended',
      watch_until_ms: now_ms() + ports.watch_ms
    })
    const status = reason !== null ? 'failed' : run.verb === 'undo' ? 'undone' : 'done'
    await record(saved, status, reason)
    log?.info({ plan: run.action.id, status, reason }, 'plan carried out')
    return { ...saved.action, status, reason, time: now_us(), results: saved.results }
  }

  /**
   * Carries a plan out, or takes it back. To be called once its approval has been found good; calling it again, after a crash or
   * because a message came twice, goes on where it stopped or does nothing.
   * @param verb what the approval is for
   * @param round of a plan that needs no approval: how often it was carried out before, see `ledger.begin`
   * @returns the plan as it is now; null when this approval was worked off before
   * @throws WeirError that are retriable, of the ledger: nothing more was done than is recorded
   */
  async function carryOut(action: Action, verb: Run['verb'], round = 0): Promise<Action | null> {
    if (planId(action) !== action.id || action.steps.some((step, place) => step.id !== stepId(action.id, place))) {
      throw refuse('RESPOND_PLAN_FORGED', `the steps are not those of plan ${action.id}`)
    }
    if (action.cluster.id !== ports.cluster_id) {
      throw refuse('RESPOND_OTHER_CLUSTER', `the plan is for cluster ${action.cluster.id}, not ${ports.cluster_id}`)
    }
    const by = await ledger.stoppedBy()
    if (by !== null) throw refuse('RESPOND_STOPPED', `${by} stopped the responder`)
    const { run: begun, isNew } = await ledger.begin(action, verb, round)
    if (begun.state !== 'begun') return null
    let run = begun
    let grant: Grant | null = null
    checkpoint('begun')
    try {
      const work = await workOf(run)
      if (verb === 'undo' && work.length === 0)
        throw refuse('RESPOND_NOT_DONE', 'nothing of the plan was done that can be taken back')
      if (isNew) await check(run, work)
      const open = work.filter(([step]) => finalOf(run, step.id) === undefined)
      const permissions = permissionsOf(open.flatMap(([, requests]) => requests))
      if (!isNew) await grants.releaseOf(action.id)
      let token = ''
      if (permissions.length > 0) {
        const taken = await grants.take(action.id, permissions)
        token = taken.token
        grant = taken.grant
      }
      checkpoint('granted')
      for (const [step, requests] of open) {
        if (grant !== null && now_ms() >= grant.expires_ms)
          throw refuse('RESPOND_PERMISSION', 'the plan took longer than it may hold permissions')
        run = await doStep(run, step, requests, token)
      }
    } catch (error) {
      // The ledger is what says where to go on: without it there is no end, only another try.
      if (!(error instanceof WeirError) || error.code === 'RESPOND_LEDGER') throw error
      return await end(run, error, false)
    } finally {
      if (grant !== null) await grants.release(grant)
    }
    checkpoint('released')
    const mayComeBack =
      verb === 'approve' && run.action.steps.some(({ name }) => name === 'contain_workload' || name === 'delete_pod')
    return await end(run, null, mayComeBack)
  }

  return { carryOut }
}

export type Executor = ReturnType<typeof createExecutor>
