import type { ApiRequest, Permission } from '../../../schemas/generated/types.ts'

/** A rule of a Kubernetes role. */
export interface PolicyRule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  readonly resourceNames?: readonly string[]
}

const VERBS: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

/** A path of the Kubernetes API taken apart. */
export interface ApiPath {
  readonly namespace: string | null
  readonly api_group: string
  /** With /subresource. */
  readonly resource: string
  /** Null for a collection. */
  readonly name: string | null
}

/**
 * Takes a path of the Kubernetes API apart, as the API server does to find out what a request asks for.
 * @returns null for paths that are not of resources
 */
export function apiPathOf(path: string): ApiPath | null {
  const [way = ''] = path.split('?')
  const [root, ...segments] = way.slice(1).split('/').map(decodeURIComponent)
  if (root === 'api') segments.unshift('')
  else if (root !== 'apis') return null
  const [api_group, , ...rest] = segments
  const namespaced = rest[0] === 'namespaces' && rest.length > 2
  const [resource, name, ...sub] = namespaced ? rest.slice(2) : rest
  if (api_group === undefined || resource === undefined || resource === '') return null
  return {
    namespace: namespaced ? (rest[1] ?? null) : null,
    api_group,
    resource: [resource, ...sub].join('/'),
    name: name ?? null
  }
}

/** The one right that a request to the API server takes; null for requests to others. */
export function permissionOf({ to, method, path }: ApiRequest): Permission | null {
  const parts = to === 'kube-apiserver' ? apiPathOf(path) : null
  if (parts === null) return null
  const verb = method === 'GET' ? (parts.name === null ? 'list' : 'get') : (VERBS[method] ?? method.toLowerCase())
  return { ...parts, verb }
}

/** The rights that requests take, each once, in a fixed order. */
export function permissionsOf(requests: readonly ApiRequest[]): readonly Permission[] {
  const byText = new Map<string, Permission>()
  for (const request of requests) {
    const permission = permissionOf(request)
    if (permission !== null) byText.set(JSON.stringify(Object.values(permission)), permission)
  }
  return [...byText.values()]
}

/** Whether a role's rule grants a right. */
export function grants(rule: PolicyRule, permission: Permission): boolean {
  const [, sub] = permission.resource.split('/')
  const has = (list: readonly string[], value: string) => list.includes('*') || list.includes(value)
  return (
    has(rule.apiGroups, permission.api_group) &&
    (has(rule.resources, permission.resource) || (sub !== undefined && rule.resources.includes(`*/${sub}`))) &&
    has(rule.verbs, permission.verb) &&
    (rule.resourceNames === undefined || (permission.name !== null && rule.resourceNames.includes(permission.name)))
  )
}

/**
 * Rights as rules of roles, one role for each namespace: each right with its one object wherever it has one.
 * @returns by namespace; the empty string for what is in none
 */
export function rolesOf(permissions: readonly Permission[]): ReadonlyMap<string, readonly PolicyRule[]> {
  const roles = new Map<string, PolicyRule[]>()
  for (const { namespace, api_group, resource, verb, name } of permissions) {
    const rules = roles.get(namespace ?? '') ?? []
    roles.set(namespace ?? '', rules)
    rules.push({
      apiGroups: [api_group],
      resources: [resource],
      verbs: [verb],
      // `create` comes with no name, and lists are of many.
      ...(name === null ? {} : { resourceNames: [name] })
    })
  }
  return roles
}
