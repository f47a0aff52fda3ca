import type { ApiRequest } from '../../../../schemas/generated/types.ts'
import type { Binding, Subject } from '../facts.ts'
import { apiPath, isPathSegmentName, scopedName } from '../names.ts'
import {
  byOperator,
  create,
  get,
  groupClusterPath,
  groupPath,
  mergePatch,
  recreatable,
  remove,
  requestText,
  uidOf
} from '../requests.ts'
import type { ActionDeclaration, DraftStep, PlanInput, Planned } from './action.ts'
import { undoText } from './action.ts'

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
export const revokeServiceAccount: ActionDeclaration = {
  description:
    'Takes their rights from service accounts: deletes the bindings that name nobody else. To take one of several out of a binding takes the right to give its role, which Weir never has: the plan prints that request for people.',
  parameters: 'service accounts of the incident that acted or whose token was read',
  rbac: [{ apiGroups: [RBAC], resources: ['rolebindings', 'clusterrolebindings'], verbs: ['get', 'list', 'delete'] }],
  blast_radius: 'every pod that runs as the account loses these rights; tokens stay valid, with no rights',
  preconditions: 'each binding has the UID that was looked at',
  undo: 'the bindings are made again, with the rights of the person who takes it back: Weir cannot give rights',
  example: '- action: revoke_service_account',
  plan: (input) => (input.facts.live == null ? fromIncident(input) : fromCluster(input))
}

/** With the cluster at hand: the bindings that are there, each as it was looked at. */
function fromCluster({ victims, facts }: PlanInput): Planned {
  const steps: DraftStep[] = []
  const notes: string[] = []
  for (const id of victims.serviceAccounts) {
    const account = scopedName(id)
    if (account === null) continue
    const named = (facts.bindings ?? []).filter(({ subjects }) =>
      subjects.some((subject) => isThisAccount(subject, account))
    )
    for (const binding of named) {
      const { namespace, name, role, subjects, object } = binding
      const text = `${namespace === null ? 'cluster role binding ' : `role binding ${namespace}/`}${name}`
      if (!isPathSegmentName(name) || object === undefined) {
        notes.push(`binding ${name} is left alone: that is not the name of one`)
      } else if (subjects.some((subject) => !isThisAccount(subject, account))) {
        notes.push(
          `${text} names others beside ${id}; somebody with the right to give ${role} has to send ${requestText(revocation(binding, account))}`
        )
      } else {
        const collection =
          namespace === null
            ? groupClusterPath(RBAC, 'v1', 'clusterrolebindings')
            : groupPath(RBAC, 'v1', namespace, 'rolebindings')
        const undo = [byOperator(create(collection, recreatable(object)))]
        steps.push({
          name: 'revoke_service_account',
          description: `Service account ${id}: delete ${text} (${role}), which names nobody else`,
          target: { type: 'service_account', id, name: id, role: 'target' },
          requests: [remove(bindingPath(binding), uidOf(object))],
          blast_radius: `every pod that runs as ${id} loses what ${role} allows; tokens stay valid, with no rights, until they expire or their pod is deleted`,
          undo: undoText(undo),
          undo_requests: undo,
          risks: [`what runs as ${id} and needs ${role} fails`]
        })
      }
    }
    if (named.length === 0) notes.push(`no binding names ${id}: what it may do, it may as a member of a group`)
  }
  return { steps, notes }
}

/** Without the cluster: what one would have to look for. */
function fromIncident({ victims, facts }: PlanInput): Planned {
  const steps: DraftStep[] = []
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
