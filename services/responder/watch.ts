import type { Action, ActionStep, StepResult, Workload } from '../../schemas/generated/types.ts'
import { plainText } from '../core/correlate/text.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import { arrayAt, type JsonObject, stringAt } from '../core/json.ts'
import { keepersOf } from '../core/respond/actions/contain-live.ts'
import { scopedName } from '../core/respond/names.ts'
import { apiPathOf } from '../core/respond/permissions.ts'
import { corePath, groupClusterPath, uidOf } from '../core/respond/requests.ts'
import { workloadOf } from '../core/respond/victims.ts'
import type { ClusterApi } from '../platform/kubernetes/cluster-api.ts'
import type { Logger } from '../platform/log.ts'
import type { Ledger, Run } from './ledger.ts'
import { createReader, podAsWorkload } from './look-up.ts'
import { type WhoChanged, writerText } from './who-changed.ts'

const MAX_MESSAGE_BYTES = 800
/** How long after a comeback it is asked who did it: the audit log takes its time, and a second may come. Milliseconds. */
const TRACE_MS = 60_000
/** Manager names of Weir's own changes, from its user agent. */
const OWN_MANAGER = /^weir-/

export interface WatchPorts {
  readonly api: ClusterApi
  readonly ledger: Ledger
  readonly publish: (action: Action) => Promise<void>
  readonly now_ms: () => number
  /** Who last changed or made an object, from the audit log. */
  readonly whoChanged?: WhoChanged
  /** Called once for each time that something came back: what was stopped is to be planned anew, as it is now. */
  readonly onComeback?: (incident_id: string) => Promise<void>
  readonly log?: Logger
}

/** A pod that is, or is about to be, running something. */
const isAlive = (pod: JsonObject): boolean =>
  stringAt(pod, 'metadata', 'deletionTimestamp') === null &&
  !['Succeeded', 'Failed'].includes(stringAt(pod, 'status', 'phase') ?? '')

/** Who wrote what an object is to be, last: its field managers say, and Weir itself is left out. */
export function lastManager(object: JsonObject): string | null {
  const entries = arrayAt(object, 'metadata', 'managedFields')
    .filter((entry) => stringAt(entry, 'subresource') !== 'status')
    .map((entry) => ({
      manager: stringAt(entry, 'manager') ?? '',
      operation: stringAt(entry, 'operation') ?? '',
      time: stringAt(entry, 'time') ?? ''
    }))
    .filter(({ manager }) => manager !== '' && !OWN_MANAGER.test(manager))
    .sort((a, b) => (a.time < b.time ? 1 : -1))
  const [last] = entries
  return last === undefined ? null : `${last.manager} (${last.operation}, ${last.time})`
}

/** Mutating webhooks that see pods being made: they may have put into them what is running. */
async function webhooksOnPods(reader: ReturnType<typeof createReader>): Promise<readonly string[]> {
  const all = await reader.list(groupClusterPath('admissionregistration.k8s.io', 'v1', 'mutatingwebhookconfigurations'))
  const seesPods = (webhook: unknown) =>
    arrayAt(webhook, 'rules').some((rule) => {
      const has = (key: string, ...values: readonly string[]) =>
        arrayAt(rule, key).some((one) => values.includes(String(one)))
      return has('resources', 'pods', '*', '*/*', 'pods/*') && has('operations', 'CREATE', '*')
    })
  return all
    .filter((one) => arrayAt(one, 'webhooks').some(seesPods))
    .map((one) => stringAt(one, 'metadata', 'name') ?? '?')
}

/** What came back for a step, as sentences; empty while nothing did. */
async function comebacks(step: ActionStep, ports: WatchPorts): Promise<readonly string[]> {
  const reader = createReader(ports.api)
  const { target } = step
  const wanted: Workload | null = step.target.type === 'workload' ? workloadOf(target.name) : null
  const pod = target.type === 'pod' ? scopedName(target.name) : null
  const namespace = wanted?.namespace ?? pod?.namespace
  if (namespace == null) return []
  const found: string[] = []
  for (const one of await reader.list(corePath(namespace, 'pods'))) {
    if (!isAlive(one)) continue
    const name = stringAt(one, 'metadata', 'name') ?? ''
    if (pod !== null) {
      // A static pod keeps its UID; what was deleted has another when it comes back.
      const isBack = name === pod.name && (step.name === 'contain_workload' || uidOf(one) !== target.id)
      if (isBack) found.push(`pod ${namespace}/${name} is there again: ${(await traces(one, reader)).join('; ')}`)
      continue
    }
    const { workload, api_version } = await reader.topOwner({ apiVersion: 'v1', ...one }, podAsWorkload(one))
    if (wanted === null || workload.kind !== wanted.kind || workload.name !== wanted.name) continue
    const address = await reader.addressOf(workload, api_version)
    const object = address === null ? null : await reader.read(address.path)
    const isAnother = object !== null && uidOf(object) !== target.id
    const why = object === null ? [] : await traces(object, reader)
    const text = `${workload.kind} ${namespace}/${workload.name}${isAnother ? ', which was made again,' : ''}`
    found.push(`pod ${namespace}/${name} runs for ${text}: ${why.join('; ')}`)
  }
  return found
}

