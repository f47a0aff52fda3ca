import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNativeServers } from '../../infra/native/start.ts'
import { plainProgress } from '../../infra/progress.ts'
import { weirHome } from '../../infra/settings.ts'
import { loadRecording, SCARLETEEL } from '../../services/cli/replay/recording.ts'
import { SERVICE_NAMES } from '../../services/cli/serve/services.ts'
import { untilDrained } from '../../services/cli/up/finished.ts'
import { replayLive } from '../../services/cli/up/replay-live.ts'
import { startLivePipeline } from '../support/live-pipeline.ts'
import { type Figure, figure } from './measure.ts'

/** Recordings sent one after the other, each an hour later than the one before. */
const RECORDINGS = 12
const HOUR_US = 3_600_000_000
const DRAIN_TIMEOUT_MS = 600_000
/** Clock ticks of /proc/PID/stat a second, on Linux. */
const TICKS_PER_SECOND = 100
const never = new AbortController().signal

/** CPU time a process has used so far, user and system, microseconds. */
function cpuOf(pid: number | null): number {
  if (pid === null) throw new Error('the service is not running')
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6
}

/**
 * The path of the product: audit events by HTTPS webhook, runtime events by a followed file, through Kafka and every service to
 * OpenSearch, as fast as it goes. CPU time of each service per event; the servers' own is not counted.
 */
export async function benchKafka(): Promise<readonly Figure[]> {
  const progress = plainProgress(process.stderr)
  const data = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  const servers = await startNativeServers({
    home: weirHome(),
    data,
    ports: 'free',
    fresh: true,
    progress,
    throughput: true
  })
  try {
    const end = Date.now() * 1000
    const first = await loadRecording(SCARLETEEL, end - RECORDINGS * HOUR_US)
    const pipeline = await startLivePipeline(servers.endpoints, 'bench', first)
    try {
      const { services, targets } = pipeline.live
      const play = async (index: number) => {
        const recording = await loadRecording(SCARLETEEL, end - (RECORDINGS - index) * HOUR_US)
        await replayLive(recording, targets, { pieces: 4, pause_ms: 0, signal: never, progress: () => {} })
        return recording.records.length
      }
      // The first warms everything up.
      await play(0)
      await untilDrained(pipeline.world.kafka, DRAIN_TIMEOUT_MS, never)
      const before = new Map(SERVICE_NAMES.map((name) => [name, cpuOf(services.pid(name))]))
      const began_ms = performance.now()
      let events = 0
      for (let index = 1; index <= RECORDINGS; index += 1) events += await play(index)
      progress.note(`${events} events sent after ${((performance.now() - began_ms) / 1000).toFixed(1)} s`)
      await untilDrained(pipeline.world.kafka, DRAIN_TIMEOUT_MS, never)
      const seconds = (performance.now() - began_ms) / 1000
      progress.note(`${events} events in ${seconds.toFixed(1)} s, beside the servers on the same cores`)
      const rows = SERVICE_NAMES.map((name) =>
        figure(name, events, cpuOf(services.pid(name)) - (before.get(name) ?? 0))
      )
      const total_us = rows.reduce((sum, { us_per_event }) => sum + us_per_event * events, 0)
      const total = figure('all services', events, total_us)
      return [...rows.map((row) => ({ ...row, ratio: row.us_per_event / total.us_per_event })), total]
    } finally {
      await pipeline.stop()
    }
  } finally {
    await servers.stop()
    progress.end()
  }
}
