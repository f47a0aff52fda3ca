import { type Client, callApi, type World } from '../api.ts'
import { humanUser } from '../audit-record.ts'
import { podOf } from '../cluster.ts'
import type { Pod, Workload } from '../cluster-model.ts'
import { execIntoPod, versionAt } from '../control-plane.ts'
import { replacePods } from '../rollout.ts'
import { SECOND_US } from '../timeline.ts'
import { deploymentObject } from '../workload-objects.ts'
import { at, benign } from './story.ts'
import { WEB_TEMPLATE } from './templates.ts'

/** What people do in the cluster while the attack happens. */

const KUBECTL = 'kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9'

function person(world: World, username: string, group: string, sourceIP: string, reason: string): Client {
  const credential = `X509SHA256=${world.random.fork(`credential/${username}`).hex(64)}`
  return { user: humanUser(username, [group], credential), sourceIP, userAgent: KUBECTL, reason }
}

/** Alice, developer of the shop: allowed to edit in its namespace. */
function aliceOf(world: World): Client {
  return person(
    world,
    'alice',
    'developers',
    '203.0.113.24',
    'RBAC: allowed by RoleBinding "developers-edit/shop" of ClusterRole "edit" to Group "developers"'
  )
}

/** The cluster's administrator. */
function adminOf(world: World): Client {
  return person(
    world,
    'kubernetes-admin',
    'kubeadm:cluster-admins',
    '203.0.113.25',
    'RBAC: allowed by ClusterRoleBinding "kubeadm:cluster-admins" of ClusterRole "cluster-admin" to Group "kubeadm:cluster-admins"'
  )
}

/** Alice looks into a pod of the web shop. @returns the pod, whose processes `benign-runtime.ts` tells */
export function aliceDebugs(world: World): Pod {
  const debugging = benign(world, 'alice-debugs')
  const alice = aliceOf(world)
  const pod = podOf(debugging.cluster, 'shop', 'web')
  callApi(debugging, at('5:02'), alice, { verb: 'list', resource: 'pods', namespace: 'shop', query: 'limit=500' })
  callApi(debugging, at('5:20'), alice, { verb: 'get', resource: 'pods', namespace: 'shop', name: pod.name })
  callApi(debugging, at('5:20.030'), alice, {
    verb: 'get',
    resource: 'pods',
    subresource: 'log',
    namespace: 'shop',
    name: pod.name,
    query: 'container=web&tailLines=200',
    streams_us: 240_000
  })
  execIntoPod(debugging, at('5:45'), alice, pod, { command: ['sh'], interactive: true, lasts_us: 95 * SECOND_US })
  callApi(debugging, at('7:40'), alice, {
    verb: 'create',
    group: 'authorization.k8s.io',
    resource: 'selfsubjectaccessreviews',
    requestObject: {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: {},
      spec: { resourceAttributes: { namespace: 'shop', verb: 'patch', group: 'apps', resource: 'deployments' } },
      status: { allowed: false }
    },
    responseObject: {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: {},
      spec: {},
      status: { allowed: true }
    }
  })
  return pod
}

/** Alice rolls out the next version of the web shop. @returns the new pods */
export function aliceRollsOut(world: World, workload: Workload): readonly Pod[] {
  const rolling = benign(world, 'alice-rollout')
  const alice = aliceOf(world)
  const { namespace, name } = workload
  const deployments = { group: 'apps', resource: 'deployments', namespace, name }
  const next = {
    ...WEB_TEMPLATE,
    containers: WEB_TEMPLATE.containers.map((container) => ({ ...container, image: 'nginx:1.27.4' }))
  }
  callApi(rolling, at('16:05'), alice, { verb: 'get', ...deployments })
  callApi(rolling, at('16:05.090'), alice, {
    verb: 'patch',
    ...deployments,
    query: 'fieldManager=kubectl-set&fieldValidation=Strict',
    requestObject: {
      spec: {
        template: {
          spec: { $setElementOrder: [{ name: 'web' }], containers: [{ image: 'nginx:1.27.4', name: 'web' }] }
        }
      }
    },
    responseObject: deploymentObject(rolling.cluster, workload, null, null, at('16:05.090'), {
      template: next,
      managed: 'kubectl-set'
    })
  })
  callApi(rolling, at('16:06'), alice, {
    verb: 'watch',
    ...deployments,
    query: `allowWatchBookmarks=true&fieldSelector=metadata.name%3Dweb&resourceVersion=${versionAt(rolling, at('16:06'))}&timeoutSeconds=377&watch=true`,
    streams_us: 25 * SECOND_US
  })
  return replacePods(rolling, at('16:05.120'), workload, next)
}

/** The administrator looks around, and lists secrets of one namespace. */
export function adminLooks(world: World): void {
  const looking = benign(world, 'admin')
  const admin = adminOf(world)
  const kinds: readonly (readonly [string | undefined, string])[] = [
    [undefined, 'pods'],
    [undefined, 'services'],
    ['apps', 'daemonsets'],
    ['apps', 'deployments'],
    ['apps', 'replicasets'],
    ['apps', 'statefulsets'],
    ['autoscaling', 'horizontalpodautoscalers'],
    ['batch', 'cronjobs'],
    ['batch', 'jobs'],
    [undefined, 'nodes']
  ]
  for (const [place, [group, resource]] of kinds.entries()) {
    callApi(looking, at('9:30') + place * 6_000, admin, {
      verb: 'list',
      resource,
      query: 'limit=500',
      ...(group === undefined ? {} : { group })
    })
  }
  callApi(looking, at('9:58'), admin, { verb: 'list', resource: 'events', namespace: 'shop', query: 'limit=500' })
  callApi(looking, at('10:31'), admin, {
    verb: 'list',
    resource: 'secrets',
    namespace: 'monitoring',
    query: 'limit=500'
  })
}
