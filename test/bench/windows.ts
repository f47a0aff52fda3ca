import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { lastLines, run } from '../../infra/native/run.ts'
import type { Signal } from '../../schemas/generated/types.ts'
import { advanceCluster, contentOf, emptyMemory } from '../../services/core/correlate/cluster-memory.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { advanceWindows, completeChanges, windowIndexOf } from '../../services/core/windows/reducer.ts'
import { emptyWindowState } from '../../services/core/windows/state.ts'
import { chaosLoad } from '../chaos/load.ts'
import { CHAOS_RULES } from '../chaos/rules.ts'
import { loadTexts } from '../support/rule-text.ts'
import { createRandom } from '../support/scenario/random.ts'
import { CLUSTER, START_US } from '../support/signals.ts'
import { actorName, burstRule, partSignal } from './correlator-load.ts'
import { buildEsper } from './engines/builds.ts'
import { type Figure, figureOf, measure } from './measure.ts'

const BATCH = 500
const EVENTS = 100_000
const WINDOW_S = 300
const LEAST = 5
/** Passes that are not counted, in which code is compiled, and those that are. */
const WARM = 8
const PASSES = 7
/** Times that Esper goes through the events in a pass: the JVM tells its process's CPU time in hundredths of a second. */
const ESPER_ROUNDS = 4
const RUN_TIMEOUT_MS = 10 * 60_000

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const SWEEP_MS = 100

/** So that garbage of what was prepared is not collected, nor swept by other threads, while a pass is measured. */
function collectGarbage(): void {
  gc()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SWEEP_MS)
}

interface WindowEvent {
  readonly time_ms: number
  readonly actor: number
}

/**
 * Events in order of time, so many of them in a window. One actor in fifty makes exactly as many as are asked for within one window, the
 * others fewer, and none comes again before the window is over: so an engine that tells every event beyond the bound and one that tells
 * every window tell the same.
 */
function workload(live: number): readonly WindowEvent[] {
  const random = createRandom(`windows ${live}`)
  const length_ms = (EVENTS / live) * WINDOW_S * 1000
  const events: WindowEvent[] = []
  for (let actor = 0; events.length < EVENTS; actor += 1) {
    const count = actor % 50 === 0 ? LEAST : random.integer(1, LEAST - 1)
    const start = Math.floor(random.next() * length_ms)
    for (let number = 0; number < count; number += 1)
      events.push({ time_ms: start + Math.floor(random.next() * (WINDOW_S - 1) * 1000), actor })
  }
  return events.slice(0, EVENTS).toSorted((a, b) => a.time_ms - b.time_ms)
}

function inBatches(signals: readonly Signal[]): readonly (readonly Signal[])[] {
  return Array.from({ length: Math.ceil(signals.length / BATCH) }, (_, place) =>
    signals.slice(place * BATCH, (place + 1) * BATCH)
  )
}

interface Hits {
  readonly figure: Figure
  readonly hits: number
}

/** So much later each pass begins than the one before: later than what still matters of that. */
const apart_ms = (events: readonly WindowEvent[]) => (events.at(-1)?.time_ms ?? 0) + 4 * WINDOW_S * 1000

/** What windows read of a signal, made anew as if it had just been decoded: nothing is known of its texts, and all lies together. */
function decodedAnew(signal: Signal, later_us: number): Signal {
  const anew = (text: string) => Buffer.from(text, 'latin1').toString('latin1')
  const fields = Object.entries(signal.correlation_fields)
  return {
    ...signal,
    id: anew(signal.id),
    time: signal.time + later_us,
    correlation_fields: Object.fromEntries(fields.map(([name, texts]) => [name, texts.map(anew)]))
  }
}

/**
 * One state takes all passes, each later than the one before: what is left of a pass goes when the next begins, so that every event is
 * taken out as well as put in. Signals are made beforehand. What is measured is `advanceWindows` with all it promises: signals are told
 * from duplicates by their ids, may come late, and a hit is a signal with its entities and events.
 * @param isStored whether what the changelog is to hold is made, too, as bytes, with every batch
 */
function weirWindows(
  name: string,
  events: readonly WindowEvent[],
  signals: readonly Signal[],
  isStored: boolean
): Hits {
  const index = windowIndexOf(burstRule(`${WINDOW_S}s`, LEAST))
  const state = emptyWindowState(CLUSTER.id)
  const cpu_us: number[] = []
  let hits = 0
  for (let pass = 0; pass < WARM + PASSES; pass += 1) {
    const later_us = pass * apart_ms(events) * 1000
    const batches = inBatches(signals.map((signal) => decodedAnew(signal, later_us)))
    const told = new Set<string>()
    collectGarbage()
    const before = process.cpuUsage()
    for (const batch of batches) {
      const { results } = advanceWindows(state, index, batch, batch.at(-1)?.time ?? 0)
      for (const { signal } of results) told.add(signal.id)
      if (isStored) completeChanges(state, index)
      state.changes.clear()
    }
    const { user, system } = process.cpuUsage(before)
    cpu_us.push(user + system)
    hits = told.size
  }
  return { figure: figureOf(name, events.length, cpu_us.slice(WARM)), hits }
}

