import { appendFileSync, readdirSync, readFileSync } from 'node:fs'

const SCAN_MS = 5
/** Of the kubelet's own; other tests of this machine have groups of such names further down. */
const CONTAINER = /:\/kubepods[^\n]*?([0-9a-f]{64})/
/** As much of an id as Tetragon gives. */
const SHORT_ID_CHARACTERS = 31

/** What was seen. */
export interface ProcessWatch {
  /** Ids of containers in which a process was seen, and how many. */
  readonly seen: ReadonlyMap<string, number>
  stop(): void
}

/**
 * Sees processes of containers in /proc and writes them down as Tetragon does where it does not know pods: an event with the start
 * of the container's id, and nothing else of it. A stand-in for a sensor, which misses what is shorter than its look.
 */
export function watchProcesses(file: string, node: string): ProcessWatch {
  const known = new Set<string>()
  const seen = new Map<string, number>()
  let number = 0

  function look(): void {
    let lines = ''
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    for (const pid of pids) {
      if (known.has(pid)) continue
      let group: string
      try {
        group = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
      } catch {
        continue
      }
      const id = CONTAINER.exec(group)?.[1]
      // The runtime's own process moves into the container's group after it was made.
      if (id === undefined) continue
      known.add(pid)
      seen.set(id, (seen.get(id) ?? 0) + 1)
      number += 1
      const time = new Date().toISOString()
      const process = {
        exec_id: `proc-${pid}-${number}`,
        pid: Number(pid),
        binary: '/bin/sleep',
        start_time: time,
        docker: id.slice(0, SHORT_ID_CHARACTERS)
      }
      lines += `${JSON.stringify({ process_exec: { process }, node_name: node, time })}\n`
    }
    const there = new Set(pids)
    for (const pid of known) if (!there.has(pid)) known.delete(pid)
    if (lines !== '') appendFileSync(file, lines)
  }

  const timer = setInterval(look, SCAN_MS)
  return { seen, stop: () => clearInterval(timer) }
}
