import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entity, Incident, Signal } from '../../schemas/generated/types.ts'
import { type CorrelateOutputs, correlate } from '../../services/core/correlate/reducer.ts'
import { restore } from '../../services/core/correlate/restore.ts'
import { type CorrelateSettings, DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { type ClusterState, emptyState, type StateEntry } from '../../services/core/correlate/state.ts'
import { batchesOf, delivered } from '../support/delivery.ts'
import { CLUSTER, entityOf, signalOf } from '../support/signals.ts'

const MINUTE_MS = 60_000
const NOW_US = Date.UTC(2030, 0, 1) * 1000

/** Small windows and limits, so that closing, forgetting and hubs happen within a day of signals. */
const SMALL: CorrelateSettings = {
  ...DEFAULT_CORRELATE_SETTINGS,
  link_windows_ms: {
    pod: 60 * MINUTE_MS,
    container: 60 * MINUTE_MS,
    workload: 60 * MINUTE_MS,
    service_account: 20 * MINUTE_MS,
    credential: 20 * MINUTE_MS,
    cloud_key: 20 * MINUTE_MS,
    user: 20 * MINUTE_MS,
    address: 20 * MINUTE_MS,
    node: 10 * MINUTE_MS,
    indicator: 20 * MINUTE_MS,
    session: 60 * MINUTE_MS
  },
  hub_signals: 6,
  hub_workloads: 2,
  close_idle_ms: 180 * MINUTE_MS,
  reopen_ms: 30 * MINUTE_MS,
  allowed_lateness_ms: 10 * MINUTE_MS
}
const WITHOUT_HUBS: CorrelateSettings = { ...SMALL, hub_signals: 1_000_000 }

const entity: fc.Arbitrary<Entity> = fc.oneof(
  fc.integer({ min: 0, max: 6 }).map((n) => entityOf('pod', `uid-${n}`, 'actor', `ns/pod-${n}`)),
  fc.integer({ min: 0, max: 6 }).map((n) => entityOf('pod', `ns/pod-${n}`, 'target')),
  fc.integer({ min: 0, max: 6 }).map((n) => entityOf('container', `${n}`.repeat(20))),
  fc.integer({ min: 0, max: 4 }).map((n) => entityOf('workload', `w${n}`, 'context', `Deployment/ns/w${n}`)),
  fc.constantFrom('actor' as const, 'target' as const).map((role) => entityOf('service_account', 'ns/busy', role)),
  fc.integer({ min: 0, max: 2 }).map((n) => entityOf('service_account', `ns/sa-${n}`, 'actor')),
  fc.integer({ min: 0, max: 3 }).map((n) => entityOf('credential', `JTI=${n}`, 'actor')),
  fc.constantFrom('alice', 'system:anonymous').map((name) => entityOf('user', name, 'actor')),
  fc.integer({ min: 1, max: 2 }).map((n) => entityOf('source_address', `198.51.100.${n}`)),
  fc.constantFrom('actor' as const, 'context' as const).map((role) => entityOf('node', 'n1', role)),
  fc.constantFrom('198.51.100.9', 'files.example').map((host) => entityOf('indicator', host, 'target')),
  fc.constantFrom('10.1.2.3', '10.1.2.4').map((ip) => entityOf('source_address', ip)),
  fc.constant(entityOf('secret', 'kube-system/s', 'target'))
)

const sketch = fc.record({
  // Whole minutes, so that signals often share a time and ids have to decide.
  minute: fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 30 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 720 }) }
  ),
  source: fc.constantFrom('audit' as const, 'runtime' as const),
  code: fc.constantFrom('A30', 'R01', 'R26'),
  severity: fc.constantFrom(
    'informational' as const,
    'low' as const,
    'low' as const,
    'medium' as const,
    'high' as const
  ),
  tactics: fc.subarray(['execution', 'discovery', 'credential-access', 'impact'], { maxLength: 2 }),
  dedup_key: fc.constantFrom('k1', 'k2', 'k3'),
  entities: fc.array(entity, { minLength: 1, maxLength: 3 }),
  ancestry: fc.array(
    fc.integer({ min: 0, max: 5 }).map((n) => entityOf('process', `p${n}`, 'actor', `/bin/p${n} -x`)),
    { maxLength: 3 }
  )
})

/** Signals by time, then id. */
const signals: fc.Arbitrary<readonly Signal[]> = fc
  .array(sketch, { minLength: 1, maxLength: 60, size: 'max' })
  .map((sketches) => sketches.map((one, place) => signalOf({ ...one, id: `s${place}` })))
  .map((list) => list.toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1)))

/**
 * Without the ties that a later signal may undo: of what could have taken a credential only the last is tied to its use, and of
 * the pods that had an address only the nearest to a request.
 */
function lasting(list: readonly Signal[]): readonly Signal[] {
  const isLasting = ({ type, role, id }: Entity) =>
    type !== 'node' &&
    !(type === 'service_account' && role === 'target') &&
    !(type === 'source_address' && id.startsWith('10.'))
  return list.map((signal) => ({ ...signal, entities: signal.entities.filter(isLasting) }))
}

/** Delays of arrival within the allowed lateness, and repetitions, per signal. */
const delivery = fc.record({
  delays: fc.array(fc.integer({ min: 0, max: SMALL.allowed_lateness_ms * 1000 }), {
    minLength: 60,
    maxLength: 60,
    size: 'max'
  }),
  repeats: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 60, maxLength: 60, size: 'max' }),
  sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 })
})

interface Run {
  readonly state: ClusterState
  readonly last: ReadonlyMap<string, Incident>
  readonly outputs: readonly CorrelateOutputs[]
}

