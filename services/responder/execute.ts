import { setTimeout as sleep } from 'node:timers/promises'
import type { Action, ActionStep, ApiRequest, ApiResponse, StepResult } from '../../schemas/generated/types.ts'
import { plainText } from '../core/correlate/text.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import { arrayAt, at, isObject, type JsonObject, stringAt } from '../core/json.ts'
import { objectProtection, type Protection, refusalOf } from '../core/respond/guard-rails.ts'
import { permissionsOf } from '../core/respond/permissions.ts'
import { planId, stepId } from '../core/respond/plan.ts'
import { objectPathOf, type Standing, standingOf } from '../core/respond/read-back.ts'
import { isEviction, OPERATOR } from '../core/respond/requests.ts'
import type { ClusterAnswer, ClusterApi } from '../platform/kubernetes/cluster-api.ts'
import type { Logger } from '../platform/log.ts'
import { RESPONDER_ERRORS, type ResponderErrorCode } from './errors.ts'
import type { Grant, Grants } from './grants.ts'
import type { Ledger, Run } from './ledger.ts'
import { sendPatiently } from './send.ts'

const API_SERVER = 'kube-apiserver'
/** Most of an answer that is kept as evidence. */
const MAX_EVIDENCE_BYTES = 64 * 1024
const MAX_MESSAGE_BYTES = 500
/** Tries of one change, each after the cluster has been asked how things stand. */
const MAX_TRIES = 6
const FIRST_WAIT_MS = 50
const HOUR_MS = 3_600_000

export interface ExecutorLimits {
  readonly plans_per_hour: number
  readonly changes_per_hour: number
  readonly plans_at_once: number
  readonly pods_per_plan: number
}

/** How an answer from elsewhere than the API server ended. */
export interface Delivered {
  readonly status: number
  readonly message: string
}

export interface ExecutorPorts {
  /** With the responder's own rights. */
  readonly api: ClusterApi
  readonly grants: Grants
  readonly ledger: Ledger
  /** Resolves when the record is kept: nothing is done before. */
  readonly publish: (action: Action) => Promise<void>
  readonly now_ms: () => number
  readonly cluster_id: string
  readonly limits: ExecutorLimits
  readonly protection: Protection
  readonly watch_ms: number
  /** Tells people. */
  readonly notify?: (body: string) => Promise<Delivered>
  /** Has the agent of a node do something; resolves when it has. */
  readonly toAgent?: (node: string, request: ApiRequest, plan: Action, step: string) => Promise<Delivered>
  /** Longest that answers to changes are waited for with new permissions, milliseconds. */
  readonly lag_ms?: number
  /** Called at each point at which a crash has to be survived, for tests that end the process there. */
  readonly checkpoint?: (name: string) => void
  readonly log?: Logger
}

type Outcome = 'done' | 'already' | 'failed' | 'skipped' | 'undone'

interface Performed {
  readonly outcome: Outcome
  readonly message: string
  readonly response: ApiResponse
}

const refuse = (code: ResponderErrorCode, message: string) => new WeirError(RESPONDER_ERRORS, code, message)

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

