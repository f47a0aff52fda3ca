import type { Workload } from '../../../../schemas/generated/types.ts'
import { arrayAt, at, type JsonObject, property, stringAt, stringMapAt } from '../../json.ts'
import type { LiveFacts, LiveWorkload } from '../facts.ts'
import { corePath, get, guardedPatch, type PatchOperation, pointerSegment, toAgent, uidOf } from '../requests.ts'
import { type DraftStep, type PlanInput, type Planned, podEntity, podText, undoText } from './action.ts'

/** A label that no node has. */
const NOWHERE = 'weir.io/nowhere'
const SELECTOR = '/spec/template/spec/nodeSelector'

/** Labels and annotations by which those who keep a workload as it is in a repository mark it. */
const KEEPERS: ReadonlyArray<readonly [string, string]> = [
  ['argocd.argoproj.io/instance', 'Argo CD application'],
  ['argocd.argoproj.io/tracking-id', 'Argo CD'],
  ['kustomize.toolkit.fluxcd.io/name', 'Flux kustomization'],
  ['helm.toolkit.fluxcd.io/name', 'Flux Helm release'],
  ['meta.helm.sh/release-name', 'Helm release'],
  ['fleet.cattle.io/bundle-id', 'Rancher Fleet bundle']
]

/**
 * Who keeps an object as it is somewhere else, and so may put it back, by the marks they leave.
 * @returns such as `Argo CD application shop`
 */
export function keepersOf(object: JsonObject): readonly string[] {
  const marks = { ...stringMapAt(object, 'metadata', 'annotations'), ...stringMapAt(object, 'metadata', 'labels') }
  return KEEPERS.flatMap(([key, what]) => (marks[key] === undefined ? [] : [`${what} ${marks[key]}`]))
}

interface Change {
  readonly description: string
  readonly effect: string
  readonly requests: DraftStep['requests']
  readonly undo: DraftStep['requests']
}

const byUid = (live: LiveWorkload): string => uidOf(live.object)

function scaling(live: LiveWorkload, scale: string): Change {
  const { replicas, object } = live
  return {
    description: `scale it from ${replicas ?? 0} to 0, so that no new pod appears`,
    effect: 'all its replicas stop, and whatever needs them fails',
    requests: [
      get(scale),
      // The API leaves a number out that is 0.
      guardedPatch(scale, object, [
        ...((replicas ?? 0) > 0 ? [{ op: 'test' as const, path: '/spec/replicas', value: replicas }] : []),
        { op: 'add', path: '/spec/replicas', value: 0 }
      ])
    ],
    undo: [guardedPatch(scale, object, [{ op: 'add', path: '/spec/replicas', value: replicas ?? 1 }])]
  }
}

function selectingNothing({ path, object }: LiveWorkload): Change {
  const selector = at(object, SELECTOR.slice(1).split('/'))
  const operations: readonly PatchOperation[] =
    selector === undefined
      ? [{ op: 'add', path: SELECTOR, value: { [NOWHERE]: 'true' } }]
      : [
          { op: 'test', path: SELECTOR, value: selector },
          { op: 'add', path: `${SELECTOR}/${pointerSegment(NOWHERE)}`, value: 'true' }
        ]
  return {
    description: 'make it select no node, so that its pods end and none appears',
    effect: 'it stops on every node',
    requests: [get(path), guardedPatch(path, object, operations)],
    undo: [guardedPatch(path, object, [{ op: 'remove', path: `${SELECTOR}/${pointerSegment(NOWHERE)}` }])]
  }
}

function suspending(live: LiveWorkload): Change {
  const all = [{ path: live.path, object: live.object }, ...live.jobs]
  // What is suspended already stays so when this is taken back.
  const running = all.filter(({ object }) => at(object, ['spec', 'suspend']) !== true)
  const jobs = live.jobs.length
  return {
    description: `suspend it${jobs > 0 ? ` and ${jobs === 1 ? 'its job' : `its ${jobs} jobs`} that ran` : ''}, so that its pods end and none appears`,
    effect: 'its pods are deleted; what they did is done again when it is resumed',
    requests: running.map(({ path, object }) =>
      guardedPatch(path, object, [{ op: 'add', path: '/spec/suspend', value: true }])
    ),
    undo: running.map(({ path, object }) =>
      guardedPatch(path, object, [{ op: 'add', path: '/spec/suspend', value: false }])
    )
  }
}

function changeOf(live: LiveWorkload): Change | null {
  switch (live.workload.kind) {
    case 'DaemonSet':
      return selectingNothing(live)
    case 'Job':
    case 'CronJob':
      return suspending(live)
    default:
      return live.scale_path === null ? null : scaling(live, live.scale_path)
  }
}

