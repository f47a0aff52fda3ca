/** One row of a benchmark. */
export interface Figure {
  readonly name: string
  readonly events: number
  /** CPU time, user and system, of the best pass. */
  readonly us_per_event: number
  /** The same of the median pass. */
  readonly median_us: number
  readonly events_per_cpu_s: number
  /** Against the row it is compared with, same run. */
  readonly ratio?: number
}

/** Passes of which the best counts. */
export const PASSES = 7
/** Before them the same work is done for so long, once at least: services run for weeks, with all their code compiled. */
const WARM_US = 700_000

/** Does work until it is warm. */
export async function warm(work: () => unknown): Promise<void> {
  for (let spent_us = 0; spent_us < WARM_US; ) {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    spent_us += user + system
  }
}

/**
 * CPU time of the best of several passes over the same work, once it is warm.
 * @param prepare makes what a pass works on; not counted
 */
export function measure<Input = void>(
  name: string,
  events: number,
  work: (input: Input) => void,
  prepare: () => Input = () => undefined as Input
): Figure {
  const passes_us: number[] = []
  for (let warm_us = 0; passes_us.length < PASSES; ) {
    const input = prepare()
    const before = process.cpuUsage()
    work(input)
    const { user, system } = process.cpuUsage(before)
    if (warm_us < WARM_US) warm_us += user + system
    else passes_us.push(user + system)
  }
  return figureOf(name, events, passes_us)
}

export function figure(name: string, events: number, cpu_us: number): Figure {
  return figureOf(name, events, [cpu_us])
}

/** @param passes_us CPU time of each pass over the same events */
export function figureOf(name: string, events: number, passes_us: readonly number[]): Figure {
  const sorted = passes_us.toSorted((a, b) => a - b)
  const best_us = sorted[0] ?? 0
  const median_us = (sorted[Math.floor(sorted.length / 2)] ?? 0) / events
  return {
    name,
    events,
    us_per_event: best_us / events,
    median_us,
    events_per_cpu_s: Math.round(events / (best_us / 1e6))
  }
}

export function printFigures(title: string, figures: readonly Figure[]): void {
  console.log(`\n${title}`)
  for (const { name, events, us_per_event, median_us, events_per_cpu_s, ratio } of figures) {
    const half = median_us === us_per_event ? '' : `, median ${median_us.toFixed(2)}`
    const times = ratio === undefined ? '' : `  ×${ratio.toFixed(2)}`
    console.log(
      `  ${name.padEnd(44)} ${String(events).padStart(7)} events  ${us_per_event.toFixed(2).padStart(8)} µs${half}  ${String(events_per_cpu_s).padStart(8)}/CPU s${times}`
    )
  }
}
