import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** Programs, and the Debian packages that have them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  iptables: 'iptables',
  busybox: 'busybox-static',
  openssl: 'openssl',
  ip: 'iproute2'
}
const CNI_FOLDER = '/usr/lib/cni'

/**
 * Why the cluster cannot run on this machine, in sentences that say how to mend it; none when it can.
 * @param binary_ready whether the Kubernetes program is there, so that nothing has to be built
 */
export function missingForCluster(binary_ready: boolean): string[] {
  const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
  const packages = new Set(Object.entries(PROGRAMS).flatMap(([program, name]) => (has(program) ? [] : [name])))
  if (!existsSync(`${CNI_FOLDER}/bridge`)) packages.add('containernetworking-plugins')
  const problems: string[] = []
  if (process.platform !== 'linux') return ['Linux is needed: containers are made by its kernel']
  if (process.getuid?.() !== 0) problems.push('root is needed, to make containers: run it as root')
  if (packages.size > 0)
    problems.push(
      `programs are missing: apt-get install -y --no-install-recommends ${[...packages].toSorted((a, b) => (a < b ? -1 : 1)).join(' ')}`
    )
  if (!/^(?:\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:|0::)/m.test(readFileSync('/proc/self/cgroup', 'utf8')))
    problems.push('there are no control groups here: mount /sys/fs/cgroup')
  else if (
    spawnSync('sh', [
      '-c',
      'd=$(mktemp -d -p $(ls -d /sys/fs/cgroup/memory /sys/fs/cgroup 2>/dev/null | head -1)) && rmdir "$d"'
    ]).status !== 0
  )
    problems.push('control groups cannot be made under /sys/fs/cgroup: in a container, it has to be privileged')
  if (!binary_ready && !has('go'))
    problems.push(
      'Go is needed once, to build Kubernetes (https://go.dev/dl), or WEIR_CLUSTER_BINARY has to name a built one'
    )
  return problems
}
