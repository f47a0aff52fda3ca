import type { ApiRequest, Workload } from '../../../../schemas/generated/types.ts'
import { workloadKindOfKind } from '../../enrich/workload-kinds.ts'
import { corePath, get, groupPath, mergePatch, requestText } from '../requests.ts'
import type { PodVictim } from '../victims.ts'
import { type ActionDeclaration, type DraftStep, type PlanInput, type Planned, podText } from './action.ts'
import { containLive } from './contain-live.ts'

/** A label that no node has. */
const NOWHERE = 'weir.io/nowhere'

interface Containment {
  /** What is done to it, following its name. */
  readonly description: string
  readonly requests: readonly ApiRequest[]
  readonly effect: string
  readonly undo: string
}

function pathOf(group: string, { namespace, name, kind }: Workload, ...rest: readonly string[]): string {
  const resource = workloadKindOfKind(kind)?.resource ?? ''
  return group === ''
    ? corePath(namespace ?? '', resource, name, ...rest)
    : groupPath(group, 'v1', namespace ?? '', resource, name, ...rest)
}

function scaleToZero(group: string, workload: Workload): Containment {
  const scale = pathOf(group, workload, 'scale')
  return {
    description: 'scale it to 0, so that no new pod appears',
    requests: [get(scale), mergePatch(scale, { spec: { replicas: 0 } })],
    effect:
      'all its replicas stop, and whatever needs them fails; a HorizontalPodAutoscaler leaves a workload at 0 alone',
    undo: `PATCH ${scale} {"spec":{"replicas":N}}, N being spec.replicas of this step's first answer`
  }
}

function suspend(workload: Workload, running: readonly string[]): Containment {
  const isCronJob = workload.kind === 'CronJob'
  const path = pathOf('batch', workload)
  const jobs = running.map((job) => groupPath('batch', 'v1', workload.namespace ?? '', 'jobs', job))
  const paths = [path, ...jobs]
  return {
    description: isCronJob
      ? 'suspend it, and the jobs it has running, so that no new pod appears'
      : 'suspend it, so that its pods end and no new one appears',
    requests: paths.map((one) => mergePatch(one, { spec: { suspend: true } })),
    effect: isCronJob
      ? 'it does not run until it is resumed'
      : 'its pods are deleted; what they did is done again when it is resumed',
    undo: paths.map((one) => requestText(mergePatch(one, { spec: { suspend: false } }))).join('; ')
  }
}

/** The jobs that a CronJob's pods are of: the job controller names pods JOB-xxxxx, the CronJob controller jobs NAME-minutes. */
function runningJobs(workload: Workload, pods: readonly PodVictim[]): readonly string[] {
  const jobs = pods
    .filter(
      (pod) =>
        pod.workload?.kind === 'CronJob' && pod.workload.name === workload.name && pod.namespace === workload.namespace
    )
    .map(({ name }) => name.slice(0, name.lastIndexOf('-')))
    .filter((job) => job.startsWith(`${workload.name}-`))
  return [...new Set(jobs)]
}

/** How to keep a workload from making pods, by its kind; null for kinds Weir knows no way for. */
function containmentOf(workload: Workload, pods: readonly PodVictim[]): Containment | null {
  switch (workload.kind) {
    case 'Deployment':
    case 'StatefulSet':
    case 'ReplicaSet':
      return scaleToZero('apps', workload)
    case 'ReplicationController':
      return scaleToZero('', workload)
    case 'DaemonSet': {
      const path = pathOf('apps', workload)
      const selector = (value: string | null) =>
        mergePatch(path, { spec: { template: { spec: { nodeSelector: { [NOWHERE]: value } } } } })
      return {
        description: 'make it select no node, so that its pods end and none appears',
        requests: [get(path), selector('true')],
        effect: 'it stops on every node',
        undo: requestText(selector(null))
      }
    }
    case 'Job':
      return suspend(workload, [])
    case 'CronJob':
      return suspend(workload, runningJobs(workload, pods))
    default:
      return null
  }
}

function affectedPods({ facts }: PlanInput, workload: Workload): string {
  const count = facts.pods.filter(
    (known) =>
      known.workload.kind === workload.kind &&
      known.workload.name === workload.name &&
      known.workload.namespace === workload.namespace
  ).length
  return count === 0 ? '' : `${count} known pods: `
}

/** Stops what would make a killed pod again: the top of its owner chain. */
export const containWorkload: ActionDeclaration = {
  description:
    'Stops what would make a killed pod again, at the top of its owner chain: scales to 0, suspends, or makes select no node; static pods through the agent of the node. Afterwards watches whether pods come back, and who made them.',
  parameters: 'top owners of the pods of the incident, and workloads that the attack made',
  rbac: [
    { apiGroups: ['*'], resources: ['*/scale'], verbs: ['get', 'patch'] },
    { apiGroups: ['apps'], resources: ['daemonsets'], verbs: ['get', 'patch'] },
    { apiGroups: ['batch'], resources: ['jobs', 'cronjobs'], verbs: ['get', 'patch'] }
  ],
  blast_radius: 'all pods of the workload stop, and whatever needs them fails',
  preconditions: 'the workload has the UID and the scale that were looked at',
  undo: 'the workload gets back the scale, selector or schedule it had',
  example: '- action: contain_workload',
  plan: (input) => {
    const { steps, notes } = input.facts.live == null ? fromIncident(input) : containLive(input, input.facts.live)
    const unknown = input.victims.pods.filter(({ workload }) => workload === null)
    return {
      steps,
      notes: [...notes, ...unknown.map((pod) => `what makes ${podText(pod)} is not known, so it cannot be stopped`)]
    }
  }
}

/** Without the cluster: how kinds that are known are stopped. */
function fromIncident(input: PlanInput): Planned {
  const steps: DraftStep[] = []
  const notes: string[] = []
  for (const workload of input.victims.workloads) {
    const text = `${workload.kind} ${workload.namespace}/${workload.name}`
    const containment = containmentOf(workload, input.victims.pods)
    if (containment === null) {
      notes.push(
        `${text} is not contained: Weir does not know how to stop a ${workload.kind}; stop it where it is managed`
      )
      continue
    }
    steps.push({
      name: 'contain_workload',
      description: `${text}: ${containment.description}`,
      target: {
        type: 'workload',
        id: workload.uid ?? `${workload.kind}/${workload.namespace}/${workload.name}`,
        name: `${workload.kind}/${workload.namespace}/${workload.name}`,
        role: 'target'
      },
      requests: containment.requests,
      blast_radius: affectedPods(input, workload) + containment.effect,
      undo: containment.undo
    })
  }
  for (const pod of input.victims.pods) {
    if (pod.isStatic) {
      notes.push(
        `${podText(pod)} is a static pod: the kubelet of node ${pod.node} makes it from a file there (usually in /etc/kubernetes/manifests), and does so again until the file is removed`
      )
    }
  }
  return { steps, notes }
}
