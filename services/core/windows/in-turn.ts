import type { Signal } from '../../../schemas/generated/types.ts'

/**
 * Signals of a batch, in the order in which they came, with the results of correlations among them, each before the first signal of a
 * later time. After a long silence a result of before is told together with the signal that ends the silence, and must not be found to
 * be too late because of it.
 * @param signals in the order of arrival
 * @param results in any order
 */
export function inTurn(signals: readonly Signal[], results: readonly Signal[]): readonly Signal[] {
  if (results.length === 0) return signals
  const pending = results.toSorted((a, b) => a.time - b.time)
  const merged: Signal[] = []
  let next = 0
  for (const signal of signals) {
    for (let result = pending[next]; result !== undefined && result.time < signal.time; result = pending[next]) {
      merged.push(result)
      next += 1
    }
    merged.push(signal)
  }
  return [...merged, ...pending.slice(next)]
}
