import type { ApiCall } from '../api.ts'
import type { Json, JsonObject } from '../json.ts'

/** API requests as tables of steps write them. */

const RBAC = 'rbac.authorization.k8s.io'

/** A collection is listed, of one namespace or of all. */
export function list(resource: string, namespace?: string, group?: string): ApiCall {
  return {
    verb: 'list',
    resource,
    query: 'limit=500',
    ...(namespace === undefined ? {} : { namespace }),
    ...(group === undefined ? {} : { group })
  }
}

export function get(resource: string, namespace: string, name: string): ApiCall {
  return { verb: 'get', resource, namespace, name }
}

export function denied(call: ApiCall): ApiCall {
  return { ...call, denied: true }
}

export function remove(resource: string, namespace: string, name: string, group?: string): ApiCall {
  return { verb: 'delete', resource, namespace, name, ...(group === undefined ? {} : { group }) }
}

function create(
  resource: string,
  namespace: string | undefined,
  name: string,
  body: JsonObject,
  group?: string
): ApiCall {
  return {
    verb: 'create',
    resource,
    name,
    requestObject: body,
    responseObject: body,
    ...(namespace === undefined ? {} : { namespace }),
    ...(group === undefined ? {} : { group })
  }
}

/** May I do this? */
export function review(namespace: string, verb: string, resource: string): ApiCall {
  const spec = { resourceAttributes: { namespace, verb, resource } }
  const body = { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {}, spec }
  return {
    verb: 'create',
    group: 'authorization.k8s.io',
    resource: 'selfsubjectaccessreviews',
    requestObject: { ...body, status: { allowed: false } },
    responseObject: { ...body, status: { allowed: true } }
  }
}

/** What may I do? */
export function rules(namespace: string): ApiCall {
  const body = {
    kind: 'SelfSubjectRulesReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec: { namespace }
  }
  return {
    verb: 'create',
    group: 'authorization.k8s.io',
    resource: 'selfsubjectrulesreviews',
    requestObject: body,
    responseObject: body
  }
}

export function createAccount(namespace: string, name: string): ApiCall {
  return create('serviceaccounts', namespace, name, {
    kind: 'ServiceAccount',
    apiVersion: 'v1',
    metadata: { name, namespace }
  })
}

export function createClusterRole(name: string, roleRules: Json): ApiCall {
  const body = { kind: 'ClusterRole', apiVersion: `${RBAC}/v1`, metadata: { name }, rules: roleRules }
  return create('clusterroles', undefined, name, body, RBAC)
}

/** A role is given to a service account of all namespaces' scope. */
export function bindCluster(name: string, role: string, namespace: string, account: string, verb = 'create'): ApiCall {
  const body = {
    kind: 'ClusterRoleBinding',
    apiVersion: `${RBAC}/v1`,
    metadata: { name },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role }
  }
  return { ...create('clusterrolebindings', undefined, name, body, RBAC), verb }
}

export const ALL_RIGHTS: Json = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]
