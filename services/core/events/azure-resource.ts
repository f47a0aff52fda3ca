import type { Cluster, ObjectReference } from '../../../schemas/generated/types.ts'

/** Providers whose resources are Kubernetes clusters: AKS, and clusters elsewhere that Azure Arc manages. */
const CLUSTER_TYPES = new Set(['microsoft.containerservice/managedclusters', 'microsoft.kubernetes/connectedclusters'])

/** Resources of the core group that Azure names in operations; theirs are the only ones without the group before them. */
const CORE_RESOURCES = new Set([
  'bindings',
  'componentstatuses',
  'configmaps',
  'endpoints',
  'events',
  'limitranges',
  'namespaces',
  'nodes',
  'persistentvolumeclaims',
  'persistentvolumes',
  'pods',
  'podtemplates',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'serviceaccounts',
  'services'
])

/** Groups of Kubernetes whose name has no domain. */
const SHORT_GROUPS = new Set(['apps', 'autoscaling', 'batch', 'extensions', 'policy'])

const VERBS: ReadonlyMap<string, string> = new Map([
  // Azure has one word for creating and for changing. Creating is what it is read as: rules look at either.
  ['write', 'create'],
  ['read', 'get'],
  ['delete', 'delete'],
  ['action', 'create']
])

/** An operation of Azure on a cluster, in Kubernetes' words. */
export interface AzureOperation {
  readonly verb: string
  readonly apiGroup: string | null
  readonly resource: string
  readonly subresource: string | null
  /** It is about the cluster as a resource of Azure, not about an object in it. */
  readonly of_cluster: boolean
}

/**
 * Reads an operation name, such as MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/RBAC.AUTHORIZATION.K8S.IO/ROLEBINDINGS/WRITE.
 * Operations on the cluster itself (LISTCLUSTERADMINCREDENTIAL/ACTION, RUNCOMMAND/ACTION, WRITE) are given as operations on
 * the object `managedclusters` of group `microsoft.containerservice`, what is done to it as subresource.
 * Names: https://learn.microsoft.com/azure/role-based-access-control/permissions/containers
 * @returns null when it is about no cluster
 */
export function azureOperationOf(name: string): AzureOperation | null {
  if (name.length > 512) return null
  const [provider = '', type = '', ...path] = name.toLowerCase().split('/')
  if (!CLUSTER_TYPES.has(`${provider}/${type}`)) return null
  const verb = VERBS.get(path.at(-1) ?? '')
  if (verb === undefined) return null
  const [first, second, ...rest] = path.slice(0, -1)
  if (first !== undefined && CORE_RESOURCES.has(first)) {
    return { verb, apiGroup: null, resource: first, subresource: second ?? null, of_cluster: false }
  }
  if (first !== undefined && second !== undefined && (first.includes('.') || SHORT_GROUPS.has(first))) {
    return { verb, apiGroup: first, resource: second, subresource: rest[0] ?? null, of_cluster: false }
  }
  return {
    verb,
    apiGroup: provider,
    resource: type,
    subresource: path.slice(0, -1).join('/') || null,
    of_cluster: true
  }
}

interface AzurePlace {
  readonly cluster: Cluster
  /** What follows the cluster's name in the resource id. */
  readonly path: readonly string[]
}

/**
 * Finds the cluster in a resource id: /subscriptions/…/providers/Microsoft.ContainerService/managedClusters/NAME/… Azure
 * does not tell upper from lower case there and writes both, so the cluster is named in lower case.
 */
export function azurePlaceOf(resourceId: unknown): AzurePlace | null {
  if (typeof resourceId !== 'string' || resourceId.length > 2048) return null
  const segments = resourceId.split('/')
  const lower = segments.map((segment) => segment.toLowerCase())
  const provider = lower.indexOf('providers')
  const name = lower[provider + 3]
  if (provider === -1 || name === undefined || name === '') return null
  if (!CLUSTER_TYPES.has(`${lower[provider + 1]}/${lower[provider + 2]}`)) return null
  const after = (key: string) => (lower.indexOf(key) === -1 ? '-' : lower[lower.indexOf(key) + 1] || '-')
  return {
    cluster: { id: `aks/${after('subscriptions')}/${after('resourcegroups')}/${name}`, name },
    path: segments.slice(provider + 4)
  }
}

/** The object an operation is about, from what follows the cluster's name in the resource id. */
export function azureObjectOf(operation: AzureOperation, place: AzurePlace | null): ObjectReference {
  const path = place?.path ?? []
  const lower = path.map((segment) => segment.toLowerCase())
  const at = (key: string) => (lower.indexOf(key) === -1 ? undefined : path[lower.indexOf(key) + 1])
  const name = operation.of_cluster ? place?.cluster.name : at(operation.resource)
  const namespace = operation.of_cluster ? undefined : at('namespaces')
  return {
    resource: operation.resource,
    namespace: namespace || null,
    name: name || null,
    uid: null,
    apiGroup: operation.apiGroup,
    apiVersion: null,
    resourceVersion: null,
    subresource: operation.subresource
  }
}
