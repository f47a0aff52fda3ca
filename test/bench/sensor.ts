import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { builtinSource } from '../../services/node-agent/sensor/options.ts'
import { startBuiltinSensor } from '../../services/node-agent/sensor/start.ts'
import { createHealth } from '../../services/platform/health.ts'
import { silentLogger } from '../../services/platform/log.ts'
import type { Spool } from '../../services/platform/spool/spool.ts'
import type { Figure } from './measure.ts'
import type { Must } from './sensor-agent.ts'
import { cpuOf, type LoadResult, memoryOf, runLoad } from './sensor-processes.ts'

const LOADS = [
  { name: '5k/s', rate: 5000, seconds: 10 },
  { name: '30k/s', rate: 30_000, seconds: 10 }
] as const
/** Before what is measured, as in the other benchmarks. */
const WARM_UP = { rate: 10_000, seconds: 4 } as const
/** bpftrace takes this long at most to attach to its hooks on a slow machine. */
const ATTACH_MS = 120_000
const SETTLE_MS = 1000

/** The hooks that the load touches, and those for processes; what the sensor has besides does not fire. */
const BPFTRACE = `
tracepoint:syscalls:sys_enter_openat /args->flags & 3/ { printf("open %d %d %s %s %d\\n", pid, uid, comm, str(args->filename), args->flags); }
tracepoint:sched:sched_process_exec { printf("exec %d %d %s %s\\n", pid, uid, comm, str(args->filename)); }
tracepoint:sched:sched_process_fork { printf("fork %d %d\\n", args->parent_pid, args->child_pid); }
tracepoint:sched:sched_process_exit { printf("exit %d %s\\n", args->pid, args->comm); }
`

interface Engine {
  readonly name: string
  /** CPU time of the process so far, microseconds. */
  cpu_us(): number
  /** Events of the load that it has told of so far. */
  seen(): number
  /** Events that it says it has lost so far. */
  lost(): number
  rss_mb(): number
  stop(): Promise<void>
}

function countIn(bytes: Buffer, what: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(what); at !== -1; at = bytes.indexOf(what, at + what.length)) count += 1
  return count
}

/** The sensor with a spool that only counts: what it costs until events are there as they are published; bpftrace prints them. */
async function startWeir(path: string): Promise<Engine> {
  const wanted = Buffer.from(path)
  let seen = 0
  let lost = 0
  const spool = {
    append: async (records: readonly Buffer[]) => {
      for (const record of records) {
        seen += countIn(record, wanted)
        if (record.includes('"form":"drop"')) lost += Number(/"count":"(\d+)"/.exec(record.toString())?.[1] ?? 0)
      }
    }
  } as unknown as Spool
  const running = await startBuiltinSensor({
    options: builtinSource.parse({ type: 'builtin' }),
    node: 'bench',
    spool,
    health: createHealth(),
    log: silentLogger,
    now_ms: Date.now
  })
  return {
    name: 'weir',
    cpu_us: () => cpuOf(process.pid),
    seen: () => seen,
    lost: () => lost,
    rss_mb: () => memoryOf(process.pid, 'most'),
    stop: () => running.stop()
  }
}

async function startBpftrace(path: string): Promise<Engine & { readonly attach_s: number }> {
  const child: ChildProcess = spawn('bpftrace', ['-f', 'json', '-e', BPFTRACE], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, BPFTRACE_PERF_RB_PAGES: '2048' }
  })
  const begin = performance.now()
  let seen = 0
  let lost = 0
  let ready = false
  const note = (line: string) => {
    lost += Number(/(?:Lost |"lost_events"[^}]*"events": )(\d+)/.exec(line)?.[1] ?? 0)
  }
  createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => {
    if (line.includes('attached_probes')) ready = true
    else if (line.includes(path)) seen += 1
    else note(line)
  })
  createInterface({ input: child.stderr ?? process.stdin }).on('line', note)
  while (!ready) {
    if (child.exitCode !== null || performance.now() - begin > ATTACH_MS) {
      child.kill()
      throw new Error('bpftrace has not attached')
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const pid = child.pid ?? 0
  return {
    name: 'bpftrace',
    attach_s: (performance.now() - begin) / 1000,
    cpu_us: () => cpuOf(pid),
    seen: () => seen,
    lost: () => lost,
    rss_mb: () => memoryOf(pid, 'most'),
    async stop() {
      child.kill('SIGINT')
      if (child.exitCode === null) await once(child, 'exit')
    }
  }
}

/**
 * CPU time of an event from the system call to what is published, or to JSON text, and losses, of the built-in sensor and of bpftrace with the same hooks, one
 * after the other. The kernel's part is what the load takes longer with an engine than without any.
 */
export async function benchSensor(
  print: (title: string, figures: readonly Figure[]) => void,
  printMust: (must: Must) => void
): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('the benchmark of the sensor loads BPF programs: run it as root')
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  const path = join(folder, 'written')
  try {
    const alone = new Map<string, LoadResult>()
    for (const { name, rate, seconds } of LOADS) alone.set(name, await runLoad(folder, rate, seconds))
    const costs = new Map<string, number>()
    const measureEngine = async (engine: Engine): Promise<void> => {
      const figures: Figure[] = []
      await runLoad(folder, WARM_UP.rate, WARM_UP.seconds)
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      for (const { name, rate, seconds } of LOADS) {
        const before = { cpu: engine.cpu_us(), seen: engine.seen(), lost: engine.lost() }
        const load = await runLoad(folder, rate, seconds)
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
        const own = engine.cpu_us() - before.cpu
        const kernel = load.cpu_us - (alone.get(name)?.cpu_us ?? 0)
        const seen = engine.seen() - before.seen
        const us_per_event = (own + Math.max(0, kernel)) / load.events
        const other = costs.get(name)
        costs.set(name, us_per_event)
        figures.push({
          name: `${engine.name} ${name}: ${seen} seen, ${engine.lost() - before.lost} lost, kernel ${(kernel / load.events).toFixed(1)} µs`,
          events: load.events,
          us_per_event,
          median_us: us_per_event,
          events_per_cpu_s: Math.round(1e6 / us_per_event),
          ...(other !== undefined && { ratio: us_per_event / other })
        })
      }
      print(`${engine.name}, at most ${Math.round(engine.rss_mb())} MB`, figures)
      await engine.stop()
    }
    await measureEngine(await startWeir(path))
    if (spawnSync('bpftrace', ['--version']).error !== undefined) {
      console.log('bpftrace is not installed: nothing to compare with')
      return
    }
    if (!existsSync('/sys/kernel/tracing/events'))
      spawnSync('mount', ['-t', 'tracefs', 'tracefs', '/sys/kernel/tracing'])
    const other = await startBpftrace(path)
    console.log(`bpftrace has attached in ${other.attach_s.toFixed(1)} s`)
    const own = costs.get('5k/s') ?? Number.NaN
    await measureEngine(other)
    const ratio = own / (costs.get('5k/s') ?? Number.NaN)
    printMust({
      name: 'CPU of an event at 5k/s, of bpftrace’s',
      wanted: '≤ 0.50',
      found: ratio.toFixed(2),
      met: ratio <= 0.5
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
