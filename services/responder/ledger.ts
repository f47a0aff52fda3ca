import { hash } from 'node:crypto'
import type { Action, StepResult } from '../../schemas/generated/types.ts'
import { WeirError } from '../core/errors.ts'
import { arrayAt, isObject, parseJson, stringAt } from '../core/json.ts'
import { corePath } from '../core/respond/requests.ts'
import { PERMISSION_NAMESPACE } from '../core/respond/roles.ts'
import type { ClusterApi } from '../platform/kubernetes/cluster-api.ts'
import { RESPONDER_ERRORS } from './errors.ts'
import { sendPatiently } from './send.ts'

/** Object whose being there stops the responder. */
const STOP = 'weir-stop'
/** How long a run that has ended is remembered: far longer than an approval counts. */
const KEPT_MS = 48 * 3_600_000
/** What an object of the cluster can hold, less some. */
const MAX_PLAN_CHARACTERS = 700_000
const PATIENCE = { lag_ms: 0, deadline_ms: 15_000 } as const

/** begun: steps are being done; watching: they are, and what comes back is looked for; ended. */
export type RunState = 'begun' | 'watching' | 'ended'

/** One carrying out, or taking back, of a plan. */
export interface Run {
  readonly name: string
  readonly action: Action
  readonly verb: 'approve' | 'undo'
  readonly state: RunState
  readonly begun_ms: number
  readonly watch_until_ms: number
  readonly results: readonly StepResult[]
  /** Version of the object, so that of two writers one loses. */
  readonly version: string
}

const path = (...name: readonly string[]) => corePath(PERMISSION_NAMESPACE, 'configmaps', ...name)

/** Name of a run: one for each approval and round, so that an approval that is delivered or replayed again begins nothing. */
function runName({ id, approval }: Action, verb: string, round: number): string {
  const by = approval?.signature ?? (round === 0 ? 'auto' : `auto ${round}`)
  return `weir-run-${hash('sha256', JSON.stringify([id, verb, by])).slice(0, 24)}`
}

/** An action and results have no bigints and no binary: they are JSON. */
function bodyOf(run: Run): string {
  const { name, action, verb, state, begun_ms, watch_until_ms, version } = run
  const results = run.results.map((result) => ({ ...result, responses: [] }))
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      labels: { 'app.kubernetes.io/managed-by': 'weir', 'weir.io/run': 'true', 'weir.io/plan': action.id },
      ...(version === '' ? {} : { resourceVersion: version })
    },
    data: {
      action: JSON.stringify({ ...action, results: [] }),
      run: JSON.stringify({ verb, state, begun_ms, watch_until_ms, results })
    }
  })
}

function runOf(object: unknown): Run | null {
  const action = parseJson(stringAt(object, 'data', 'action'))
  const run = parseJson(stringAt(object, 'data', 'run'))
  const name = stringAt(object, 'metadata', 'name')
  if (!isObject(action) || !isObject(run) || name === null) return null
  // Written by this file; whoever else can write here can do anything the responder can.
  return {
    ...(run as unknown as Omit<Run, 'action' | 'name' | 'version'>),
    name,
    action: action as unknown as Action,
    version: stringAt(object, 'metadata', 'resourceVersion') ?? ''
  }
}

/**
 * What was begun and done, kept in the cluster itself: it is there when Kafka is not, it is where what it speaks of is, and the API
 * server lets one writer at a time change it.
 */
export function createLedger(api: ClusterApi, now_ms: () => number, weir_namespace: string) {
  // Where the responder itself may only look: it cannot take its own stop away.
  const stopPath = (...name: readonly string[]) => corePath(weir_namespace, 'configmaps', ...name)

  async function must(method: string, where: string, body: string | null, ...fine: readonly number[]) {
    const answer = await sendPatiently(api, { method, path: where, body }, {}, PATIENCE)
    if (answer.status === 200 || answer.status === 201 || fine.includes(answer.status)) return answer
    const text = `${method} ${where}: ${answer.status} ${stringAt(answer.body, 'message') ?? answer.text.slice(0, 200)}`
    throw new WeirError(RESPONDER_ERRORS, 'RESPOND_LEDGER', text)
  }

  async function list(selector: string): Promise<readonly Run[]> {
    const query = `?labelSelector=${encodeURIComponent(selector)}`
    const { body } = await must('GET', `${path()}${query}`, null)
    return arrayAt(body, 'items').flatMap((item) => runOf(item) ?? [])
  }

  return {
    /**
     * Begins a run, once for each approval.
     * @param round of a plan that needs no approval, and that is carried out again because what it stopped came back
     * @returns the run, and whether it was begun just now
     * @throws RESPOND_LEDGER, RESPOND_LIMIT
     */
    async begin(action: Action, verb: Run['verb'], round = 0): Promise<{ readonly run: Run; readonly isNew: boolean }> {
      const name = runName(action, verb, round)
      const run: Run = {
        name,
        action,
        verb,
        state: 'begun',
        begun_ms: now_ms(),
        watch_until_ms: 0,
        results: [],
        version: ''
      }
      const body = bodyOf(run)
      if (body.length > MAX_PLAN_CHARACTERS) {
        const text = `the plan has ${body.length} characters; ${MAX_PLAN_CHARACTERS} is the most`
        throw new WeirError(RESPONDER_ERRORS, 'RESPOND_LIMIT', text)
      }
      const answer = await must('POST', path(), body, 409)
      if (answer.status === 201)
        return { run: { ...run, version: stringAt(answer.body, 'metadata', 'resourceVersion') ?? '' }, isNew: true }
      const known = runOf((await must('GET', path(name), null)).body)
      if (known !== null) return { run: known, isNew: false }
      throw new WeirError(RESPONDER_ERRORS, 'RESPOND_LEDGER', `what ${name} holds is not a run`)
    },

    /** @throws RESPOND_LEDGER also when another writer was faster: then this one must stop. */
    async save(run: Run): Promise<Run> {
      const { body } = await must('PUT', path(run.name), bodyOf(run))
      return { ...run, version: stringAt(body, 'metadata', 'resourceVersion') ?? '' }
    },

    list: () => list('weir.io/run=true'),
    ofPlan: (id: string) => list(`weir.io/run=true,weir.io/plan=${id}`),

    /** Forgets runs that ended long ago. */
    async prune(): Promise<void> {
      for (const { name, state, begun_ms } of await list('weir.io/run=true'))
        if (state === 'ended' && begun_ms < now_ms() - KEPT_MS) await must('DELETE', path(name), null, 404)
    },

    /** Who stopped the responder, or null while it may act. @throws RESPOND_LEDGER: what cannot be known is taken for a stop */
    async stoppedBy(): Promise<string | null> {
      const answer = await must('GET', stopPath(STOP), null, 404)
      return answer.status === 404 ? null : (stringAt(answer.body, 'data', 'by') ?? 'somebody')
    },

    async stop(by: string): Promise<void> {
      const body = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: STOP },
        data: { by, time_ms: String(now_ms()) }
      }
      await must('POST', stopPath(), JSON.stringify(body), 409)
    },

    async resume(): Promise<void> {
      await must('DELETE', stopPath(STOP), null, 404)
    }
  }
}

export type Ledger = ReturnType<typeof createLedger>
