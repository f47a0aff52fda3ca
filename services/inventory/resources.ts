import { z } from 'zod'
import type { KubeResource } from '../platform/kube-watch/reflector.ts'

const resource = (group: string, plural: string, kind: string, metadata_only: boolean): KubeResource => ({
  path: group.includes('/') ? `/apis/${group}/${plural}` : `/api/${group}/${plural}`,
  kind,
  metadata_only
})

/**
 * What is watched. Of owners only the metadata is: their pod templates, with environments that may hold secrets, stay where they
 * are. infra/kubernetes/inventory.yaml grants exactly these.
 */
export const WATCHED: readonly KubeResource[] = [
  resource('apps/v1', 'deployments', 'Deployment', true),
  resource('apps/v1', 'replicasets', 'ReplicaSet', true),
  resource('apps/v1', 'statefulsets', 'StatefulSet', true),
  resource('apps/v1', 'daemonsets', 'DaemonSet', true),
  resource('batch/v1', 'cronjobs', 'CronJob', true),
  resource('batch/v1', 'jobs', 'Job', true),
  resource('v1', 'replicationcontrollers', 'ReplicationController', true),
  resource('v1', 'pods', 'Pod', false),
  resource('v1', 'nodes', 'Node', false),
  resource('v1', 'services', 'Service', false),
  resource('v1', 'serviceaccounts', 'ServiceAccount', true),
  resource('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', false),
  resource('rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding', false),
  resource('rbac.authorization.k8s.io/v1', 'clusterrolebindings', 'ClusterRoleBinding', false),
  resource(
    'admissionregistration.k8s.io/v1',
    'validatingwebhookconfigurations',
    'ValidatingWebhookConfiguration',
    false
  ),
  resource('admissionregistration.k8s.io/v1', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', false),
  resource('networking.k8s.io/v1', 'networkpolicies', 'NetworkPolicy', false)
]

/** A kind of owner that others have defined, such as a Rollout of Argo. */
export const extraOwner = z.strictObject({
  group_version: z
    .string()
    .regex(/^[a-z0-9.-]+\/v[a-z0-9]+$/, 'must be GROUP/VERSION')
    .describe('`argoproj.io/v1alpha1`.'),
  plural: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .describe('`rollouts`.'),
  kind: z.string().min(1).describe('`Rollout`.')
})

export function extraResource({ group_version, plural, kind }: z.output<typeof extraOwner>): KubeResource {
  return resource(group_version, plural, kind, true)
}
