import type { Signal } from '../../../schemas/generated/types.ts'
import type { WindowResult } from '../windows/reducer.ts'
import type { Told } from './state.ts'

/** What a batch changes in what was told: by id of the signal, as it was before and as it is now. */
export type Tellings = Map<string, { readonly was: Signal | null; now: Signal | null }>

const isSame = (a: Signal, b: Signal): boolean =>
  a.time === b.time &&
  a.count === b.count &&
  a.severity === b.severity &&
  a.title === b.title &&
  a.parts.length === b.parts.length &&
  a.parts.every((id, index) => id === b.parts[index])

function note(tellings: Tellings, was: Signal | null, now: Signal | null): void {
  const id = now?.id ?? was?.id ?? ''
  const known = tellings.get(id)
  if (known === undefined) tellings.set(id, { was, now })
  else known.now = now
}

/** Makes what was told what it should be. @returns what is told now */
export function retell(tellings: Tellings, told: Told, wanted: readonly Signal[]): Told {
  const now = new Map<string, Signal>()
  for (const signal of wanted) {
    const known = told.get(signal.id) ?? null
    const isKnown = known !== null && isSame(known, signal)
    now.set(signal.id, isKnown ? known : signal)
    if (!isKnown) note(tellings, known, signal)
  }
  for (const [id, signal] of told) if (!now.has(id)) note(tellings, signal, null)
  return now
}

/** The changes of a batch; what came and went within it was never told. */
export function resultsOf(tellings: Tellings): readonly WindowResult[] {
  const results: WindowResult[] = []
  for (const { was, now } of tellings.values()) {
    if (now === null) {
      if (was !== null) results.push({ change: 'withdrawn', signal: { ...was, role: 'withdrawn' } })
    } else if (was === null) results.push({ change: 'new', signal: now })
    else if (!isSame(was, now)) results.push({ change: 'updated', signal: now })
  }
  return results
}
