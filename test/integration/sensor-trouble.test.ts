import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { z } from 'zod'
import type { RuntimeBatch, RuntimeEvent } from '../../schemas/generated/types.ts'
import { startNodeAgent } from '../../services/node-agent/main.ts'
import { nodeAgentOptions } from '../../services/node-agent/options.ts'
import { createHealth } from '../../services/platform/health.ts'
import { spoolRefusals } from '../../services/platform/ingest/metrics.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createRecordingOutput, type RecordingOutput } from '../support/recording-output.ts'
import { cgroupRoot, sensorObstacle } from '../support/sensor/kernel.ts'

const BUILD = join(import.meta.dirname, '../../services/node-agent/sensor/build.ts')
const MARK = `weir-trouble-${process.pid}`
const POD_UID = '1f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
const EXECS = 200
const CONTAINERS = 20
const OPENS = 2_000
const patient = { timeout: 60_000, interval: 50 }

const reason = sensorObstacle()
if (reason !== null) console.warn(`the built-in sensor in trouble is not tested: ${reason}`)

const folder = mkdtempSync(join(tmpdir(), 'weir-trouble-'))

async function run(command: string, ...args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args.slice(0, 3).join(' ')} ended with ${code}`)
}
const shell = (script: string, ...args: readonly string[]) => run('/bin/sh', '-c', script, 'sh', ...args)
const execs = (mark: string) =>
  shell(`i=0; while [ $i -lt ${EXECS} ]; do /bin/true ${MARK}-${mark}-$i; i=$((i+1)); done`)

/** Starts an agent with the real sensor, and whatever stands in for Kafka. */
async function startAgent(output: RecordingOutput, directory: string, pending_max_bytes: number) {
  const input: z.input<typeof nodeAgentOptions> = {
    node: 'n-1',
    sources: [{ type: 'builtin', heartbeat_interval_ms: 500, pending_max_bytes }],
    attribution: { sockets: [] },
    spool: { directory },
    linger_ms: 20
  }
  const agent = await startNodeAgent({
    options: nodeAgentOptions.parse(input),
    cluster: { id: 'uid-1', name: 'prod' },
    message_max_bytes: 8_000_000,
    connect: async () => output,
    stdin: new PassThrough(),
    health: createHealth(),
    log: silentLogger,
    now_ms: Date.now
  })
  let failure: unknown = null
  agent.failed?.catch((error: unknown) => {
    failure = error
  })
  return { stop: () => agent.stop(), failure: () => failure }
}

/** Numbers from 1 on, each once. */
function expectNumbered(batches: readonly RuntimeBatch[]): void {
  let next = 1
  for (const { first_sequence, events } of batches) {
    expect(Number(first_sequence)).toBe(next)
    next += events.length
  }
}

const marks = (events: readonly RuntimeEvent[], action: string, mark: string): string[] =>
  events
    .filter(({ action: done, process }) => done === action && process?.args[1]?.startsWith(`${MARK}-${mark}-`) === true)
    .map(({ process }) => process?.args[1]?.slice(MARK.length + mark.length + 2) ?? '')

const counted = Array.from({ length: EXECS }, (_, index) => String(index))

describe.skipIf(reason !== null)(`the sensor in trouble${reason === null ? '' : ` (not tested: ${reason})`}`, () => {
  beforeAll(() => run(process.execPath, BUILD))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  describe('while Kafka is away', () => {
    const ids = Array.from({ length: CONTAINERS }, () => randomBytes(32).toString('hex'))
    const odd = { newline: join(folder, 'a\nb \u001b[31m'), bytes: join(folder, 'bytes') }
    let events: RuntimeEvent[] = []
    let batches: RuntimeBatch[] = []
    let spooled = 0

    beforeAll(async () => {
      const output = createRecordingOutput()
      output.state = 'away'
      const agent = await startAgent(output, join(folder, 'spool-away'), 8_000_000)
      try {
        await execs('away')
        await containers()
        copyFileSync('/bin/true', odd.newline)
        await run(odd.newline, `${MARK}-name-0`)
        // A name that is no UTF-8.
        await shell(`cp /bin/true "$1/$(printf 'b\\377')"; "$1/$(printf 'b\\377')" ${MARK}-bytes-0`, folder)
        await reuse()
        await output.until(() => output.attempts > 3)
        expect(output.messages).toEqual([])
        output.state = 'works'
        await run('/bin/true', `${MARK}-end-0`)
        await vi.waitUntil(async () => marks(await read(output), 'exit', 'end').length > 0, patient)
        expect(agent.failure()).toBeNull()
      } finally {
        spooled = output.attempts
        await agent.stop()
      }
      batches = await output.runtimeBatches()
      events = batches.flatMap((batch) => batch.events)
    })

    async function read(output: RecordingOutput): Promise<RuntimeEvent[]> {
      return (await output.runtimeBatches()).flatMap((batch) => batch.events)
    }

    /** Control groups as the kubelet names them, each there for as long as one process takes. */
    async function containers(): Promise<void> {
      const pod = join(cgroupRoot(), MARK, `pod${POD_UID}`)
      mkdirSync(pod, { recursive: true })
      const live = async (id: string, index: number) => {
        const group = join(pod, id)
        mkdirSync(group)
        await shell(`echo $$ > "$1/cgroup.procs"; exec /bin/true ${MARK}-short-${index}`, group)
        rmdirSync(group)
      }
      for (let at = 0; at < CONTAINERS; at += 5) {
        await Promise.all(ids.slice(at, at + 5).map((id, index) => live(id, at + index)))
      }
      for (const path of [pod, join(pod, '..')]) rmdirSync(path)
    }

    /** Has a process get the id of one before; on a busy machine others may come first, so that it is tried more than once. */
    async function reuse(): Promise<void> {
      await shell(
        // Starts are told to 10 ms, in which no kernel goes through all its ids by itself.
        `sleep 0 & wait $!
        /bin/true ${MARK}-first-0 & first=$!; wait $first
        sleep 0.05
        for i in $(seq 100); do
          echo $((first - 1)) > /proc/sys/kernel/ns_last_pid || exit 0
          /bin/true ${MARK}-again-$i & again=$!; wait $again
          [ $again = $first ] && break
        done
        :`
      )
    }

    it('nothing is lost', () => {
      expect(spooled).toBeGreaterThan(3)
      expect(marks(events, 'exec', 'away')).toEqual(counted)
      expect(marks(events, 'exit', 'away').toSorted((a, b) => Number(a) - Number(b))).toEqual(counted)
      expect(events.filter(({ action }) => action === 'drop')).toEqual([])
    })

    it('the order is kept', () => {
      expectNumbered(batches)
      // Of each process: two processors may tell of the same moment in either order.
      const times = new Map<string, number[]>()
      for (const { time, process } of events) {
        if (process !== null) times.set(process.entity_id, [...(times.get(process.entity_id) ?? []), time])
      }
      expect(times.size).toBeGreaterThan(EXECS)
      for (const of of times.values()) expect(of).toEqual(of.toSorted((a, b) => a - b))
      expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
    })

    it('a container of one short process is seen with its id and its pod, to its end', () => {
      for (const [index, id] of ids.entries()) {
        const of = events.filter(({ container }) => container?.id === id)
        const actions = of.filter(({ process }) => process?.args[1] === `${MARK}-short-${index}`)
        expect(actions.map(({ action }) => action)).toEqual(['exec', 'exit'])
        for (const { pod, process } of actions) {
          expect(pod).toMatchObject({ uid: POD_UID })
          expect(process?.executable).toMatch(/\/true$/)
        }
      }
    })

    it('names of processes are as they are, with what is no UTF-8 replaced', () => {
      const named = (mark: string) =>
        events.filter(({ action, process }) => action === 'exec' && process?.args[1] === `${MARK}-${mark}-0`)
      expect(named('name')).toMatchObject([{ process: { name: 'a\nb \u001b[31m', executable: odd.newline } }])
      expect(named('bytes')).toMatchObject([{ process: { name: 'b\ufffd', executable: join(folder, 'b\ufffd') } }])
    })

    it('an id that the kernel gives again is another process', () => {
      const of = (mark: string) =>
        events.filter(({ action, process }) => action === 'exec' && process?.args[1]?.startsWith(`${MARK}-${mark}-`))
      const [first] = of('first')
      expect(first?.process?.pid).toBeGreaterThan(1)
      const again = of('again').filter(({ process }) => process?.pid === first?.process?.pid)
      if (again.length === 0) console.warn('no process got the id of another one: the machine is too busy')
      for (const { process } of again) {
        expect(process?.entity_id).not.toBe(first?.process?.entity_id)
        expect(process?.start_time).toBeGreaterThan(first?.process?.start_time ?? 0)
      }
    })
  })

  it('with a full disk nothing crashes, what is lost is told, and it goes on when there is room', async () => {
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
    const output = createRecordingOutput()
    const read = async () => (await output.runtimeBatches()).flatMap((batch) => batch.events)
    try {
      const agent = await startAgent(output, join(disk, 'spool'), 40_000)
      try {
        await run('/bin/true', `${MARK}-before-0`)
        await expect.poll(async () => marks(await read(), 'exec', 'before'), patient).toEqual(['0'])
        expect(() => writeFileSync(join(disk, 'filler'), Buffer.alloc(5_000_000))).toThrow(/ENOSPC/)
        const opened = join(folder, 'opened')
        await shell(`i=0; while [ $i -lt ${OPENS} ]; do : > "$1"; i=$((i+1)); done`, opened)
        await execs('full')
        const refusals = async () =>
          (await spoolRefusals.get()).values.filter(({ labels }) => labels.code === 'SPOOL_DISK_FULL').length
        await expect.poll(refusals, patient).toBeGreaterThan(0)
        expect(agent.failure()).toBeNull()
        rmSync(join(disk, 'filler'))
        await run('/bin/true', `${MARK}-after-0`)
        await expect.poll(async () => marks(await read(), 'exit', 'after'), patient).toEqual(['0'])
        expect(agent.failure()).toBeNull()
        const isOpen = ({ action, file }: RuntimeEvent) => action === 'open_write' && file?.path === opened
        const told = (events: readonly RuntimeEvent[]) =>
          events
            .filter(({ action, attributes }) => action === 'drop' && attributes.kind === 'open_write')
            .reduce((sum, { attributes }) => sum + Number(attributes.count), 0)
        await expect
          .poll(async () => {
            const events = await read()
            return events.filter(isOpen).length + told(events)
          }, patient)
          .toBeGreaterThanOrEqual(OPENS)
        const events = await read()
        expect(marks(events, 'exec', 'full')).toEqual(counted)
        expect(events.filter(isOpen).length).toBeLessThan(OPENS)
        const dropped = events.filter(({ action }) => action === 'drop')
        expect(dropped.filter(({ attributes }) => ['exec', 'fork', 'exit'].includes(attributes.kind ?? ''))).toEqual([])
      } finally {
        await agent.stop()
      }
      expectNumbered(await output.runtimeBatches())
      expect(output.deadLetters()).toEqual([])
    } finally {
      execFileSync('umount', [disk])
    }
  })
})