function run(
  batches: ReadonlyArray<readonly Signal[]>,
  settings: CorrelateSettings,
  state = emptyState(CLUSTER.id)
): Run {
  const last = new Map<string, Incident>()
  const outputs = batches.map((batch) => {
    const output = correlate(state, batch, NOW_US, settings)
    for (const incident of output.incidents) last.set(incident.id, incident)
    return output
  })
  return { state, last, outputs }
}

/** The incidents that count, as text, without their revision numbers. */
function surviving({ last }: Run, statuses: readonly string[]): readonly string[] {
  return [...last.values()]
    .filter(({ status }) => statuses.includes(status))
    .map((incident) => JSON.stringify({ ...incident, revision: 0 }))
    .sort()
}

const sortedEntries = (entries: readonly StateEntry[]) => entries.map((entry) => JSON.stringify(entry)).sort()

/** A run takes about 10 ms; thousands have been run when this was written. */
const RUNS = 100

describe('correlating', { timeout: 60_000 }, () => {
  it('ordered, late, shuffled, repeated and re-batched input end in the same open incidents', () => {
    fc.assert(
      fc.property(signals, delivery, (list, how) => {
        const ordered = run(
          list.map((signal) => [signal]),
          SMALL
        )
        const other = run(batchesOf(delivered(list, how), how.sizes), SMALL)
        expect(surviving(other, ['open'])).toEqual(surviving(ordered, ['open']))
      }),
      { numRuns: RUNS }
    )
  })

  it('and in the same closed ones, where no key is a hub and no tie is undone', () => {
    fc.assert(
      fc.property(signals, delivery, (list, how) => {
        const ordered = run([lasting(list)], WITHOUT_HUBS)
        const other = run(batchesOf(delivered(lasting(list), how), how.sizes), WITHOUT_HUBS)
        expect(surviving(other, ['open', 'closed'])).toEqual(surviving(ordered, ['open', 'closed']))
      }),
      { numRuns: RUNS }
    )
  })

  it('open incidents that never closed or split have one revision per signal, however they were batched', () => {
    fc.assert(
      fc.property(signals, delivery, (list, how) => {
        const forever = { ...WITHOUT_HUBS, close_idle_ms: 1e12 }
        const { last } = run(batchesOf(delivered(lasting(list), how), how.sizes), forever)
        for (const { status, revision, timeline } of last.values()) {
          if (status === 'open') expect(revision).toBe(timeline.flatMap((entry) => entry.signals).length)
        }
      }),
      { numRuns: RUNS }
    )
  })

  it('revisions of an incident only grow, and those merged point to one that stands or was merged on', () => {
    fc.assert(
      fc.property(signals, delivery, (list, how) => {
        const { outputs, last } = run(batchesOf(delivered(list, how), how.sizes), SMALL)
        const revisions = new Map<string, number>()
        for (const { incidents } of outputs) {
          for (const { id, revision } of incidents) {
            expect(revision).toBeGreaterThan(revisions.get(id) ?? 0)
            revisions.set(id, revision)
          }
        }
        for (const { status, merged_into } of last.values()) {
          if (status === 'merged') expect(last.has(merged_into ?? '')).toBe(true)
        }
      }),
      { numRuns: RUNS }
    )
  })

  it('a duplicate changes nothing', () => {
    fc.assert(
      fc.property(signals, (list) => {
        const { state } = run([list], SMALL)
        const remembered = list.filter(({ id }) => state.signals.has(id))
        expect(correlate(state, remembered, NOW_US, SMALL)).toMatchObject({ incidents: [], entries: [], refused: [] })
      }),
      { numRuns: RUNS }
    )
  })

  it('state restored from the changelog goes on as the state that wrote it', () => {
    const limits = fc.record({
      max_signals_per_incident: fc.constantFrom(5, 1000),
      max_groups_per_cluster: fc.constantFrom(4, 1000)
    })
    fc.assert(
      fc.property(signals, delivery, fc.nat(60), limits, (list, how, cut, limit) => {
        const settings = { ...SMALL, ...limit }
        const arrived = delivered(list, how)
        const before = batchesOf(arrived.slice(0, cut), how.sizes)
        const after = batchesOf(arrived.slice(cut), how.sizes)
        const first = run(before, settings)
        const changelog = first.outputs.flatMap(({ entries }) => entries)
        const restored = restore(CLUSTER.id, changelog, settings)
        const going = run(after, settings, first.state)
        const resumed = run(after, settings, restored)
        for (const [place, output] of going.outputs.entries()) {
          const twin = resumed.outputs[place]
          expect(twin?.incidents).toEqual(output.incidents)
          expect(sortedEntries(twin?.entries ?? [])).toEqual(sortedEntries(output.entries))
          expect(twin?.counts).toEqual(output.counts)
        }
      }),
      { numRuns: RUNS }
    )
  })

  it('every remembered signal is in one group, and nothing else is kept', () => {
    fc.assert(
      fc.property(signals, delivery, (list, how) => {
        const settings = { ...SMALL, max_signals_per_incident: 7 }
        const { state } = run(batchesOf(delivered(list, how), how.sizes), settings)
        const grouped = [...state.groups].flatMap(({ members }) => members)
        expect(new Set(grouped).size).toBe(grouped.length)
        expect(new Set(grouped)).toEqual(new Set(state.signals.values()))
        const growing = new Set(grouped.filter(({ group }) => group?.isSealed === false))
        for (const chain of state.chains.values()) {
          expect(chain.signals.length).toBeGreaterThan(0)
          for (const stored of chain.signals) expect(growing.has(stored)).toBe(true)
        }
      }),
      { numRuns: RUNS }
    )
  })
})
