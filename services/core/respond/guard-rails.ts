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
