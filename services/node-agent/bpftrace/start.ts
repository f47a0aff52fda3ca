import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import { messageOf } from '../../core/errors.ts'
import type { Running } from '../../platform/lifecycle.ts'
import type { Logger } from '../../platform/log.ts'
import type { Spool } from '../../platform/spool/spool.ts'
import { createLineSplitter } from '../../platform/tail/lines.ts'
import { dropRecord } from '../drops.ts'
import { bootId, readProcess } from '../sensor/proc.ts'
import { sourceError } from '../sources/errors.ts'
import { createLineWriter, type LineWriter } from '../sources/line-writer.ts'
import { BPFTRACE, type BpftraceSource } from '../sources/options.ts'
import { partsOf, readBpftraceLine } from './lines.ts'
import { createBpftraceObserver } from './observer.ts'
import { bpftraceProgram, STRING_BYTES } from './program.ts'

/** Our lines are far shorter. */
const LINE_MAX_BYTES = 64 * 1024
const TICK_MS = 250
const STOP_MS = 5000
const ERRORS_KEPT = 2000
const TRACEFS = ['/sys/kernel/tracing/events', '/sys/kernel/debug/tracing/events']

export interface BpftracePorts {
  readonly source: BpftraceSource
  readonly node: string
  readonly spool: Spool
  readonly log: Logger
  readonly now_ms: () => number
}

/** Microseconds since the epoch at the boot, without the time asleep, and with it. */
function clocks(now_ms: () => number) {
  const uptime_s = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  const boottime_us = now_ms() * 1000 - uptime_s * 1e6
  return {
    // Anew each time: the wall clock may be set.
    monotonic_us: () => now_ms() * 1000 - Number(process.hrtime.bigint() / 1000n),
    boottime_us: () => boottime_us
  }
}

function requireTracing(): void {
  if (process.getuid?.() !== 0) throw sourceError('BPFTRACE_NO_RIGHTS', 'bpftrace has to run as root')
  if (!TRACEFS.some((folder) => existsSync(folder))) {
    throw sourceError('BPFTRACE_NO_TRACEFS', 'tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing')
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'close')
  child.kill('SIGINT')
  await Promise.race([ended, sleep(STOP_MS).then(() => child.kill('SIGKILL'))])
  await ended
}

/**
 * Starts bpftrace with a small program, for nodes where the built-in sensor cannot be loaded. Resolves when it has attached, which may
 * take a minute. What bpftrace loses, it counts, and that is told; while the spool is full its buffer overflows.
 * @throws WeirError BPFTRACE_NOT_INSTALLED, BPFTRACE_NO_RIGHTS, BPFTRACE_NO_TRACEFS, BPFTRACE_FAILED
 */
export async function startBpftrace(ports: BpftracePorts): Promise<Running> {
  const { source, node, spool, log, now_ms } = ports
  requireTracing()
  const stopped = new AbortController()
  const boot_id = bootId()
  const writer = createLineWriter({
    from: BPFTRACE,
    form: 'events',
    boot_id,
    spool,
    log,
    now_ms,
    signal: stopped.signal
  })
  const events: RuntimeEvent[] = []
  const { take, tick } = createBpftraceObserver({
    node,
    boot_id,
    read: readProcess,
    ...clocks(now_ms),
    now_ms,
    emit: (event) => void events.push(event)
  })
  const child = spawn(source.command, ['-f', 'json', '-e', bpftraceProgram(process.pid)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin:/usr/sbin:/sbin',
      BPFTRACE_PERF_RB_PAGES: String(source.pages),
      BPFTRACE_STRLEN: String(STRING_BYTES)
    }
  })
  let errors = ''
  child.stderr.on('data', (data: Buffer) => {
    errors = `${errors}${data.toString()}`.slice(-ERRORS_KEPT)
  })
  const attached = Promise.withResolvers<void>()
  const failure = Promise.withResolvers<never>()
  attached.promise.catch(() => undefined)
  failure.promise.catch(() => undefined)
  const fail = (error: unknown) => {
    attached.reject(error)
    failure.reject(error)
  }
  child.once('error', (error) =>
    fail(sourceError('BPFTRACE_NOT_INSTALLED', `${source.command} cannot be started: ${messageOf(error)}`))
  )
  child.once('close', (code) => {
    if (!stopped.signal.aborted) fail(sourceError('BPFTRACE_FAILED', `bpftrace has ended (${code}): ${errors.trim()}`))
  })

  async function flush(): Promise<void> {
    for (const event of events.splice(0)) await writer.write(Buffer.from(JSON.stringify(event)))
  }
  const reading = read(child, { take, flush, lost: (count) => loss(writer, count, now_ms), ready: attached.resolve })
  reading.catch(fail)
  writer.failed.catch(fail)
  const ticker = setInterval(() => {
    tick()
    void flush().catch(fail)
  }, TICK_MS)
  const timeout = setTimeout(
    () => fail(sourceError('BPFTRACE_FAILED', `bpftrace has not attached within ${source.attach_timeout_ms} ms`)),
    source.attach_timeout_ms
  )
  const stop = async () => {
    stopped.abort()
    clearInterval(ticker)
    clearTimeout(timeout)
    await end(child).catch(() => undefined)
    await reading.catch(() => undefined)
    await flush().catch(() => undefined)
    await writer.finish().catch(() => undefined)
  }
  try {
    await attached.promise
  } catch (error) {
    await stop()
    throw error
  }
  clearTimeout(timeout)
  log.info({ node }, 'bpftrace sees')
  return { failed: failure.promise, stop }
}

async function loss(writer: LineWriter, count: number, now_ms: () => number): Promise<void> {
  await writer.record(dropRecord({ from: BPFTRACE, reason: 'BPFTRACE_LOST', count, time: now_ms() * 1000 }))
}

interface Reader {
  readonly take: ReturnType<typeof createBpftraceObserver>['take']
  readonly flush: () => Promise<void>
  readonly lost: (count: number) => Promise<void>
  readonly ready: () => void
}

async function read(child: ChildProcess, { take, flush, lost, ready }: Reader): Promise<void> {
  if (child.stdout === null) return
  const splitter = createLineSplitter(LINE_MAX_BYTES)
  for await (const chunk of child.stdout) {
    for (const line of splitter.push(Buffer.from(chunk)).lines) {
      const found = readBpftraceLine(line)
      if (found === null) continue
      if (found.type === 'lost') {
        await lost(found.count)
        continue
      }
      const said = partsOf(found.text)
      if (said === null) continue
      if (said.letter === 'R') ready()
      take(said)
    }
    await flush()
  }
}
