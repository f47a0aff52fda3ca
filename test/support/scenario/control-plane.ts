import { type Client, callApi, type World } from './api.ts'
import { componentUser, controllerUser, nodeUser } from './audit-record.ts'
import { resourceVersion, serviceAccountOf } from './cluster.ts'
import type { Cluster, Node, Pod } from './cluster-model.ts'
import { podCreateRequest, podObject } from './pod-objects.ts'
import { SECOND_US } from './timeline.ts'

/** What the control plane and the kubelets ask the API server for when pods come and go. Shapes as recorded from a real 1.34 cluster. */

const VERSION = 'v1.34.4 (linux/amd64) kubernetes/$Format'

/** The control-plane node's address: all controllers and the scheduler come from there. */
function controlPlaneIP(cluster: Cluster): string {
  return cluster.nodes.find(({ controlPlane }) => controlPlane)?.ip ?? '127.0.0.1'
}

/** A controller of kube-controller-manager; its service account has to be in the cluster. */
export function controllerClient(cluster: Cluster, name: string): Client {
  const account = serviceAccountOf(cluster, 'kube-system', name)
  const role = `system:controller:${name}`
  return {
    user: controllerUser(account, `JTI=${cluster.random.fork(`credential/${name}`).uuid()}`),
    sourceIP: controlPlaneIP(cluster),
    userAgent: `kube-controller-manager/${VERSION}/system:serviceaccount:kube-system:${name}`,
    reason: `RBAC: allowed by ClusterRoleBinding "${role}" of ClusterRole "${role}" to ServiceAccount "${name}/kube-system"`
  }
}

function schedulerClient(cluster: Cluster): Client {
  return {
    user: componentUser(cluster, 'system:kube-scheduler'),
    sourceIP: controlPlaneIP(cluster),
    userAgent: `kube-scheduler/${VERSION}/scheduler`,
    reason:
      'RBAC: allowed by ClusterRoleBinding "system:kube-scheduler" of ClusterRole "system:kube-scheduler" to User "system:kube-scheduler"'
  }
}

/** The API server's own client. */
export function apiServerClient(cluster: Cluster): Client {
  const uid = cluster.random.fork('system:apiserver').uuid()
  return {
    user: { username: 'system:apiserver', uid, groups: ['system:authenticated', 'system:masters'] },
    sourceIP: '::1',
    userAgent: `kube-apiserver/${VERSION}`,
    reason: ''
  }
}

export function kubeletClient(node: Node): Client {
  return { user: nodeUser(node), sourceIP: node.ip, userAgent: `kubelet/${VERSION}`, reason: '' }
}

/** Name of an Event object: what it is about, and a time in hexadecimal. */
function eventName(world: World, about: string): string {
  return `${about}.18eae4${world.random.hex(10)}`
}

/** A client records an Event about an object. */
export function recordEvent(
  world: World,
  at_us: number,
  client: Client,
  namespace: string,
  about: string,
  seenBefore = false
): void {
  const name = eventName(world, about)
  callApi(world, at_us, client, { verb: seenBefore ? 'patch' : 'create', resource: 'events', namespace, name })
}

const POD_SECURITY = { 'pod-security.kubernetes.io/enforce-policy': 'privileged:latest' }

/** A client creates the pod. */
export function createPod(world: World, at_us: number, client: Client, pod: Pod): void {
  callApi(world, at_us, client, {
    verb: 'create',
    resource: 'pods',
    namespace: pod.namespace,
    ...(pod.generateName === null ? { name: pod.name } : {}),
    requestObject: podCreateRequest(pod),
    responseObject: podObject(world.cluster, pod, 'pending', pod.created_us, { managed: true }),
    annotations: POD_SECURITY
  })
}

/** The scheduler binds the pod to its node. */
export function bindPod(world: World, at_us: number, pod: Pod): void {
  const scheduler = schedulerClient(world.cluster)
  const { namespace, name, uid } = pod
  callApi(world, at_us, scheduler, {
    verb: 'create',
    resource: 'pods',
    subresource: 'binding',
    namespace,
    name,
    uid,
    requestObject: {
      kind: 'Binding',
      apiVersion: 'v1',
      metadata: { name, namespace, uid },
      target: { kind: 'Node', name: pod.node.name }
    },
    responseObject: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }
  })
  callApi(world, at_us + 5_000, scheduler, {
    verb: 'create',
    group: 'events.k8s.io',
    resource: 'events',
    namespace,
    name: eventName(world, name)
  })
}

