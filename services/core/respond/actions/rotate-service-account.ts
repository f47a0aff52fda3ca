import { scopedName } from '../names.ts'
import { corePath, create, recreatable, remove, uidOf } from '../requests.ts'
import type { ActionDeclaration, DraftStep } from './action.ts'

/**
 * Makes every token of a service account void: tokens are of an account's UID, so that the account made anew has none. Steps of
 * their own for deleting and making again: what was done before a crash is not done twice, and the second not left out.
 */
export const rotateServiceAccount: ActionDeclaration = {
  description:
    'Deletes service accounts and makes them again as they were, with a new UID: all their tokens are void, those bound to pods and those in secrets, which the control plane deletes. Their bindings name them as before. Pods get a new token when they start again.',
  parameters: 'service accounts of the incident that acted or whose token was read',
  rbac: [{ apiGroups: [''], resources: ['serviceaccounts'], verbs: ['get', 'create', 'delete'] }],
  blast_radius:
    'every pod that runs as the account, until it starts again; whatever uses a token of it outside of the cluster',
  preconditions: 'the account has the UID that was looked at',
  undo: null,
  example: '- action: rotate_service_account',
  plan: ({ victims, facts }) => {
    const steps: DraftStep[] = []
    const notes: string[] = []
    for (const id of victims.serviceAccounts) {
      const account = scopedName(id)
      if (account === null) continue
      const collection = corePath(account.namespace, 'serviceaccounts')
      const path = corePath(account.namespace, 'serviceaccounts', account.name)
      const object = facts.live?.objects.get(path)
      if (object === undefined) {
        notes.push(`service account ${id} is not rotated: it was not found in the cluster`)
        continue
      }
      // Secrets with its tokens go with it; what listed them must not bring their names back.
      const { secrets: _, ...again } = recreatable(object)
      const pods = facts.pods.filter(({ pod }) => pod.service_account === id).length
      const target = { type: 'service_account', id, name: id, role: 'target' } as const
      const after = 'Pods get a new token when they start again'
      steps.push(
        {
          name: 'rotate_service_account',
          description: `Service account ${id}: delete it, so that all its tokens are void`,
          target,
          requests: [remove(path, uidOf(object))],
          blast_radius: `${pods === 1 ? '1 pod that is known runs' : `${pods} pods that are known run`} as ${id}, and cannot use the API until they start again`,
          undo: null,
          risks: [
            `secrets with tokens of ${id} are deleted with it; what uses one outside of the cluster stops working`
          ]
        },
        {
          name: 'rotate_service_account',
          description: `Service account ${id}: make it again, with no token. ${after}`,
          target,
          requests: [create(collection, { apiVersion: 'v1', kind: 'ServiceAccount', ...again })],
          blast_radius: `none: bindings name ${id} as before`,
          undo: null
        }
      )
    }
    return { steps, notes }
  }
}
