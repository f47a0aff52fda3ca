import { type Client, callApi, type World } from '../api.ts'
import { addPod, addWorkload } from '../cluster.ts'
import type { Node, Owner, Pod, Workload } from '../cluster-model.ts'
import { bindPod, bringUpPod, controllerClient, createPod, recordEvent } from '../control-plane.ts'
import { bringUpDeployment } from '../rollout.ts'
import { deploymentObject, deploymentSpec, otherWorkloadObject } from '../workload-objects.ts'
import type { Deployed } from './campaign.ts'

/** Somebody creates a workload, and the control plane brings up its pods. */

const KINDS = {
  Deployment: { group: 'apps', resource: 'deployments' },
  DaemonSet: { group: 'apps', resource: 'daemonsets' },
  StatefulSet: { group: 'apps', resource: 'statefulsets' },
  CronJob: { group: 'batch', resource: 'cronjobs' }
} as const

function bareContent(workload: Workload, whole: ReturnType<typeof otherWorkloadObject>) {
  const { name, namespace, template } = workload
  const { kind = '', apiVersion = '', spec = {} } = whole
  return { kind, apiVersion, metadata: { name, namespace, labels: template.labels }, spec }
}

function podsOfOwner(
  consequences: World,
  at_us: number,
  creator: Client,
  owner: Owner | null,
  workload: Pick<Workload, 'namespace' | 'name' | 'template' | 'kind'>,
  nodes: readonly Node[]
): readonly Pod[] {
  const { namespace, name, template } = workload
  return nodes.map((node, place) => {
    const created_us = at_us + place * 24_000
    const pod = addPod(consequences.cluster, {
      namespace,
      name: owner === null ? name : `${name}-${consequences.random.suffix(5)}`,
      generateName: owner === null ? null : `${name}-`,
      node,
      template,
      owner,
      top: owner === null ? { kind: 'Pod', name } : { kind: owner.kind, name },
      created_us
    })
    if (owner !== null) {
      createPod(consequences, created_us, creator, pod)
      recordEvent(consequences, created_us + 9_000, creator, namespace, name)
    }
    bindPod(consequences, created_us + 22_000, pod)
    bringUpPod(consequences, created_us + 60_000, pod)
    return pod
  })
}

/**
 * @param consequences the world in which the controllers act
 * @param nodes where the pods go
 * @returns the pods; their containers start some two seconds later
 */
export function deployWorkload(
  world: World,
  consequences: World,
  at_us: number,
  client: Client,
  what: Deployed,
  nodes: readonly Node[]
): readonly Pod[] {
  const { kind, namespace, name, template } = what
  if (kind === 'Pod') {
    const pods = podsOfOwner(
      consequences,
      at_us,
      client,
      null,
      { kind: 'Deployment', namespace, name, template },
      nodes.slice(0, 1)
    )
    for (const pod of pods) createPod(world, at_us, client, pod)
    return pods
  }
  const workload = addWorkload(world.cluster, {
    kind,
    namespace,
    name,
    replicas: nodes.length,
    template,
    created_us: at_us
  })
  const whole =
    kind === 'Deployment'
      ? deploymentObject(world.cluster, workload, null, null, at_us, { managed: 'kubectl-create' })
      : otherWorkloadObject(world.cluster, workload, at_us)
  callApi(world, at_us, client, {
    verb: 'create',
    ...KINDS[kind],
    namespace,
    name,
    query: 'fieldManager=kubectl-create&fieldValidation=Strict',
    requestObject:
      kind === 'Deployment'
        ? { ...bareContent(workload, whole), spec: deploymentSpec(workload) }
        : bareContent(workload, whole),
    responseObject: whole
  })
  if (kind === 'Deployment') return bringUpDeployment(consequences, at_us + 15_000, workload, nodes)
  const controller = controllerClient(
    world.cluster,
    kind === 'DaemonSet' ? 'daemon-set-controller' : 'statefulset-controller'
  )
  const owner: Owner = { apiVersion: 'apps/v1', kind, name, uid: workload.uid }
  return podsOfOwner(consequences, at_us + 20_000, controller, owner, workload, nodes)
}
