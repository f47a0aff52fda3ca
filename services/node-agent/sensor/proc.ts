import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What /proc says of a process. */
export interface ProcProcess {
  readonly pid: number
  readonly parent_pid: number
  readonly name: string
  /** In ticks since boot. */
  readonly start: number
  readonly user_id: number | null
  readonly interactive: boolean
  readonly executable: string | null
  readonly args: readonly string[]
  readonly working_directory: string | null
  /** Its id in its own pid namespace. */
  readonly own_pid: number | null
  /** Lines of /proc/PID/cgroup. */
  readonly cgroups: readonly string[]
}

function tried<Value>(read: () => Value): Value | null {
  try {
    return read()
  } catch {
    // It ended while we looked, or may not be looked at.
    return null
  }
}

/** Ids of all processes. */
export function processIds(root = '/proc'): number[] {
  return readdirSync(root)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/**
 * Reads a process from /proc; format: man 5 proc_pid_stat.
 * @returns null when it is gone
 */
export function readProcess(pid: number, root = '/proc'): ProcProcess | null {
  const stat = tried(() => readFileSync(`${root}/${pid}/stat`))
  if (stat === null) return null
  // The name may hold anything, brackets too; the last one ends it.
  const end = stat.lastIndexOf(0x29)
  const begin = stat.indexOf(0x28)
  const fields = stat.toString('latin1', end + 2).split(' ')
  const start = Number(fields[19])
  if (begin === -1 || end === -1 || !Number.isSafeInteger(start)) return null
  const status = tried(() => readFileSync(`${root}/${pid}/status`, 'latin1')) ?? ''
  const user = /^Uid:\t\d+\t(\d+)/m.exec(status)?.[1]
  const own = /^NSpid:.*\t(\d+)$/m.exec(status)?.[1]
  const command = tried(() => readFileSync(`${root}/${pid}/cmdline`, 'utf8')) ?? ''
  return {
    pid,
    parent_pid: Number(fields[1]),
    name: stat.toString('utf8', begin + 1, end),
    start,
    user_id: user === undefined ? null : Number(user),
    interactive: fields[4] !== '0',
    executable: tried(() => readlinkSync(`${root}/${pid}/exe`)),
    args: argsOf(command),
    working_directory: tried(() => readlinkSync(`${root}/${pid}/cwd`)),
    own_pid: own === undefined ? null : Number(own),
    cgroups: (tried(() => readFileSync(`${root}/${pid}/cgroup`, 'utf8')) ?? '')
      .split('\n')
      .filter((line) => line !== '')
  }
}

/** Arguments as the kernel has them: each with a NUL at its end. */
export function argsOf(text: string): string[] {
  if (text === '') return []
  const args = text.split('\0')
  if (args.at(-1) === '') args.pop()
  return args
}

/** Identity of this run of the kernel. */
export function bootId(root = '/proc'): string {
  return readFileSync(`${root}/sys/kernel/random/boot_id`, 'utf8').trim()
}
