import type { ActionStep, ApiRequest } from '../../../../schemas/generated/types.ts'
import type { Binding, Subject } from '../facts.ts'
import { apiPath, isPathSegmentName, scopedName } from '../names.ts'
import { get, groupPath, mergePatch, remove } from '../requests.ts'
import type { PlanAction } from './action.ts'

const RBAC = 'rbac.authorization.k8s.io'

function bindingPath({ namespace, name }: Pick<Binding, 'namespace' | 'name'>): string {
  return namespace === null
    ? apiPath('apis', RBAC, 'v1', 'clusterrolebindings', name)
    : groupPath(RBAC, 'v1', namespace, 'rolebindings', name)
}

function isThisAccount(subject: Subject, account: { namespace: string; name: string }): boolean {
  return subject.kind === 'ServiceAccount' && subject.name === account.name && subject.namespace === account.namespace
}

/** Takes an account out of a binding; the binding goes when nobody is left in it. */
function revocation(binding: Binding, account: { namespace: string; name: string }): ApiRequest {
  const rest = binding.subjects.filter((subject) => !isThisAccount(subject, account))
  if (rest.length === 0) return remove(bindingPath(binding), null)
  const subjects = rest.map(({ kind, name, namespace }) => ({
    kind,
    name,
    ...(kind === 'ServiceAccount' ? {} : { apiGroup: RBAC }),
    ...(namespace === null ? {} : { namespace })
  }))
  return mergePatch(bindingPath(binding), { subjects })
}

/** Takes their rights from service accounts whose tokens an attacker may have. */
export const revokeServiceAccount: PlanAction = ({ victims, facts }) => {
  const steps: ActionStep[] = []
  const notes: string[] = []
  for (const id of victims.serviceAccounts) {
    const account = scopedName(id)
    // Names were validated when the victims were chosen.
    if (account === null) continue
    const bindings = (facts.bindings ?? []).filter(({ subjects }) =>
      subjects.some((subject) => isThisAccount(subject, account))
    )
    const usable = bindings.filter(({ name }) => isPathSegmentName(name))
    for (const { name } of bindings)
      if (!isPathSegmentName(name)) notes.push(`binding ${name} is left alone: that is not the name of one`)
    const look = [
      get(apiPath('apis', RBAC, 'v1', 'clusterrolebindings')),
      get(apiPath('apis', RBAC, 'v1', 'rolebindings'))
    ]
    const named = usable.map(
      ({ namespace, name, role }) => `${namespace === null ? '' : `${namespace}/`}${name} (${role})`
    )
    const what =
      facts.bindings === null
        ? 'find its bindings, and take it out of each'
        : named.length === 0
          ? 'no binding names it: what it may do, it may as a member of a group'
          : `take it out of ${named.join(', ')}`
    steps.push({
      name: 'revoke_service_account',
      description: `Service account ${id}: ${what}`,
      target: { type: 'service_account', id, name: id, role: 'target' },
      requests: [...look, ...usable.map((binding) => revocation(binding, account))],
      blast_radius: `every pod that runs as ${id} loses these rights; tokens stay valid, with no rights, until they expire or their pod is deleted`,
      undo: "create or patch each binding as this step's first answers show it"
    })
  }
  return { steps, notes }
}
