import type { Actor } from '../../../../schemas/generated/types.ts'

/**
 * Whether a service account acts outside of its own namespace: on an object of another one, or of the cluster.
 * @param namespace that of the object, null for objects of the cluster
 * @returns null for others than service accounts
 */
export function actsOutsideNamespace(actor: Actor | null, namespace: string | null): boolean | null {
  const account = actor?.service_account ?? null
  return account === null ? null : account.slice(0, account.indexOf('/')) !== namespace
}
