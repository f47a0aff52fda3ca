import { BUSYBOX_IMAGE } from './images.ts'

const command = (seconds: number | string) => ['sleep', String(seconds)]
const container = (name: string, seconds: number | string, more: object = {}) => ({
  name,
  image: BUSYBOX_IMAGE,
  command: command(seconds),
  ...more
})
const spec = (more: object = {}) => ({
  terminationGracePeriodSeconds: 0,
  containers: [container('main', 3600)],
  ...more
})
const template = (app: string, more: object = {}) => ({ metadata: { labels: { app } }, spec: spec(more) })
const selector = (app: string) => ({ matchLabels: { app } })
const metadata = (name: string, more: object = {}) => ({ name, namespace: NAMESPACE, ...more })

export const NAMESPACE = 'shop'

/** A kind of somebody's own that owns Deployments, as operators have them. */
export const CUSTOM_KIND = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'applications.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'applications', singular: 'application', kind: 'Application' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
      }
    ]
  }
}
export const CUSTOM_OWNER = { apiVersion: 'example.com/v1', kind: 'Application', metadata: metadata('portal') }

/** Workloads of each kind, with containers that stay. */
export function workloads(custom_owner_uid: string): readonly object[] {
  const owner = {
    apiVersion: 'example.com/v1',
    kind: 'Application',
    name: 'portal',
    uid: custom_owner_uid,
    controller: true
  }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata('web'),
      spec: { replicas: 2, selector: selector('web'), template: template('web') }
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata('portal', { ownerReferences: [owner] }),
      spec: { replicas: 1, selector: selector('portal'), template: template('portal') }
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: metadata('db'),
      spec: { replicas: 1, serviceName: 'db', selector: selector('db'), template: template('db') }
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: metadata('agent'),
      spec: { selector: selector('agent'), template: template('agent') }
    },
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: metadata('alone'),
      spec: { replicas: 1, selector: selector('alone'), template: template('alone') }
    },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: metadata('batch'),
      spec: { template: template('batch', { restartPolicy: 'Never' }) }
    },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: metadata('tick'),
      spec: { schedule: '* * * * *', jobTemplate: { spec: { template: template('tick', { restartPolicy: 'Never' }) } } }
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: metadata('bare'),
      spec: spec({
        hostPID: true,
        hostNetwork: true,
        initContainers: [container('first', 0)],
        containers: [container('main', 3600, { securityContext: { privileged: true } }), container('side', 3600)]
      })
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('web'),
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] }
    }
  ]
}

/** A Job of `count` pods, each of whose containers lives for so long. */
export function shortJob(name: string, count: number, seconds: number): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadata(name),
    spec: {
      completions: count,
      parallelism: 5,
      template: template(name, { restartPolicy: 'Never', containers: [container('main', seconds)] })
    }
  }
}

/** A pod that kubelet runs from a file. */
export const STATIC_POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'static', namespace: 'kube-system' },
  spec: spec()
}