const sameWorkload = (a: Workload, b: Workload) => a.kind === b.kind && a.name === b.name && a.namespace === b.namespace

/** Whether a label selector matches labels; `matchExpressions` of the four operators of the API. */
export function selects(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(stringMapAt(selector, 'matchLabels'))
  if (!wanted.every(([key, value]) => labels[key] === value)) return false
  return arrayAt(selector, 'matchExpressions').every((expression) => {
    const value = labels[stringAt(expression, 'key') ?? '']
    const values = arrayAt(expression, 'values')
    switch (stringAt(expression, 'operator')) {
      case 'In':
        return value !== undefined && values.includes(value)
      case 'NotIn':
        return value === undefined || !values.includes(value)
      case 'Exists':
        return value !== undefined
      default:
        return value === undefined
    }
  })
}

/** What could break when a workload stops. */
function risksOf(live: LiveWorkload, facts: LiveFacts): readonly string[] {
  const { namespace } = live.workload
  const labels = stringMapAt(live.object, 'spec', 'template', 'metadata', 'labels')
  const budgets = facts.disruption_budgets.filter(
    (budget) =>
      stringAt(budget, 'metadata', 'namespace') === namespace && selects(at(budget, ['spec', 'selector']), labels)
  )
  return [
    ...(live.replicas !== null && live.replicas > 0 ? [`all of its ${live.replicas} replicas, the last one too`] : []),
    ...budgets.map(
      (budget) =>
        `PodDisruptionBudget ${stringAt(budget, 'metadata', 'name')} is broken: it allows ${Number(at(budget, ['status', 'disruptionsAllowed']) ?? 0)} disruptions, and does not hold this up`
    ),
    ...keepersOf(live.object).map((keeper) => `${keeper} keeps this workload and may put it back: stop it there, too`)
  ]
}

/** Stops workloads as they are in the cluster, each as long as it is the one that was looked at. */
export function containLive({ victims, facts }: PlanInput, live: LiveFacts): Planned {
  const steps: DraftStep[] = []
  const notes: string[] = []
  for (const workload of victims.workloads) {
    const text = `${workload.kind} ${workload.namespace}/${workload.name}`
    const found = live.workloads.find((one) => sameWorkload(one.workload, workload))
    const change = found === undefined ? null : changeOf(found)
    if (found === undefined) notes.push(`${text} is not contained: it was not found in the cluster`)
    else if (change === null) {
      notes.push(`${text} is not contained: a ${workload.kind} has no scale; stop it where it is managed`)
    } else if (change.requests.length === 0) notes.push(`${text} is suspended already`)
    else if (found.scale_path !== null && found.replicas === 0) notes.push(`${text} is at 0 replicas already`)
    else {
      const pods = facts.pods.filter((known) => sameWorkload(known.workload, workload)).length
      steps.push({
        name: 'contain_workload',
        description: `${text}: ${change.description}`,
        target: {
          type: 'workload',
          id: byUid(found),
          name: `${workload.kind}/${workload.namespace}/${workload.name}`,
          role: 'target'
        },
        requests: change.requests,
        blast_radius: `${pods} ${pods === 1 ? 'pod' : 'pods'} now: ${change.effect}`,
        undo: undoText(change.undo),
        undo_requests: change.undo,
        risks: risksOf(found, live)
      })
    }
  }
  for (const pod of victims.pods) {
    if (!pod.isStatic || pod.node === null) continue
    const object = live.objects.get(corePath(pod.namespace, 'pods', pod.name))
    // The UID the kubelet knows a static pod by is in an annotation of its mirror.
    const uid = stringAt(property(property(object, 'metadata'), 'annotations'), 'kubernetes.io/config.hash')
    if (uid === null) {
      notes.push(`${podText(pod)} is not stopped: the cluster does not show it as a static pod`)
      continue
    }
    const body = { namespace: pod.namespace, name: pod.name.slice(0, -pod.node.length - 1), config_hash: uid }
    const undo = [toAgent(pod.node, '/v1/static-pods/restore', body)]
    steps.push({
      name: 'contain_workload',
      description: `Static ${podText(pod)}: take its manifest from the folder that the kubelet of node ${pod.node} reads`,
      target: podEntity(pod),
      requests: [toAgent(pod.node, '/v1/static-pods/remove', body)],
      blast_radius: 'this pod, which the kubelet ends and does not make again',
      undo: undoText(undo),
      undo_requests: undo,
      risks: ['nothing else makes this pod']
    })
  }
  return { steps, notes }
}
