import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RuntimeEvent } from '../../schemas/generated/types.ts'
import { startNodeAgent } from '../../services/node-agent/main.ts'
import { nodeAgentOptions } from '../../services/node-agent/options.ts'
import { createHealth } from '../../services/platform/health.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createRecordingOutput } from '../support/recording-output.ts'

/** Why bpftrace cannot see the kernel here; null when it can. */
function obstacle(): string | null {
  if (process.platform !== 'linux') return 'this is not Linux'
  if (process.getuid?.() !== 0) return 'bpftrace needs root'
  if (spawnSync('bpftrace', ['--version']).error !== undefined) return 'bpftrace is not installed'
  if (['/sys/kernel/tracing/events', '/sys/kernel/debug/tracing/events'].some((path) => existsSync(path))) return null
  const mounted = spawnSync('mount', ['-t', 'tracefs', 'tracefs', '/sys/kernel/tracing'])
  return mounted.status === 0 ? null : 'tracefs cannot be mounted'
}

const reason = obstacle()
if (reason !== null) console.warn(`bpftrace is not tested: ${reason}`)

const folder = mkdtempSync(join(tmpdir(), 'weir-bpftrace-'))
const MARK = `weir-${process.pid}`
const events: RuntimeEvent[] = []
let stop: () => Promise<void> = async () => undefined
let port = 0

const marked = (action: string) =>
  events.filter((event) => event.action === action && event.process?.args.includes(MARK) === true)

/** Forked shells end with 0, the script with 3. */
const exitCodes = () => marked('exit').map(({ process }) => process?.exit_code)

describe.skipIf(reason !== null)('the fallback to bpftrace', () => {
  beforeAll(async () => {
    const output = createRecordingOutput()
    const agent = await startNodeAgent({
      options: nodeAgentOptions.parse({
        node: 'n1',
        linger_ms: 10,
        attribution: { sockets: [] },
        sources: [{ type: 'bpftrace' }],
        spool: { directory: join(folder, 'spool') }
      }),
      cluster: { id: 'c', name: 'c' },
      message_max_bytes: 8_000_000,
      connect: async () => output,
      stdin: new PassThrough(),
      health: createHealth(),
      log: silentLogger,
      now_ms: Date.now
    })
    agent.failed?.catch(() => undefined)
    stop = () => agent.stop()
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address()
    port = typeof address === 'object' && address !== null ? address.port : 0
    writeFileSync(
      join(folder, 'act.sh'),
      `/bin/echo "$1" "$2" > "$3"\n(exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null\n/nonexistent-${MARK} 2>/dev/null\nexit 3\n`
    )
    spawnSync('bash', [
      join(folder, 'act.sh'),
      MARK,
      Buffer.from([0x63, 0xc3, 0xa9, 0x22, 0x0a, 0x5c]).toString(),
      join(folder, 'écrit')
    ])
    for (let round = 0; round < 40 && !exitCodes().includes(3); round += 1) {
      await sleep(500)
      events.length = 0
      for (const { events: some, ...batch } of await output.runtimeBatches()) {
        expect(batch).toMatchObject({
          node: 'n1',
          sensor: 'bpftrace',
          boot_id: expect.stringMatching(/^[0-9a-f-]{36}$/)
        })
        events.push(...some)
      }
    }
    server.close()
  }, 180_000)
  afterAll(async () => {
    await stop()
    rmSync(folder, { recursive: true })
  })

  it('sees programs with their arguments, to the byte, and their end', () => {
    const echo = marked('exec').find(({ process }) => process?.name === 'echo')
    expect(echo?.process).toMatchObject({
      executable: '/bin/echo',
      args: ['/bin/echo', MARK, 'cé"\n\\'],
      user_id: 0
    })
    expect(echo?.process?.ancestors[0]?.name).toBe('bash')
    const age_ms = Date.now() - (echo?.time ?? 0) / 1000
    expect(age_ms).toBeGreaterThan(0)
    expect(age_ms).toBeLessThan(120_000)
    expect((echo?.process?.start_time ?? 0) <= (echo?.time ?? 0) + 20_000).toBe(true)
    expect(exitCodes()).toContain(3)
  })

  it('sees what failed to be executed', () => {
    const failed = events.find(
      ({ action, attributes }) => action === 'exec_failed' && attributes['filename'] === `/nonexistent-${MARK}`
    )
    expect(failed?.attributes['error']).toBe('2')
  })

  it('sees connections', () => {
    expect(marked('connect').map(({ network }) => [network?.destination_ip, network?.destination_port])).toContainEqual(
      ['127.0.0.1', port]
    )
  })

  it('sees files that are opened for writing', () => {
    expect(events.filter(({ action }) => action === 'open_write').map(({ file }) => file?.path)).toContain(
      join(folder, 'écrit')
    )
  })
})