/** The kubelet brings a bound pod up: token, status, events. Takes the two seconds until the containers run. */
export function bringUpPod(world: World, at_us: number, pod: Pod): void {
  const kubelet = kubeletClient(pod.node)
  const { namespace, name } = pod
  callApi(world, at_us, kubelet, {
    verb: 'create',
    resource: 'serviceaccounts',
    subresource: 'token',
    namespace,
    name: pod.serviceAccount.name,
    annotations: { 'authentication.kubernetes.io/issued-credential-id': pod.credential }
  })
  const patchStatus = (after_us: number) => {
    callApi(world, at_us + after_us, kubelet, { verb: 'get', resource: 'pods', namespace, name })
    callApi(world, at_us + after_us + 12_000, kubelet, {
      verb: 'patch',
      resource: 'pods',
      subresource: 'status',
      namespace,
      name
    })
  }
  patchStatus(30_000)
  for (const after_us of [900_000, 1_200_000, 1_600_000]) recordEvent(world, at_us + after_us, kubelet, namespace, name)
  patchStatus(2 * SECOND_US + 400_000)
}

/** The pod is deleted by a client, and by the kubelet once its containers have ended. */
export function deletePod(world: World, at_us: number, client: Client, pod: Pod, graceful_us: number): void {
  const { namespace, name } = pod
  const kubelet = kubeletClient(pod.node)
  const responseObject = podObject(world.cluster, pod, 'running', at_us, { managed: true, deleted_us: at_us })
  callApi(world, at_us, client, {
    verb: 'delete',
    resource: 'pods',
    namespace,
    name,
    requestObject: { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/__internal', propagationPolicy: 'Background' },
    responseObject
  })
  recordEvent(world, at_us + 40_000, kubelet, namespace, name)
  callApi(world, at_us + graceful_us, kubelet, {
    verb: 'patch',
    resource: 'pods',
    subresource: 'status',
    namespace,
    name
  })
  callApi(world, at_us + graceful_us + 60_000, kubelet, {
    verb: 'delete',
    resource: 'pods',
    namespace,
    name,
    requestObject: {
      kind: 'DeleteOptions',
      apiVersion: 'meta.k8s.io/__internal',
      gracePeriodSeconds: 0,
      preconditions: { uid: pod.uid }
    },
    responseObject
  })
}

/** The API server asks the kubelet for an exec or attach: the kubelet checks that it may. */
function reviewKubeletAccess(world: World, at_us: number, node: Node): void {
  const spec = {
    resourceAttributes: { verb: 'create', version: 'v1', resource: 'nodes', subresource: 'proxy', name: node.name },
    user: 'kube-apiserver-kubelet-client',
    groups: ['kubeadm:cluster-admins', 'system:authenticated']
  }
  const review = { kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {}, spec }
  callApi(world, at_us, kubeletClient(node), {
    verb: 'create',
    group: 'authorization.k8s.io',
    resource: 'subjectaccessreviews',
    requestObject: { ...review, status: { allowed: false } },
    responseObject: { ...review, status: { allowed: true } }
  })
}

/** Commands as the query of an exec request: one `command` for each word. */
function execQuery(container: string, command: readonly string[], interactive: boolean): string {
  const word = (text: string) => encodeURIComponent(text).replaceAll('%20', '+')
  const flags = interactive ? '&stdin=true&stdout=true&tty=true' : '&stderr=true&stdout=true'
  return `${command.map((text) => `command=${word(text)}`).join('&')}&container=${container}${flags}`
}

export interface ExecSession {
  readonly command: readonly string[]
  readonly interactive: boolean
  readonly lasts_us: number
}

/**
 * `kubectl exec` into a pod: a look-up, the request's two stages, and the kubelet's check in between.
 * @param kubelet the world the kubelet's check is recorded in, when that is to have another label
 */
export function execIntoPod(
  world: World,
  at_us: number,
  client: Client,
  pod: Pod,
  session: ExecSession,
  kubelet: World = world
): void {
  const { namespace, name } = pod
  const container = pod.template.containers[0]?.name ?? ''
  callApi(world, at_us, client, { verb: 'get', resource: 'pods', namespace, name })
  callApi(world, at_us + 24_000, client, {
    verb: 'get',
    resource: 'pods',
    subresource: 'exec',
    namespace,
    name,
    code: 101,
    query: execQuery(container, session.command, session.interactive),
    streams_us: session.lasts_us
  })
  reviewKubeletAccess(kubelet, at_us + 33_000, pod.node)
}

/** Resource version of now, for requests that name one. */
export function versionAt(world: World, at_us: number): string {
  return resourceVersion(world.cluster, at_us)
}
