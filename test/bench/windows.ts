import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastLines, run } from '../../infra/native/run.ts'
import type { Signal } from '../../schemas/generated/types.ts'
import { advanceCluster, contentOf, emptyMemory } from '../../services/core/correlate/cluster-memory.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { advanceWindows, packParts, windowIndexOf } from '../../services/core/windows/reducer.ts'
import { emptyWindowState } from '../../services/core/windows/state.ts'
import { chaosLoad } from '../chaos/load.ts'
import { CHAOS_RULES } from '../chaos/rules.ts'
import { loadTexts } from '../support/rule-text.ts'
import { createRandom } from '../support/scenario/random.ts'
import { CLUSTER, START_US } from '../support/signals.ts'
import { burstRule, partSignal } from './correlator-load.ts'
import { buildEsper } from './engines/builds.ts'
import { type Figure, figure, measure } from './measure.ts'

const BATCH = 500
const EVENTS = 100_000
const WINDOW_S = 300
const LEAST = 5
const ESPER_PASSES = 12
const RUN_TIMEOUT_MS = 10 * 60_000

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

/** @param isStored whether what the changelog is to hold is made, too, as bytes, with every batch */
function weirWindows(name: string, events: readonly WindowEvent[], isStored: boolean): Hits {
  const index = windowIndexOf(burstRule(`${WINDOW_S}s`, LEAST))
  const batches = inBatches(
    events.map(({ time_ms, actor }, number) => partSignal(number, actor, START_US + time_ms * 1000))
  )
  let hits = 0
  const found = measure(name, events.length, () => {
    const state = emptyWindowState(CLUSTER.id)
    const told = new Set<string>()
    for (const batch of batches) {
      const { results } = advanceWindows(state, index, batch, batch.at(-1)?.time ?? 0)
      for (const { signal } of results) told.add(signal.id)
      if (isStored) packParts(state, index)
      state.changes.clear()
    }
    hits = told.size
  })
  return { figure: found, hits }
}

async function esperWindows(name: string, events: readonly WindowEvent[]): Promise<Hits | string> {
  const build = await buildEsper('EsperWindows')
  if ('left_out' in build) return build.left_out
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  try {
    const file = join(folder, 'events')
    writeFileSync(file, `${events.map(({ time_ms, actor }) => `${time_ms} account-${actor}`).join('\n')}\n`)
    const [command, ...args] = build.command
    const all = [...args, file, String(ESPER_PASSES), String(WINDOW_S), String(LEAST)]
    const { code, output } = await run(command, all, { timeout_ms: RUN_TIMEOUT_MS })
    const line = output.split('\n').findLast((one) => one.startsWith('{'))
    if (code !== 0 || line === undefined) throw new Error(`Esper ended with ${code}: ${lastLines(output, 5)}`)
    const { hits, cpu_s } = JSON.parse(line) as { readonly hits: number; readonly cpu_s: number }
    return { figure: figure(name, events.length, cpu_s * 1e6), hits }
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
 * What the correlator takes per signal, and windows beside Esper: the same events, the same hits or an error.
 * @param print a title with figures; ratios are how many times less CPU time Weir takes
 */
export async function benchWindows(print: (title: string, figures: readonly Figure[]) => void): Promise<void> {
  print('The correlator in one process, without Kafka', [throughBoth()])
  for (const live of [5_000, 50_000]) {
    const events = workload(live)
    const weir = weirWindows('weir, windows', events, false)
    const stored = weirWindows('weir, windows and their changelog', events, true)
    const esper = await esperWindows('esper 8.9 #time, group by', events)
    const title = `${EVENTS} events, ${live} of them in a window of ${WINDOW_S} s, ${weir.hits} hits`
    if (typeof esper === 'string') {
      print(title, [weir.figure, stored.figure])
      console.error(`left out: esper: ${esper}`)
      continue
    }
    if (esper.hits !== weir.hits || stored.hits !== weir.hits)
      throw new Error(`Esper has ${esper.hits} hits, Weir ${weir.hits} and ${stored.hits}`)
    const beside = (figure: Figure): Figure => ({ ...figure, ratio: esper.figure.us_per_event / figure.us_per_event })
    print(title, [esper.figure, beside(weir.figure), beside(stored.figure)])
  }
}