/** @param told what a hit has: `counts` its key and count, `events` those of the key in the window as well */
async function esperWindows(
  name: string,
  events: readonly WindowEvent[],
  told: 'counts' | 'events'
): Promise<Hits | string> {
  const build = await buildEsper('EsperWindows')
  if ('left_out' in build) return build.left_out
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  try {
    const file = join(folder, 'events')
    writeFileSync(file, `${events.map(({ time_ms, actor }) => `${time_ms} ${actorName(actor)}`).join('\n')}\n`)
    const [command, ...args] = build.command
    const numbers = [apart_ms(events), WARM + PASSES, ESPER_ROUNDS, WINDOW_S, LEAST]
    const all = [...args, file, ...numbers.map(String), told]
    const { code, output } = await run(command, all, { timeout_ms: RUN_TIMEOUT_MS })
    const lines = output.split('\n').filter((one) => one.startsWith('{'))
    if (code !== 0 || lines.length === 0) throw new Error(`Esper ended with ${code}: ${lastLines(output, 5)}`)
    const passes = lines.map((line) => JSON.parse(line) as { readonly hits: number; readonly cpu_s: number })
    const cpu_us = passes.slice(WARM).map(({ cpu_s }) => (cpu_s * 1e6) / ESPER_ROUNDS)
    return { figure: figureOf(name, events.length, cpu_us), hits: passes.at(-1)?.hits ?? 0 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Windows and stitching over attacks, parts and lonely signals, six correlations, batches as they come from Kafka. */
function throughBoth(): Figure {
  const { windows } = loadTexts(Object.values(CHAOS_RULES))
  const content = contentOf(windows)
  const signals = chaosLoad(createRandom('bench'), 20).flatMap(({ signal }) => (signal === null ? [] : [signal]))
  const batches = inBatches(signals).map((batch) => [...Map.groupBy(batch, ({ cluster }) => cluster.id)])
  return measure('windows and stitching', signals.length, () => {
    const memories = new Map<string, ReturnType<typeof emptyMemory>>()
    for (const clusters of batches) {
      for (const [cluster, own] of clusters) {
        const memory = memories.get(cluster) ?? emptyMemory(cluster)
        memories.set(cluster, memory)
        advanceCluster(memory, content, own, Date.now() * 1000, DEFAULT_CORRELATE_SETTINGS)
      }
    }
  })
}

/**
 * What the correlator takes per signal, and windows beside Esper: the same events, the same hits or an error. Of both the CPU time of the
 * whole process is taken, collectors and compilers included, when both are warm.
 * @param print a title with figures; ratios are how many times less CPU time is taken than by Esper's count, by the medians
 */
export async function benchWindows(print: (title: string, figures: readonly Figure[]) => void): Promise<void> {
  print('The correlator in one process, without Kafka', [throughBoth()])
  for (const live of [5_000, 50_000]) {
    const events = workload(live)
    const signals = events.map(({ time_ms, actor }, number) => partSignal(number, actor, START_US + time_ms * 1000))
    const weir = weirWindows('weir, windows', events, signals, false)
    const stored = weirWindows('weir, windows and their changelog', events, signals, true)
    const counts = await esperWindows('esper 8.9 #time, group by, count', events, 'counts')
    const whole = await esperWindows('esper 8.9 #time, group by, events of a hit', events, 'events')
    const title = `${EVENTS} events, ${live} of them in a window of ${WINDOW_S} s, ${weir.hits} hits`
    if (typeof counts === 'string' || typeof whole === 'string') {
      print(title, [weir.figure, stored.figure])
      const why = [counts, whole].find((one) => typeof one === 'string') ?? ''
      console.error(`left out: esper: ${why}`)
      continue
    }
    const found = [weir, stored, counts, whole].map(({ hits }) => hits)
    if (new Set(found).size > 1) throw new Error(`Weir and Esper have different hits: ${found.join(', ')}`)
    const beside = (figure: Figure): Figure => ({ ...figure, ratio: counts.figure.median_us / figure.median_us })
    print(title, [counts.figure, beside(whole.figure), beside(weir.figure), beside(stored.figure)])
  }
}
