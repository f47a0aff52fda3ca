import { setTimeout as sleep } from 'node:timers/promises'
import type { Action, ApiRequest, ApiResponse } from '../../schemas/generated/types.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import { arrayAt, isObject, type JsonObject, stringAt } from '../core/json.ts'
import { type Protection, refusalOf } from '../core/respond/guard-rails.ts'
import { objectPathOf, type Standing, standingOf } from '../core/respond/read-back.ts'
import { OPERATOR } from '../core/respond/requests.ts'
import type { ClusterAnswer, ClusterApi } from '../platform/kubernetes/cluster-api.ts'
import { refuse } from './errors.ts'
import type { Ledger, Run } from './ledger.ts'
import { sendPatiently } from './send.ts'

export const API_SERVER = 'kube-apiserver'
/** Most of an answer that is kept as evidence. */
const MAX_EVIDENCE_BYTES = 64 * 1024
/** Tries of one change, each after the cluster has been asked how things stand. */
const MAX_TRIES = 6
const FIRST_WAIT_MS = 50

/** How an answer from elsewhere than the API server ended. */
export interface Delivered {
  readonly status: number
  readonly message: string
}

export type Outcome = 'done' | 'already' | 'failed' | 'skipped' | 'undone'

export interface Performed {
  readonly outcome: Outcome
  readonly message: string
  readonly response: ApiResponse
}

export interface PerformerPorts {
  /** With the responder's own rights. */
  readonly api: ClusterApi
  readonly ledger: Ledger
  readonly protection: Protection
  /** Tells people. */
  readonly notify?: (body: string) => Promise<Delivered>
  /** Has the agent of a node do something; resolves when it has. */
  readonly toAgent?: (node: string, request: ApiRequest, plan: Action, step: string) => Promise<Delivered>
  /** Longest that answers to changes are waited for with new permissions, milliseconds. */
  readonly lag_ms?: number
}

const UNDER_WAY: Readonly<Record<Exclude<Standing, 'open'>, readonly [Outcome, string]>> = {
  so: ['already', 'it is so already'],
  gone: ['skipped', 'the object is gone'],
  other: ['failed', 'RESPOND_CLUSTER_CHANGED: it is not, or not as, what the plan was made for']
}

/** Whether somebody changed what an object is to be, after a time: its status does not count. */
function changedSince(object: JsonObject, time_ms: number): string | null {
  const entries = arrayAt(object, 'metadata', 'managedFields').filter(
    (entry) => stringAt(entry, 'subresource') !== 'status'
  )
  const later = entries.find((entry) => Date.parse(stringAt(entry, 'time') ?? '') > time_ms)
  return later === undefined ? null : (stringAt(later, 'manager') ?? 'somebody')
}

function performed(request: ApiRequest, outcome: Outcome, message: string, answer: ClusterAnswer | null): Performed {
  const { method, path } = request
  return { outcome, message, response: { method, path, status: answer?.status ?? 0, body: null } }
}

/** Does the single requests of plans: a change happens once, whatever becomes of the answer to it. */
export function createPerformer(ports: PerformerPorts) {
  const { api, ledger, protection } = ports

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

  /**
   * One request of a step.
   * @param begun_ms when the step had begun before the responder stopped; null for one that begins now
   */
  function perform(
    request: ApiRequest,
    token: string,
    run: Run,
    step: string,
    begun_ms: number | null
  ): Promise<Performed> {
    const purpose = `plan/${run.action.id}`
    if (request.to !== API_SERVER) return elsewhere(request, run, step)
    return request.method === 'GET' ? look(request, token, purpose) : change(request, token, purpose, run, begun_ms)
  }

  return { perform, current }
}
