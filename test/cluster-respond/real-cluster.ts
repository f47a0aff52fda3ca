import { setTimeout as sleep } from 'node:timers/promises'
import type { Action } from '../../schemas/generated/types.ts'
import { arrayAt, at, isObject, type JsonObject, stringAt } from '../../services/core/json.ts'
import { apiPath } from '../../services/core/respond/names.ts'
import { responderManifests } from '../../services/core/respond/roles.ts'
import { type ClusterApi, openClusterApi } from '../../services/platform/kubernetes/cluster-api.ts'
import { createExecutor, type ExecutorPorts } from '../../services/responder/execute.ts'
import { createGrants } from '../../services/responder/grants.ts'
import { createLedger } from '../../services/responder/ledger.ts'

/** Kubeconfig of the administrator of the cluster that the tests bring up, as their set-up says. */
export const KUBECONFIG = process.env['WEIR_TEST_KUBECONFIG'] ?? ''
/** Folder that the kubelet of the one node reads static pods from. */
export const STATIC_PODS = process.env['WEIR_TEST_STATIC_PODS'] ?? ''
export const IMAGE = process.env['WEIR_TEST_IMAGE'] ?? 'busybox:test'
/** Of the container runtime of the node. */
export const CONTAINERD_SOCKET = process.env['WEIR_TEST_CONTAINERD'] ?? '/run/containerd/containerd.sock'
export const NAMESPACE = 'respond-test'
export const LATENCY_NAMESPACE = 'respond-latency'
export const ACTIONS_NAMESPACE = 'respond-actions'
const TIMEOUT_MS = 10_000

export const admin = (): Promise<ClusterApi> =>
  openClusterApi({ kubeconfig: KUBECONFIG, request_timeout_ms: TIMEOUT_MS, service: 'test' })

const PLURALS: Readonly<Record<string, string>> = {
  NetworkPolicy: 'networkpolicies',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies'
}

/** Makes an object, or leaves the one that is there. */
export async function apply(api: ClusterApi, manifest: JsonObject): Promise<void> {
  const version = stringAt(manifest, 'apiVersion') ?? ''
  const kind = stringAt(manifest, 'kind') ?? ''
  const namespace = stringAt(manifest, 'metadata', 'namespace')
  const root = version.includes('/') ? ['apis', ...version.split('/')] : ['api', version]
  const plural = PLURALS[kind] ?? `${kind.toLowerCase()}s`
  const path = apiPath(...root, ...(namespace === null ? [] : ['namespaces', namespace]), plural)
  const { status, text } = await api.send({ method: 'POST', path, body: JSON.stringify(manifest) })
  if (status !== 201 && status !== 409) throw new Error(`POST ${path}: ${status} ${text}`)
}

export async function list(api: ClusterApi, path: string): Promise<readonly JsonObject[]> {
  const { body } = await api.send({ method: 'GET', path })
  return arrayAt(body, 'items').filter(isObject)
}

/** Looks until there is something; a text says what is still missing. */
export async function until<T extends object | number | boolean>(
  what: string,
  look: () => Promise<T | string | null>,
  timeout_ms = 60_000
): Promise<T> {
  for (const end = Date.now() + timeout_ms; ; ) {
    const found = await look()
    if (found !== null && typeof found !== 'string') return found
    if (Date.now() > end) throw new Error(`waited ${timeout_ms} ms for ${what}: ${found}`)
    await sleep(250)
  }
}

/** Pods whose containers run. */
export async function running(api: ClusterApi, namespace = NAMESPACE): Promise<readonly JsonObject[]> {
  return (await list(api, apiPath('api', 'v1', 'namespaces', namespace, 'pods'))).filter((pod) =>
    arrayAt(pod, 'status', 'containerStatuses').some((one) => at(one, ['state', 'running']) !== undefined)
  )
}

/** Puts into a cluster what the responder needs. */
export async function install(api: ClusterApi): Promise<string> {
  for (const name of ['weir', NAMESPACE, 'respond-neighbour'])
    await apply(api, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  for (const manifest of responderManifests('weir')) await apply(api, manifest)
  // Runs that other tests have left unfinished would count as being carried out.
  await api.send({
    method: 'DELETE',
    path: '/api/v1/namespaces/weir-jit/configmaps?labelSelector=weir.io%2Frun%3Dtrue'
  })
  const { body } = await api.send({ method: 'GET', path: '/api/v1/namespaces/kube-system' })
  return stringAt(body, 'metadata', 'uid') ?? ''
}

/** A token of the responder's own account. */
export async function responderToken(api: ClusterApi): Promise<string> {
  const path = '/api/v1/namespaces/weir/serviceaccounts/weir-responder/token'
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } }
  const { body } = await api.send({ method: 'POST', path, body: JSON.stringify(request) })
  return stringAt(body, 'status', 'token') ?? ''
}

/** The API as the responder's own account sees it: what it may not do, fails. */
export async function asResponder(api: ClusterApi): Promise<ClusterApi> {
  const token = await responderToken(api)
  const own = await openClusterApi({ kubeconfig: KUBECONFIG, request_timeout_ms: TIMEOUT_MS, service: 'responder' })
  return { send: (one, as) => own.send(one, { token, ...as }), close: () => own.close() }
}

/** A responder in this process, with the rights it has in a cluster. */
export function createResponder(
  api: ClusterApi,
  cluster_id: string,
  changes: Partial<ExecutorPorts> & { readonly max_ms?: number } = {}
) {
  const published: Action[] = []
  const now_ms = changes.now_ms ?? Date.now
  const account = { namespace: 'weir', name: 'weir-responder' }
  const { max_ms = 60_000, checkpoint } = changes
  const ledger = createLedger(api, now_ms, 'weir')
  const grants = createGrants({ api, now_ms, account, max_ms, ...(checkpoint === undefined ? {} : { checkpoint }) })
  const ports: ExecutorPorts = {
    api,
    grants,
    ledger,
    publish: async (action) => {
      published.push(action)
    },
    now_ms,
    cluster_id,
    limits: { plans_per_hour: 100, changes_per_hour: 1000, plans_at_once: 4, pods_per_plan: 50 },
    protection: { weir_namespace: 'weir', namespaces: [], names: [] },
    watch_ms: 60_000,
    ...changes
  }
  return { executor: createExecutor(ports), grants, ledger, ports, published }
}
