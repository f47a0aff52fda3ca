import { remembered } from '../../remembered.ts'

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

/** Common words that are as near to a trusted name as an imitation would be. */
const ORDINARY: ReadonlySet<string> = new Set([
  'container',
  'containers',
  'kube-dev',
  'etc',
  'etcd2',
  'etcd3',
  'kubeflow'
])

/** Registries that most clusters draw from, as attackers register names beside them. */
const REGISTRIES = [
  'registry.k8s.io',
  'k8s.gcr.io',
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'quay.io',
  'gcr.io',
  'ghcr.io',
  'ecr.aws',
  'public.ecr.aws',
  'mcr.microsoft.com',
  'registry.gitlab.com',
  'registry.access.redhat.com',
  'registry.redhat.io'
] as const

/** Suffixes that controllers add: `-` and the hash of a template, `-` and five characters of a pod. */
const SUFFIX = /(?:-[a-z0-9]{8,10})?-[bcdfghjklmnpqrstvwxz2456789]{5}$|-[0-9]{1,3}$/

/** Characters that are read as others: digits for letters, `rn` for `m`, `vv` for `w`. */
function asRead(name: string): string {
  return name.replaceAll('0', 'o').replaceAll('1', 'l').replaceAll('rn', 'm').replaceAll('vv', 'w')
}

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
    let least = row
    for (let column = 1; column <= b.length; column += 1) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1
      let best = Math.min((last[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + cost)
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, (before[column - 2] ?? 0) + 1)
      }
      next.push(best)
      if (best < least) least = best
    }
    // All of the next row is as far off as this one, or by a swap one further than the one before it, which was off by `most` at least.
    if (least > most) return most + 1
    before = last
    last = next
  }
  return Math.min(last[b.length] ?? most + 1, most + 1)
}

/** Edits that a name of some length may be off and is still taken for it: one in up to eight characters, two in longer ones. */
const editsOf = (trusted: string): number => (trusted.length <= 8 ? 1 : 2)

/** Trusted names by how they are read, the first of those that are read alike. */
const readAs = (names: readonly string[]): ReadonlyMap<string, string> =>
  new Map(names.toReversed().map((name) => [asRead(name), name]))
const AS_READ = new Map<readonly string[], ReadonlyMap<string, string>>([
  [TRUSTED, readAs(TRUSTED)],
  [REGISTRIES, readAs(REGISTRIES)]
])

function imitated(base: string, trusted: typeof TRUSTED | typeof REGISTRIES): string | null {
  if ((trusted as readonly string[]).includes(base) || ORDINARY.has(base)) return null
  const read = AS_READ.get(trusted)?.get(asRead(base))
  for (const one of trusted) {
    if (read === one) return one
    if (editDistance(base, one, editsOf(one)) <= editsOf(one)) return one
    // Half of a name of several words: kube-controller has been a miner's.
    if (base.startsWith('kube-') && base.length >= 12 && one.startsWith(`${base}-`)) return one
  }
  return null
}

const imitatesTrusted = remembered((base) => imitated(base, TRUSTED))
const imitatesRegistry = remembered((host) => imitated(host, REGISTRIES))

/** Names of objects end in lower case; a longer one is not looked at. */
const MAX_NAME_CHARACTERS = 80

/**
 * The trusted name that a name imitates: one or two characters off (one for names of up to eight), or the same when read, after
 * the suffixes that controllers add are taken away. The name itself imitates nothing, and neither do some ordinary words.
 */
export function lookAlikeOf(name: string): LookAlike | null {
  if (name.length > MAX_NAME_CHARACTERS) return null
  const whole = name.toLowerCase()
  if ((TRUSTED as readonly string[]).includes(whole)) return null
  const of = imitatesTrusted(whole.replace(SUFFIX, ''))
  return of === null ? null : { name, of }
}

/** A host without its top-level domain: registry.k8s of registry.k8s.io, which another domain may have as well. */
const withoutTop = (host: string): string => host.slice(0, Math.max(0, host.lastIndexOf('.')))

/** The well-known registry that the host of a registry imitates. */
export function registryLookAlikeOf(registry: string): LookAlike | null {
  if (registry.length > MAX_NAME_CHARACTERS) return null
  const host = registry.toLowerCase().replace(/:\d+$/, '')
  // Regions of a registry are hosts below it.
  if (REGISTRIES.some((known) => host.endsWith(`.${known}`))) return null
  const of =
    imitatesRegistry(host) ?? REGISTRIES.find((known) => known !== host && withoutTop(known) === withoutTop(host))
  return of === undefined || (REGISTRIES as readonly string[]).includes(host) ? null : { name: registry, of }
}

/** Whether a name, without the suffixes of controllers, is one that runs in kube-system. */
export function trustedNameOf(name: string): string | null {
  const whole = name.toLowerCase()
  const base = whole.replace(SUFFIX, '')
  return (TRUSTED as readonly string[]).find((trusted) => trusted === base || trusted === whole) ?? null
}
