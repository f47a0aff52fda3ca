import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const US_PER_TICK = 10_000

export interface LoadResult {
  readonly events: number
  readonly took_s: number
  readonly cpu_us: number
}

/** Opens for writing of FOLDER/written, in a process of its own: see sensor-load.ts. */
export async function runLoad(folder: string, rate: number, seconds: number): Promise<LoadResult> {
  const script = join(import.meta.dirname, 'sensor-load.ts')
  const child = spawn(process.execPath, [script, folder, String(rate), String(seconds)], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  await lines.next()
  child.stdin.write('go\n')
  const { value } = await lines.next()
  await once(child, 'exit')
  return JSON.parse(String(value)) as LoadResult
}

/** Starts short processes one after the other, each with an argument of its own: `MARK-0`, `MARK-1`, … */
export async function runExecs(mark: string, count: number, pause_s: number): Promise<void> {
  const script = `i=0; while [ $i -lt ${count} ]; do /bin/true ${mark}-$i; sleep ${pause_s}; i=$((i+1)); done`
  await once(spawn('/bin/sh', ['-c', script], { stdio: 'ignore' }), 'exit')
}

/** User and system time of a process, microseconds; format: man 5 proc_pid_stat. */
export function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK
}

/** Memory of a process in megabytes: what it holds now, or the most it ever held. */
export function memoryOf(pid: number, what: 'now' | 'most'): number {
  const field = what === 'now' ? /^VmRSS:\s+(\d+) kB/m : /^VmHWM:\s+(\d+) kB/m
  return Number(field.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024
}
