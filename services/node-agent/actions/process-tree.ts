import { readFileSync, readlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bootId, type ProcProcess, processIds, readProcess } from '../sensor/proc.ts'
import { CARRIERS, type ContainerFolders } from './containers.ts'

/** Rounds of looking for children; each stops what it finds, so that a tree of this depth and more needs as many. */
const ROUNDS_MAX = 100
const PROCESSES_MAX = 10_000
/** How long the kernel may take to end what was killed. */
const GONE_MS = 3000
const GONE_POLL_MS = 20
const NS_PER_TICK = 10_000_000
/** Between the start of a process and its exec by two clocks. */
const SLACK_TICKS = 2

export interface ProcessTreePorts {
  readonly folders: ContainerFolders
  readonly node: string
  readonly signal: (pid: number, signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL') => void
}

export interface ProcessTreeRequest {
  /** Identity of the topmost process, as its events have it. */
  readonly entity_id: string
  /** Its container, as far as it is known. */
  readonly container_id: string | null
}

/** What an identity says of a process. */
interface Named {
  readonly pid: number
  /** Start in ticks since the boot, exact; or the latest that it can have started. */
  readonly start: number
  readonly exact: boolean
}

/**
 * Reads the identity of a process: of the agent's own sensors, NODE/BOOT/PID/START; of Tetragon, `NODE:NANOSECONDS:PID` in base64, where
 * the time is that of the exec, so that a process of this id that began later is another.
 * @throws Error when it is of another node or boot, or tells no process id
 */
function namedBy(entity_id: string, node: string, boot_id: string): Named {
  const own = /^(.*)\/([0-9a-f]{8})\/(\d{1,10})\/(\d{1,15})$/.exec(entity_id)
  if (own !== null) {
    if (own[1] !== node) throw new Error('the process is of another node')
    if (own[2] !== boot_id.slice(0, 8)) throw new Error('the process is of an earlier boot of this node')
    return { pid: Number(own[3]), start: Number(own[4]), exact: true }
  }
  const decoded = /^[A-Za-z0-9+/]+={0,2}$/.test(entity_id) ? Buffer.from(entity_id, 'base64').toString('latin1') : ''
  const tetragon = /^(?:.*\/)?([^/:]+):(\d{1,19}):(\d{1,10})$/.exec(decoded)
  if (tetragon === null) throw new Error('the sensor’s key of the process does not tell its id and start')
  if (tetragon[1] !== node) throw new Error('the process is of another node')
  const start = Math.floor(Number(tetragon[2]) / NS_PER_TICK) + SLACK_TICKS
  return { pid: Number(tetragon[3]), start, exact: false }
}

const isPod = ({ cgroups }: ProcProcess): boolean => cgroups.some((line) => line.includes('kubepods'))

function executableOf(folders: ContainerFolders, pid: number): string {
  try {
    return basename(readlinkSync(join(folders.proc, String(pid), 'exe')))
  } catch {
    return ''
  }
}

/** The agent itself and all above it: ending one of those ends the agent. */
function ownLine(folders: ContainerFolders): ReadonlySet<number> {
  const line = new Set([1, folders.own_pid])
  let pid = folders.own_pid
  for (let level = 0; level < 64 && pid > 1; level += 1) {
    pid = readProcess(pid, folders.proc)?.parent_pid ?? 0
    line.add(pid)
  }
  return line
}

/**
 * Why a process is left alone, or null. The name of a program counts by its file: what a process calls itself is up to it, and so it
 * would be to the attack whether it may be killed.
 */
function protectionOf(folders: ContainerFolders, own: ReadonlySet<number>, { pid }: ProcProcess): string | null {
  if (pid === 1) return 'it is process 1'
  if (own.has(pid)) return 'Weir’s agent runs in it'
  const name = executableOf(folders, pid)
  return CARRIERS.has(name) ? `it is ${name}` : null
}

function isGone(folders: ContainerFolders, pid: number, start: number): boolean {
  const found = readProcess(pid, folders.proc)
  if (found === null || found.start !== start) return true
  try {
    const stat = readFileSync(join(folders.proc, String(pid), 'stat'), 'latin1')
    // A zombie is gone; only its parent has not looked yet.
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return true
  }
}

/**
 * Kills a process with all it has started, in a container of Kubernetes only. Everything is stopped before anything is killed: what is
 * stopped makes no children, so that looking again until there are none finds all. A process is known by id and start; that its id has
 * been given to another is seen once it is stopped, and that one goes on.
 * @returns what happened, in one line
 * @throws Error when it is another process by now, in no container, or one to be left alone
 */
export async function killProcessTree(ports: ProcessTreePorts, request: ProcessTreeRequest): Promise<string> {
  const { folders, node, signal } = ports
  const named = namedBy(request.entity_id, node, bootId(folders.proc))
  const root = readProcess(named.pid, folders.proc)
  const same = root !== null && (named.exact ? root.start === named.start : root.start <= named.start)
  if (root === null || !same || isGone(folders, root.pid, root.start)) return 'the process has ended before'
  const own = ownLine(folders)
  const reason = protectionOf(folders, own, root)
  if (reason !== null) throw new Error(`process ${root.pid} is left alone: ${reason}`)
  if (!isPod(root)) throw new Error(`process ${root.pid} is left alone: it is in no container of Kubernetes`)
  const { container_id } = request
  if (container_id !== null && !root.cgroups.some((line) => line.includes(container_id))) {
    throw new Error(`process ${root.pid} is left alone: it is not in container ${container_id.slice(0, 12)}`)
  }

  const stopped = new Map<number, number>()
  const left = new Set<number>()
  /** @returns whether it is stopped and the process that was meant */
  function stop(process: ProcProcess): boolean {
    try {
      signal(process.pid, 'SIGSTOP')
    } catch {
      return false
    }
    if (readProcess(process.pid, folders.proc)?.start === process.start) return true
    signal(process.pid, 'SIGCONT')
    return false
  }
  try {
    if (!stop(root)) return 'the process has ended before'
    stopped.set(root.pid, root.start)
    for (let round = 0; ; round += 1) {
      const fresh = processIds(folders.proc)
        .filter((pid) => !stopped.has(pid) && !left.has(pid))
        .flatMap((pid) => readProcess(pid, folders.proc) ?? [])
        .filter(({ parent_pid }) => stopped.has(parent_pid))
      if (fresh.length === 0) break
      if (round === ROUNDS_MAX || stopped.size > PROCESSES_MAX) throw new Error('it starts more than can be followed')
      for (const process of fresh) {
        if (protectionOf(folders, own, process) !== null) left.add(process.pid)
        else if (stop(process)) stopped.set(process.pid, process.start)
      }
    }
  } catch (error) {
    for (const pid of stopped.keys()) signal(pid, 'SIGCONT')
    throw error
  }
  for (const pid of stopped.keys()) {
    try {
      signal(pid, 'SIGKILL')
    } catch {
      // Someone else was quicker.
    }
  }
  const until = performance.now() + GONE_MS
  const remaining = () => [...stopped].filter(([pid, start]) => !isGone(folders, pid, start))
  while (remaining().length > 0 && performance.now() < until) await sleep(GONE_POLL_MS)
  const rest = remaining().length
  if (rest > 0) throw new Error(`killed ${stopped.size - rest} processes, ${rest} have not ended within ${GONE_MS} ms`)
  return `killed ${stopped.size} processes${left.size > 0 ? `; left ${left.size} alone that carry the node` : ''}`
}
