import { mainContainer, nextContainerPid, nextPid } from './cluster.ts'
import type { Cluster, Container, Node, Pod } from './cluster-model.ts'
import type { Random } from './random.ts'

/** A process on a node, with what a sensor knows of it. */
export interface Process {
  readonly node: Node
  readonly pod: Pod | null
  readonly container: Container | null
  readonly pid: number
  /** Pid in the container's own namespace; 0 for host processes. */
  readonly containerPid: number
  readonly uid: number
  readonly cwd: string
  readonly binary: string
  readonly args: readonly string[]
  readonly start_us: number
  /** Nanoseconds of the start below the microsecond. */
  readonly nanos: number
  readonly parent: Process | null
  /** Descends from the container's first process; false for what came in by exec. */
  readonly inInitTree: boolean
  /** Replaced the image of its parent (same pid) instead of being a fork of it. */
  readonly replaced: boolean
}

export interface Program {
  readonly binary: string
  readonly args?: readonly string[]
  readonly cwd?: string
  readonly uid?: number
  /** exec without fork: the process keeps its pid. */
  readonly replaces?: boolean
}

/** The processes of a cluster's containers. */
export interface ProcessTable {
  /** The first process of a pod's main container; started with the container. */
  first(pod: Pod): Process
  /** A child of a process, or what it becomes when the program `replaces` it. */
  child(parent: Process, program: Program, start_us: number): Process
  /** What `kubectl exec` or an exec probe starts in a pod: a child of the shim, outside the tree of the first process. */
  execed(pod: Pod, program: Program, start_us: number): Process
}

export function createProcessTable(cluster: Cluster, seed: Random): ProcessTable {
  const random = seed.fork('processes')
  const shims = new Map<string, Process>()
  const firsts = new Map<string, Process>()

  /** The pod's shim on the host, a child of systemd. */
  function shimOf(pod: Pod): Process {
    const known = shims.get(pod.uid)
    if (known !== undefined) return known
    const host = {
      node: pod.node,
      pod: null,
      container: null,
      containerPid: 0,
      uid: 0,
      inInitTree: false,
      replaced: false
    }
    const systemd: Process = {
      ...host,
      pid: 1,
      cwd: '/',
      binary: '/usr/lib/systemd/systemd',
      args: [],
      start_us: pod.node.boot_us + 1_480_000,
      nanos: 0,
      parent: null
    }
    const sandbox = random.hex(64)
    const shim: Process = {
      ...host,
      pid: nextPid(cluster, pod.node),
      cwd: `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${sandbox}`,
      binary: '/usr/bin/containerd-shim-runc-v2',
      args: ['-namespace', 'k8s.io', '-id', sandbox, '-address', '/run/containerd/containerd.sock'],
      start_us: pod.created_us + 900_000,
      nanos: random.integer(0, 999),
      parent: systemd
    }
    shims.set(pod.uid, shim)
    return shim
  }

  function inPod(pod: Pod, program: Program, start_us: number, inInitTree: boolean): Process {
    const container = mainContainer(pod)
    const defaults = container.template.process
    const parent = shimOf(pod)
    return {
      node: pod.node,
      pod,
      container,
      pid: nextPid(cluster, pod.node),
      containerPid: nextContainerPid(cluster, container),
      uid: program.uid ?? defaults.uid ?? 0,
      cwd: program.cwd ?? defaults.cwd ?? '/',
      binary: program.binary,
      args: program.args ?? [],
      start_us,
      nanos: random.integer(0, 999),
      parent,
      inInitTree,
      replaced: false
    }
  }

  return {
    first(pod) {
      const known = firsts.get(pod.uid)
      if (known !== undefined) return known
      const container = mainContainer(pod)
      const process = inPod(pod, container.template.process, container.start_us, true)
      firsts.set(pod.uid, process)
      return process
    },
    child(parent, program, start_us) {
      const replaced = program.replaces === true
      const { container } = parent
      return {
        node: parent.node,
        pod: parent.pod,
        container,
        pid: replaced ? parent.pid : nextPid(cluster, parent.node),
        containerPid: replaced || container === null ? parent.containerPid : nextContainerPid(cluster, container),
        uid: program.uid ?? parent.uid,
        cwd: program.cwd ?? parent.cwd,
        binary: program.binary,
        args: program.args ?? [],
        start_us,
        nanos: random.integer(0, 999),
        parent,
        inInitTree: parent.inInitTree,
        replaced
      }
    },
    execed(pod, program, start_us) {
      // the first process has container pid 1 also when the scenario never mentions it
      if (!firsts.has(pod.uid)) this.first(pod)
      return inPod(pod, program, start_us, false)
    }
  }
}
