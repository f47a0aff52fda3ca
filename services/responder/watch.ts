import type { Action, ActionStep, StepResult, Workload } from '../../schemas/generated/types.ts'
import { plainText } from '../core/correlate/text.ts'
import { arrayAt, type JsonObject, stringAt } from '../core/json.ts'
import { keepersOf } from '../core/respond/actions/contain-live.ts'
import { scopedName } from '../core/respond/names.ts'
import { corePath, groupClusterPath, uidOf } from '../core/respond/requests.ts'
import { workloadOf } from '../core/respond/victims.ts'
import type { ClusterApi } from '../platform/kubernetes/cluster-api.ts'
import type { Logger } from '../platform/log.ts'
import type { Ledger, Run } from './ledger.ts'
import { createReader, podAsWorkload } from './look-up.ts'

const MAX_MESSAGE_BYTES = 800
/** Manager names of Weir's own changes, from its user agent. */
const OWN_MANAGER = /^weir-/

export interface WatchPorts {
  readonly api: ClusterApi
  readonly ledger: Ledger
  readonly publish: (action: Action) => Promise<void>
  readonly now_ms: () => number
  /** Who last changed or made an object, from the audit log; null when that is not known. */
  readonly whoChanged?: (
    object: { readonly kind: string; readonly namespace: string | null; readonly name: string },
    since_ms: number
  ) => Promise<string | null>
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
async function comebacks(step: ActionStep, ports: WatchPorts, since_ms: number): Promise<readonly string[]> {
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
      if (isBack)
        found.push(
          `pod ${namespace}/${name} is there again: ${(await who({ kind: 'Pod', namespace, name }, one, ports, since_ms, reader)).join('; ')}`
        )
      continue
    }
    const { workload, api_version } = await reader.topOwner({ apiVersion: 'v1', ...one }, podAsWorkload(one))
    if (wanted === null || workload.kind !== wanted.kind || workload.name !== wanted.name) continue
    const address = await reader.addressOf(workload, api_version)
    const object = address === null ? null : await reader.read(address.path)
    const isAnother = object !== null && uidOf(object) !== target.id
    const why =
      object === null
        ? []
        : await who({ kind: workload.kind, namespace, name: workload.name }, object, ports, since_ms, reader)
    const text = `${workload.kind} ${namespace}/${workload.name}${isAnother ? ', which was made again,' : ''}`
    found.push(`pod ${namespace}/${name} runs for ${text}: ${why.join('; ')}`)
  }
  return found
}

async function who(
  object: { readonly kind: string; readonly namespace: string; readonly name: string },
  content: JsonObject,
  ports: WatchPorts,
  since_ms: number,
  reader: ReturnType<typeof createReader>
): Promise<readonly string[]> {
  const manager = lastManager(content)
  const user = (await ports.whoChanged?.(object, since_ms)) ?? null
  const webhooks = await webhooksOnPods(reader)
  return [
    ...(user === null ? [] : [`changed by ${user}`]),
    manager === null ? 'nobody but Weir has changed it' : `last written by ${manager}`,
    ...keepersOf(content).map((keeper) => `${keeper} keeps it`),
    ...(webhooks.length === 0 ? [] : [`mutating webhooks on pods: ${webhooks.join(', ')}`])
  ]
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

  async function lookAt(run: Run): Promise<void> {
    const news: StepResult[] = []
    const result = (step_id: string, outcome: string, message: string): StepResult => ({
      step_id,
      outcome,
      time: now_ms() * 1000,
      message: plainText(message, MAX_MESSAGE_BYTES),
      responses: []
    })
    const steps = run.action.steps.filter(
      ({ id, name }) =>
        (name === 'contain_workload' || name === 'delete_pod') &&
        run.results.some(({ step_id, outcome }) => step_id === id && (outcome === 'done' || outcome === 'already'))
    )
    const isOver = now_ms() >= run.watch_until_ms
    for (const step of steps) {
      const back = await comebacks(step, ports, run.begun_ms)
      const fresh = back
        .map((message) => result(step.id, 'recreated', message))
        .filter(({ message }) => !run.results.some((one) => one.step_id === step.id && one.message === message))
      news.push(...fresh)
      const came = [...run.results, ...news].some(
        ({ step_id, outcome }) => step_id === step.id && outcome === 'recreated'
      )
      if (isOver && !came)
        news.push(result(step.id, 'held', `nothing came back within ${Math.round((now_ms() - run.begun_ms) / 1000)} s`))
    }
    for (const { message } of news) ports.log?.warn({ plan: run.action.id }, message)
    await keep(run, news, isOver ? 'ended' : 'watching')
    if (news.some(({ outcome }) => outcome === 'recreated')) await ports.onComeback?.(run.action.incident_id)
  }

  return {
    /** Looks once at everything that is being watched. @returns how much that is */
    async turn(): Promise<number> {
      const watched = (await ledger.list()).filter(({ state }) => state === 'watching')
      for (const run of watched) await lookAt(run)
      return watched.length
    }
  }
}
