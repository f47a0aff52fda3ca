import type { ApiRequest } from '../../../schemas/generated/types.ts'
import { parseJson, property, stringAt } from '../json.ts'
import { apiPathOf } from './permissions.ts'
import { isEviction } from './requests.ts'

/** Where Weir never acts, and why. Settings and playbooks can add to this, nothing can take away from it. */
export const PROTECTED_NAMESPACES: ReadonlyArray<{ readonly namespace: string; readonly reason: string }> = [
  { namespace: 'kube-system', reason: 'the control plane, DNS and network of the cluster run there' },
  { namespace: 'kube-public', reason: 'it holds what new nodes need to join' },
  { namespace: 'kube-node-lease', reason: 'it holds the heartbeats of nodes' },
  { namespace: 'calico-system', reason: 'the network of the cluster runs there' },
  { namespace: 'calico-apiserver', reason: 'the network of the cluster runs there' },
  { namespace: 'tigera-operator', reason: 'it would undo changes to the network of the cluster' },
  { namespace: 'kube-flannel', reason: 'the network of the cluster runs there' },
  { namespace: 'cilium', reason: 'the network of the cluster runs there' }
]

/**
 * Why nothing is done in a namespace, or null when it may be.
 * @param weir_namespace where Weir itself runs
 * @param more namespaces the playbook protects
 */
export function protectionOf(namespace: string, weir_namespace: string, more: readonly string[]): string | null {
  if (namespace === weir_namespace) return 'Weir itself runs there'
  if (more.includes(namespace)) return 'the playbook protects it'
  return PROTECTED_NAMESPACES.find((entry) => entry.namespace === namespace)?.reason ?? null
}

/** Objects in no namespace that the cluster itself lives by. */
const CONTROL_PLANE_OBJECT = /^(?:system:|kubeadm:|eks:|gke-|aks-|cluster-admin$)/
/** Pods of these classes carry the node or the cluster. */
const CRITICAL_CLASSES: ReadonlySet<string> = new Set(['system-node-critical', 'system-cluster-critical'])
const CONTROL_PLANE_NODE = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'] as const

/** What the settings add to where Weir never acts. */
export interface Protection {
  readonly weir_namespace: string
  readonly namespaces: readonly string[]
  /** Names of objects, whatever their kind. */
  readonly names: readonly string[]
}

/** Why an object is never acted on whatever its namespace, or null when it may be. */
export function objectProtection(object: unknown): string | null {
  const labels = property(property(object, 'metadata'), 'labels')
  if (property(labels, 'app.kubernetes.io/part-of') === 'weir') return 'it is a part of Weir'
  if (CONTROL_PLANE_NODE.some((label) => property(labels, label) !== undefined)) return 'it carries the control plane'
  const spec = property(object, 'spec')
  const priority = stringAt(spec, 'priorityClassName') ?? stringAt(spec, 'template', 'spec', 'priorityClassName')
  return CRITICAL_CLASSES.has(priority ?? '') ? `its priority class is ${priority}` : null
}

/** Whether a request changes what it says only as long as that is what was looked at. */
function isGuarded({ method, path, body }: ApiRequest): boolean {
  const parsed = parseJson(body)
  if (isEviction({ method, path })) return stringAt(parsed, 'deleteOptions', 'preconditions', 'uid') !== null
  // An object of this name that is there already is not replaced.
  if (method === 'POST') return true
  if (method === 'DELETE') {
    const uid = stringAt(parsed, 'preconditions', 'uid')
    return uid !== null
  }
  const [first] = Array.isArray(parsed) ? (parsed as readonly unknown[]) : []
  return (
    method === 'PATCH' &&
    property(first, 'op') === 'test' &&
    property(first, 'path') === '/metadata/uid' &&
    stringAt(first, 'value') !== null
  )
}

/**
 * Why a request is not sent, whoever planned and approved it; null when it may be. The last check before the API server,
 * independent of the planner.
 * @param undoing what an undo deletes Weir has made itself, and may have no UID yet when it is planned
 */
export function refusalOf(request: ApiRequest, protection: Protection, undoing = false): string | null {
  if (request.to !== 'kube-apiserver') return null
  const parts = apiPathOf(request.path)
  if (parts === null) return `${request.path} is not the path of an object`
  if (request.method === 'GET') return null
  if (parts.namespace !== null) {
    const reason = protectionOf(parts.namespace, protection.weir_namespace, protection.namespaces)
    if (reason !== null) return `namespace ${parts.namespace} is protected: ${reason}`
  } else if (CONTROL_PLANE_OBJECT.test(parts.name ?? '')) return `${parts.name} belongs to the control plane`
  if (parts.resource === 'namespaces' && parts.namespace === null) return 'namespaces are never changed'
  if (parts.name !== null && protection.names.includes(parts.name)) return `${parts.name} is protected by the settings`
  const isOwnPolicy = parts.resource === 'networkpolicies' && (parts.name ?? '').startsWith('weir-quarantine-')
  if (!isGuarded(request) && !(undoing && isOwnPolicy)) return 'it does not say which UID the object has to have'
  return null
}