/** Whether somebody changed what an object is to be, after a time: its status does not count. */
function changedSince(object: JsonObject, time_ms: number): string | null {
  const entries = arrayAt(object, 'metadata', 'managedFields').filter(
    (entry) => stringAt(entry, 'subresource') !== 'status'
  )
  const later = entries.find((entry) => Date.parse(stringAt(entry, 'time') ?? '') > time_ms)
  return later === undefined ? null : (stringAt(later, 'manager') ?? 'somebody')
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
  const { api, grants, ledger, now_ms, protection, limits, log, checkpoint = () => {} } = ports
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

  async function current(request: ApiRequest, token: string | null): Promise<JsonObject | null> {
    const as = token === null ? {} : { token }
    const { status, body } = await sendPatiently(api, { method: 'GET', path: objectPathOf(request) }, as, {
      lag_ms: 0,
      deadline_ms: 10_000
    })
    return status === 200 && isObject(body) ? body : null
  }

  /** What may not be done, or not now: asked again before each change, since a plan may take a while. */
  async function refusal(request: ApiRequest, undoing: boolean): Promise<WeirError | null> {
    const reason = refusalOf(request, protection, undoing)
    if (reason !== null) return refuse('RESPOND_PROTECTED', reason)
    const by = await ledger.stoppedBy()
    return by === null ? null : refuse('RESPOND_STOPPED', `${by} stopped the responder`)
  }

  /** What there is to do about a change that cannot be made: an undo has nothing to take back from what took a name since. */
  const standingResult = (standing: Exclude<Standing, 'open'>, run: Run): readonly [Outcome, string] =>
    standing === 'other' && run.verb === 'undo' ? ['skipped', 'another object has its name now'] : UNDER_WAY[standing]

  function performed(request: ApiRequest, outcome: Outcome, message: string, answer: ClusterAnswer | null): Performed {
    const { method, path } = request
    return { outcome, message, response: { method, path, status: answer?.status ?? 0, body: null } }
  }

  const UNDER_WAY: Readonly<Record<Exclude<Standing, 'open'>, readonly [Outcome, string]>> = {
    so: ['already', 'it is so already'],
    gone: ['skipped', 'the object is gone'],
    other: ['failed', 'RESPOND_CLUSTER_CHANGED: it is not, or not as, what the plan was made for']
  }

  /** One change: sent, and when its end is not known, read back from the cluster. */
  async function change(
    request: ApiRequest,
    token: string,
    purpose: string,
    run: Run,
    resumed_ms: number | null
  ): Promise<Performed> {
    const undoing = run.verb === 'undo'
    const no = await refusal(request, undoing)
    if (no !== null) return performed(request, 'failed', String(no), null)
    if (resumed_ms !== null && request.method !== 'DELETE') {
      const object = await current(request, null)
      const standing = standingOf(request, object)
      if (standing === 'so') return performed(request, 'done', 'it was done before the responder stopped', null)
      if (standing !== 'open') return performed(request, ...standingResult(standing, run), null)
      // A scale has no managers of its own fields: the workload has.
      const whole = request.path.endsWith('/scale')
        ? await current({ ...request, path: request.path.slice(0, -'/scale'.length) }, null)
        : object
      const other = whole === null ? null : changedSince(whole, resumed_ms)
      // Done before the crash and taken back by somebody, perhaps: doing it again is theirs to decide.
      if (other !== null)
        return performed(
          request,
          'failed',
          `RESPOND_CLUSTER_CHANGED: ${other} changed it after this step had begun`,
          null
        )
    }
    const lag_ms = ports.lag_ms ?? 5_000
    const started = performance.now()
    for (let tries = 1, wait_ms = FIRST_WAIT_MS; ; tries += 1, wait_ms *= 2) {
      let answer: ClusterAnswer
      try {
        answer = await api.send(request, { token, purpose })
      } catch (error) {
        if (!(error instanceof WeirError)) throw error
        answer = { status: 0, body: undefined, text: messageOf(error), retry_after_ms: null }
      }
      const { status } = answer
      if (status >= 200 && status < 300) return performed(request, 'done', 'done', answer)
      const isNew = status === 403 && performance.now() - started < lag_ms
      const said =
        `${status === 0 ? 'no answer' : status} ${stringAt(answer.body, 'message') ?? answer.text.slice(0, 200)}`.trim()
      if (status === 404 && request.method !== 'POST') {
        return performed(request, ...UNDER_WAY[request.method === 'DELETE' ? 'so' : 'gone'], answer)
      }
      if (!isNew) {
        if (status === 403) return performed(request, 'failed', said, answer)
        // Refused, contended or without an answer: the cluster says how it stands.
        if (request.method !== 'DELETE' || (status !== 0 && status !== 429 && status < 500)) {
          const standing = standingOf(request, await current(request, null))
          if (standing === 'so' && (status === 0 || status >= 500))
            return performed(request, 'done', `done, though the answer was ${said}`, answer)
          if (standing !== 'open') return performed(request, ...standingResult(standing, run), answer)
        }
        if (tries >= MAX_TRIES || status === 400 || status === 422) return performed(request, 'failed', said, answer)
      }
      await sleep(Math.min(answer.retry_after_ms ?? wait_ms, 5_000))
    }
  }

  /** One read, kept as evidence. */
  async function look(request: ApiRequest, token: string, purpose: string): Promise<Performed> {
    const answer = await sendPatiently(
      api,
      request,
      { token, purpose },
      { lag_ms: ports.lag_ms ?? 5_000, deadline_ms: 15_000 }
    )
    const ok = answer.status >= 200 && answer.status < 300
    const result = performed(
      request,
      ok ? 'done' : 'failed',
      ok ? 'kept' : `${answer.status} ${stringAt(answer.body, 'message') ?? answer.text.slice(0, 200)}`,
      answer
    )
    return { ...result, response: { ...result.response, body: answer.text.slice(0, MAX_EVIDENCE_BYTES) } }
  }

  async function elsewhere(request: ApiRequest, run: Run, step: string): Promise<Performed> {
    const undelivered = (message: string) => performed(request, 'skipped', message, null)
    const of = async (delivered: Promise<Delivered>) => {
      try {
        const { status, message } = await delivered
        // What an agent cannot do is no failure of the plan: its other steps stand by themselves.
        const outcome = status >= 200 && status < 300 ? 'done' : status === 501 ? 'skipped' : 'failed'
        return {
          outcome,
          message,
          response: { method: request.method, path: request.path, status, body: null }
        } as const
      } catch (error) {
        return performed(request, 'failed', messageOf(error), null)
      }
    }
    if (request.to === OPERATOR) return undelivered('takes the rights of the person who takes it back')
    if (request.to === 'notify') {
      return ports.notify === undefined
        ? undelivered('the settings have nobody to tell')
        : of(ports.notify(request.body ?? ''))
    }
    const node = request.to.replace(/^node-agent\//, '')
    const by = await ledger.stoppedBy()
    if (by !== null) return performed(request, 'failed', `RESPOND_STOPPED: ${by} stopped the responder`, null)
    return ports.toAgent === undefined
      ? undelivered(`the agent of node ${node} takes no requests`)
      : of(ports.toAgent(node, request, run.action, step))
  }

  async function doStep(run: Run, step: ActionStep, requests: readonly ApiRequest[], token: string): Promise<Run> {
    const purpose = `plan/${run.action.id}`
    const begun = run.results.find(({ step_id, outcome }) => step_id === step.id && outcome === 'intended')
    let saved = begun === undefined ? await note(run, step.id, 'intended', step.description) : run
    checkpoint(`before ${step.name}`)
    const all: Performed[] = []
    for (const request of requests) {
      if (request.to !== API_SERVER) all.push(await elsewhere(request, saved, step.id))
      else if (request.method === 'GET') all.push(await look(request, token, purpose))
      else all.push(await change(request, token, purpose, saved, begun === undefined ? null : begun.time / 1000))
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
