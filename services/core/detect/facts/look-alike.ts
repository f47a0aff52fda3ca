/** A name that looks like one that people trust, and is not it. */
export interface LookAlike {
  readonly name: string
  /** The name it looks like. */
  readonly of: string
}

/**
 * Names that attackers imitate: what runs in kube-system of kubeadm, EKS, GKE and AKS clusters, and node components. Source: the
 * manifests of these distributions, and the campaigns Dero (`pause`) and ScarletEEL (`containerd`).
 */
const TRUSTED = [
  'kube-proxy',
  'kube-apiserver',
  'kube-scheduler',
  'kube-controller-manager',
  'kube-dns',
  'kube-system',
  'kubelet',
  'coredns',
  'etcd',
  'aws-node',
  'ebs-csi-node',
  'calico-node',
  'cilium',
  'kube-flannel',
  'metrics-server',
  'cloud-node-manager',
  'azure-npm',
  'gke-metrics-agent',
  'fluentbit-gke',
  'konnectivity-agent',
  'containerd',
  'cluster-autoscaler',
  'node-exporter'
] as const

/** Suffixes that controllers add: `-` and the hash of a template, `-` and five characters of a pod. */
const SUFFIX = /(?:-[a-z0-9]{8,10})?-[bcdfghjklmnpqrstvwxz2456789]{5}$|-[0-9]{1,3}$/

/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours. Source: Damerau 1964, in the
 * restricted form. Gives up above `most`.
 */
export function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row += 1) {
    const next = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1
      let best = Math.min((last[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + cost)
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, (before[column - 2] ?? 0) + 1)
      }
      next.push(best)
    }
    before = last
    last = next
  }
  return Math.min(last[b.length] ?? most + 1, most + 1)
}

/**
 * The trusted name that a name imitates: one or two characters off (one for names of up to six), after the suffixes that
 * controllers add are taken away. The name itself imitates nothing.
 */
export function lookAlikeOf(name: string): LookAlike | null {
  if (name.length > 80) return null
  const base = name.toLowerCase().replace(SUFFIX, '')
  if ((TRUSTED as readonly string[]).includes(base)) return null
  for (const trusted of TRUSTED) {
    const most = trusted.length <= 6 ? 1 : 2
    const distance = editDistance(base, trusted, most)
    if (distance > 0 && distance <= most) return { name, of: trusted }
  }
  return null
}

/** Whether a name, without the suffixes of controllers, is one that runs in kube-system. */
export function trustedNameOf(name: string): string | null {
  const base = name.toLowerCase().replace(SUFFIX, '')
  return (TRUSTED as readonly string[]).includes(base) ? base : null
}
