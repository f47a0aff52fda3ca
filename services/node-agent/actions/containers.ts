import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Folders looked through at most; a node has a few hundred containers. */
const MAX_FOLDERS = 20_000
const CONTAINER_ID = /^[0-9a-f]{64}$/
/** Processes that carry the node, by the name of what they run. */
export const CARRIERS: ReadonlySet<string> = new Set([
  'systemd',
  'init',
  'kubelet',
  'containerd',
  'containerd-shim',
  'containerd-shim-runc-v2',
  'crio',
  'conmon',
  'dockerd',
  'runc',
  'crun',
  'kube-apiserver',
  'etcd',
  'kube-proxy'
])

export interface ContainerFolders {
  /** Where control groups are: /sys/fs/cgroup, or where the node's is mounted. */
  readonly cgroups: string
  /** /proc, or where the node's is mounted. */
  readonly proc: string
  /** Process id of the agent. */
  readonly own_pid: number
}

/** Folders below the root of the control groups, within bounds; of those that `take` takes, what is below is not looked at. */
function groupsIn(root: string, take: (name: string, path: string) => boolean): void {
  const pending = [root]
  let looked = 0
  for (let folder = pending.pop(); folder !== undefined && looked < MAX_FOLDERS; folder = pending.pop()) {
    looked += 1
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue
      const path = join(folder, entry.name)
      if (!take(entry.name, path)) pending.push(path)
    }
  }
}

/** Control groups of a container of Kubernetes: one with cgroup v2, one for each controller with v1. */
function cgroupsOf({ cgroups }: ContainerFolders, id: string): readonly string[] {
  const found: string[] = []
  groupsIn(cgroups, (name, path) => {
    // As containerd (cgroupfs and systemd) and CRI-O name them.
    const is = name === id || name.endsWith(`-${id}.scope`)
    if (is) found.push(path)
    return is
  })
  // A control group of this name that is not below kubepods is no container of Kubernetes.
  return found.filter((path) => path.includes('kubepods'))
}

/** The part of a folder's name that is the id of a container. */
const NAMED = /(?:^|-)([0-9a-f]{64})(?:\.scope)?$/
/** What a sensor shortens an id to, at least. */
const SHORT_ID = /^[0-9a-f]{12,64}$/

/**
 * Control groups of the containers of a pod, by the ids that are known of them, whole or shortened, and by the pod's.
 * @returns control groups by the container's whole id
 */
export function containerCgroups(
  { cgroups }: ContainerFolders,
  { pod_uid, containers }: { readonly pod_uid: string | null; readonly containers: readonly string[] }
): ReadonlyMap<string, readonly string[]> {
  const ids = containers.filter((id) => SHORT_ID.test(id))
  const pods = pod_uid === null || pod_uid.length < 32 ? [] : [`pod${pod_uid}`, `pod${pod_uid.replaceAll('-', '_')}`]
  const found = new Map<string, string[]>()
  groupsIn(cgroups, (name, path) => {
    const id = NAMED.exec(name)?.[1]
    if (id === undefined) return false
    const wanted = ids.some((short) => id.startsWith(short)) || pods.some((pod) => path.includes(pod))
    if (wanted && path.includes('kubepods')) found.set(id, [...(found.get(id) ?? []), path])
    return true
  })
  return found
}

const fileThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

/** Processes of a control group. */
export function pidsOf(cgroup: string): readonly number[] {
  return readFileSync(join(cgroup, 'cgroup.procs'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
}

/** Why a container's processes are left alone, or null. */
function protectionOf(folders: ContainerFolders, pids: readonly number[]): string | null {
  for (const pid of pids) {
    if (pid === 1) return 'process 1 is in it'
    if (pid === folders.own_pid) return 'Weir’s agent is in it'
    const comm = join(folders.proc, String(pid), 'comm')
    const name = fileThere(comm) ? readFileSync(comm, 'utf8').trim() : ''
    if (CARRIERS.has(name)) return `${name} is in it`
  }
  return null
}

function opened(
  folders: ContainerFolders,
  id: string
): { readonly cgroups: readonly string[]; readonly pids: readonly number[] } {
  if (!CONTAINER_ID.test(id)) throw new Error('a container is named by all 64 digits of its id')
  const cgroups = cgroupsOf(folders, id)
  if (cgroups.length === 0) throw new Error(`there is no container ${id.slice(0, 12)} on this node`)
  const pids = [...new Set(cgroups.flatMap(pidsOf))]
  const reason = protectionOf(folders, pids)
  if (reason !== null) throw new Error(`container ${id.slice(0, 12)} is left alone: ${reason}`)
  return { cgroups, pids }
}

/**
 * Stops or resumes all processes of a container at once, by its control group. Doing it again changes nothing.
 * @returns what happened, in one line
 * @throws Error when there is no such container, it is protected, or the kernel cannot
 */
export function setFrozen(folders: ContainerFolders, id: string, frozen: boolean): string {
  const { cgroups, pids } = opened(folders, id)
  const writes = cgroups.flatMap((path) => [
    { file: join(path, 'cgroup.freeze'), value: frozen ? '1' : '0' },
    { file: join(path, 'freezer.state'), value: frozen ? 'FROZEN' : 'THAWED' }
  ])
  const usable = writes.filter(({ file }) => fileThere(file))
  if (usable.length === 0) throw new Error(`container ${id.slice(0, 12)} has no control group that can be frozen`)
  for (const { file, value } of usable) writeFileSync(file, value)
  return `${frozen ? 'froze' : 'resumed'} ${pids.length} processes`
}

/**
 * Kills all processes of a container, those that are just being made too: with cgroup v2 the kernel does it at once; with v1 until
 * there are none. The kubelet may start the container again: that is for its owner to be contained.
 * @throws as `setFrozen`
 */
export function killContainer(folders: ContainerFolders, id: string, kill: (pid: number) => void): string {
  const { cgroups, pids } = opened(folders, id)
  const files = cgroups.map((path) => join(path, 'cgroup.kill')).filter(fileThere)
  if (files.length > 0) {
    for (const file of files) writeFileSync(file, '1')
    return `killed ${pids.length} processes`
  }
  let killed = 0
  for (let round = 0; round < 20; round += 1) {
    const left = [...new Set(cgroups.filter(fileThere).flatMap(pidsOf))]
    if (left.length === 0) break
    const reason = protectionOf(folders, left)
    if (reason !== null) throw new Error(`container ${id.slice(0, 12)} is left alone: ${reason}`)
    for (const pid of left) kill(pid)
    killed = Math.max(killed, left.length)
  }
  return `killed ${killed} processes`
}
