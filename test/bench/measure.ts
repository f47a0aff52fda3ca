/** One row of a benchmark. */
export interface Figure {
  readonly name: string
  readonly events: number
  /** CPU time, user and system, of the best pass. */
  readonly us_per_event: number
  readonly events_per_cpu_s: number
  /** Against the row it is compared with, same run. */
  readonly ratio?: number
}

/** Passes of which the best counts; one more comes before. */
export const PASSES = 7

/**
 * CPU time of the best of several passes over the same work, the first not counted.
 * @param prepare makes what a pass works on; not counted
 * @param usage of which CPU time is taken: that of the process, or of the thread alone
 */
export function measure<Input = void>(
  name: string,
  events: number,
  work: (input: Input) => void,
  prepare: () => Input = () => undefined as Input,
  usage: typeof process.cpuUsage = process.cpuUsage
): Figure {
  let best_us = Number.POSITIVE_INFINITY
  for (let pass = 0; pass <= PASSES; pass += 1) {
    const input = prepare()
    const before = usage()
    work(input)
    const { user, system } = usage(before)
    if (pass > 0) best_us = Math.min(best_us, user + system)
  }
  return figure(name, events, best_us)
}

export function figure(name: string, events: number, cpu_us: number): Figure {
  return { name, events, us_per_event: cpu_us / events, events_per_cpu_s: Math.round(events / (cpu_us / 1e6)) }
}

export function printFigures(title: string, figures: readonly Figure[]): void {
  console.log(`\n${title}`)
  for (const { name, events, us_per_event, events_per_cpu_s, ratio } of figures) {
    const times = ratio === undefined ? '' : `  ×${ratio.toFixed(2)}`
    console.log(
      `  ${name.padEnd(44)} ${String(events).padStart(7)} events  ${us_per_event.toFixed(1).padStart(7)} µs  ${String(events_per_cpu_s).padStart(8)}/CPU s${times}`
    )
  }
}
