import type { Incident } from '../../schemas/generated/types.ts'
import { correlate } from '../../services/core/correlate/reducer.ts'
import { type CorrelateSettings, DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { emptyState } from '../../services/core/correlate/state.ts'
import { CLUSTER, podOf, type SignalSketch, START_US, signalOf } from './signals.ts'

export const NOW_US = START_US + 365 * 86_400_000_000

/** Runs batches and keeps the latest revision of each incident. */
export function run(
  batches: ReadonlyArray<readonly SignalSketch[]>,
  changes: Partial<CorrelateSettings> = {},
  now = NOW_US
) {
  const settings = { ...DEFAULT_CORRELATE_SETTINGS, ...changes }
  const state = emptyState(CLUSTER.id)
  const incidents = new Map<string, Incident>()
  const outputs = batches.map((batch) => {
    const output = correlate(state, batch.map(signalOf), now, settings)
    for (const incident of output.incidents) incidents.set(incident.id, incident)
    return output
  })
  return { state, outputs, incidents, open: [...incidents.values()].filter(({ status }) => status === 'open') }
}

export function signalsOf(incident: Incident | undefined): readonly string[] {
  return (incident?.timeline ?? []).flatMap(({ signals }) => signals).sort()
}

export const web = podOf('uid-web', 'shop/web-1')
