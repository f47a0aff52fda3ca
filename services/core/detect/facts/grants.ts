import type { Actor } from '../../../../schemas/generated/types.ts'
import { arrayAt, at, property, stringAt } from '../../json.ts'

/** Subjects of one binding that are looked at. */
const MAX_SUBJECTS = 256

/** Whom a role binding gives rights to. */
export interface SubjectFact {
  readonly kind: string
  readonly name: string
  readonly namespace: string | null
  /** As the API server writes it in audit events: the user name of a user or service account, the name of a group. */
  readonly identity: string
}

/** Subjects of a RoleBinding or ClusterRoleBinding. A service account without a namespace is in that of the binding. */
export function subjectsOf(binding: unknown, namespace: string | null): readonly SubjectFact[] {
  return arrayAt(binding, 'subjects')
    .slice(0, MAX_SUBJECTS)
    .flatMap((subject): readonly SubjectFact[] => {
      const kind = stringAt(subject, 'kind')
      const name = stringAt(subject, 'name')
      if (kind === null || name === null) return []
      const within = stringAt(subject, 'namespace') ?? (kind === 'ServiceAccount' ? namespace : null)
      const identity = kind === 'ServiceAccount' ? `system:serviceaccount:${within ?? ''}:${name}` : name
      return [{ kind, name, namespace: within, identity }]
    })
}

/** Groups that nearly everybody is in: a grant to them is not a grant to oneself. */
const EVERYBODY: ReadonlySet<string> = new Set([
  'system:authenticated',
  'system:unauthenticated',
  'system:serviceaccounts'
])

/** Whether one of the subjects is who asks: the same user, or a group that the user is in and not everybody. */
export function grantsToActor(subjects: readonly SubjectFact[], actor: Actor | null): boolean {
  if (actor === null) return false
  return subjects.some(({ kind, identity }) =>
    kind === 'Group'
      ? actor.groups.includes(identity) && !EVERYBODY.has(identity)
      : identity === actor.name || identity === actor.impersonator
  )
}

/** Pairs of verb and resource that are looked at: more than any role of Kubernetes or of a chart has. */
const MAX_PAIRS = 8_192

/** Stands for what did not fit, so that a rule can take a role made to be too long for what it may be. */
export const MORE_RIGHTS = '…'

/**
 * A right that a role gives, one entry for each verb and resource: `get secrets`, `* *`, `create pods/exec`. `…` comes last when
 * there are more than fit.
 */
export function grantedRights(role: unknown): readonly string[] {
  const found = new Set<string>()
  let pairs = 0
  for (const rule of arrayAt(role, 'rules')) {
    const resources = arrayAt(rule, 'resources')
    for (const verb of arrayAt(rule, 'verbs')) {
      for (const resource of resources) {
        pairs += 1
        if (pairs > MAX_PAIRS) return [...found, MORE_RIGHTS]
        if (typeof verb === 'string' && typeof resource === 'string') found.add(`${verb} ${resource}`)
      }
    }
  }
  return [...found]
}

/** Kind and name of the role that a binding refers to. */
export function roleOf(binding: unknown): { readonly kind: string | null; readonly name: string | null } {
  return { kind: stringAt(binding, 'roleRef', 'kind'), name: stringAt(binding, 'roleRef', 'name') }
}

/** How many pods an object asks for: replicas, or the parallelism of a job. Null where it does not say. */
export function replicasOf(object: unknown): number | null {
  const values = [
    at(object, ['spec', 'replicas']),
    at(object, ['spec', 'parallelism']),
    at(object, ['spec', 'jobTemplate', 'spec', 'parallelism'])
  ]
  const numbers = values.filter((value): value is number => typeof value === 'number')
  return numbers.length === 0 ? null : Math.max(...numbers)
}

/** Whether an object was made by a controller, so that the finding belongs to its owner. */
export function isOwned(object: unknown): boolean {
  return arrayAt(object, 'metadata', 'ownerReferences').some((owner) => property(owner, 'kind') !== 'Node')
}