/** What an object itself says of who wrote it, and who may have. */
async function traces(object: JsonObject, reader: ReturnType<typeof createReader>): Promise<readonly string[]> {
  const manager = lastManager(object)
  const webhooks = await webhooksOnPods(reader)
  return [
    manager === null ? 'nobody but Weir has changed it' : `last written by ${manager}`,
    ...keepersOf(object).map((keeper) => `${keeper} keeps it`),
    ...(webhooks.length === 0 ? [] : [`mutating webhooks on pods: ${webhooks.join(', ')}`])
  ]
}

/** Who brought back what a step had stopped, as the audit log has it; null while that is not known. */
async function culprit(step: ActionStep, ports: WatchPorts, since_ms: number): Promise<string | null> {
  // The object is the one that the step changed: a workload or its scale, or a pod that nothing makes again.
  const changed = step.requests.findLast(({ to, method }) => to === 'kube-apiserver' && method !== 'GET')
  const place = changed === undefined ? null : apiPathOf(changed.path)
  if (place === null || ports.whoChanged === undefined) return null
  const [resource = ''] = place.resource.split('/')
  try {
    const writer = await ports.whoChanged({ ...place, resource }, since_ms)
    if (writer === null) return null
    const text = `${resource} ${place.namespace}/${place.name}`
    return `${text} was brought back by ${writerText(writer)}`
  } catch (error) {
    // Without the index the watch goes on: that something came back counts for more than by whom.
    if (!(error instanceof WeirError)) throw error
    ports.log?.warn({ error }, `who brought it back is not known: ${messageOf(error)}`)
    return null
  }
}

/** Whether a later run has stopped the same again: from then on what comes back is that one's to see. */
function takesOver(other: Run, run: Run, { target }: ActionStep): boolean {
  return (
    other.verb === 'approve' &&
    other.begun_ms > run.begun_ms &&
    other.action.incident_id === run.action.incident_id &&
    other.action.steps.some((step) => step.target.type === target.type && step.target.name === target.name)
  )
}

/** Looks whether what was stopped stays so, and says who brought it back. Its state is in the ledger: a crash costs nothing. */
export function createWatch(ports: WatchPorts) {
  const { ledger, publish, now_ms } = ports

  async function keep(run: Run, news: readonly StepResult[], state: Run['state']): Promise<void> {
    if (news.length === 0 && state === run.state) return
    const saved = await ledger.save({ ...run, state, results: [...run.results, ...news] })
    const failed = saved.results.some(({ outcome }) => outcome === 'failed' || outcome === 'recreated')
    await publish({
      ...saved.action,
      status: failed ? 'failed' : 'done',
      reason: failed ? 'RESPOND_STEP_FAILED: something failed or came back' : null,
      time: now_ms() * 1000,
      results: saved.results
    })
  }

  async function lookAt(run: Run, all: readonly Run[]): Promise<void> {
    const news: StepResult[] = []
    const result = (step_id: string, outcome: string, message: string): StepResult => ({
      step_id,
      outcome,
      time: now_ms() * 1000,
      message: plainText(message, MAX_MESSAGE_BYTES),
      responses: []
    })
    const add = (one: StepResult) => {
      const isKnown = run.results.some(({ step_id, message }) => step_id === one.step_id && message === one.message)
      if (!isKnown) news.push(one)
    }
    const steps = run.action.steps.filter(
      ({ id, name }) =>
        (name === 'contain_workload' || name === 'delete_pod') &&
        run.results.some(({ step_id, outcome }) => step_id === id && (outcome === 'done' || outcome === 'already'))
    )
    const isOver = now_ms() >= run.watch_until_ms
    let isTracing = false
    for (const step of steps) {
      const isTaken = all.some((other) => takesOver(other, run, step))
      const back = isTaken ? [] : await comebacks(step, ports)
      for (const message of back) add(result(step.id, 'recreated', message))
      const came = [...run.results, ...news].filter(
        ({ step_id, outcome }) => step_id === step.id && outcome === 'recreated'
      )
      const last_ms = (came.at(-1)?.time ?? 0) / 1000
      if (came.length > 0 && ports.whoChanged !== undefined && now_ms() < last_ms + TRACE_MS) {
        isTracing = true
        const text = await culprit(step, ports, run.begun_ms)
        if (text !== null) add(result(step.id, 'traced', text))
      }
      if (isOver && came.length === 0 && !isTaken)
        news.push(result(step.id, 'held', `nothing came back within ${Math.round((now_ms() - run.begun_ms) / 1000)} s`))
    }
    for (const { message } of news) ports.log?.warn({ plan: run.action.id }, message)
    await keep(run, news, isOver && !isTracing ? 'ended' : 'watching')
    if (news.some(({ outcome }) => outcome === 'recreated')) await ports.onComeback?.(run.action.incident_id)
  }

  return {
    /** Looks once at everything that is being watched. @returns how much that is */
    async turn(): Promise<number> {
      const all = await ledger.list()
      const watched = all.filter(({ state }) => state === 'watching')
      for (const run of watched) await lookAt(run, all)
      return watched.length
    }
  }
}
