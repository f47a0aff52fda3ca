import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CorrelatorState, Incident, Signal } from '../../schemas/generated/types.ts'
import { advanceCluster, contentOf, emptyMemory } from '../../services/core/correlate/cluster-memory.ts'
import { DEFAULT_CORRELATE_SETTINGS, latenessOf } from '../../services/core/correlate/settings.ts'
import { batchesOf, delivered } from '../support/delivery.ts'
import { restoredCluster } from '../support/restored-cluster.ts'
import { ALICE, BOB, CLUSTER, found, gotInto, requested, SESSION_RULES, started } from '../support/sessions.ts'
import { entityOf } from '../support/signals.ts'

const CONTENT = contentOf(SESSION_RULES)
const SETTINGS = DEFAULT_CORRELATE_SETTINGS
const NOW = Date.UTC(2030, 0, 1) * 1000
const LATENESS_US = latenessOf(SETTINGS) * 1000

/** Few people, pods, commands and moments, so that requests and processes come near each other all the time. */
const pod = fc.constantFrom(['shop/web-1', 'u1'] as const, ['shop/web-2', 'u2'] as const)
const command = fc.constantFrom('sh', 'sh -c id', 'bash')
const container = fc.constantFrom('web', 'sidecar')
const second = fc.oneof(
  fc.integer({ min: 0, max: 40 }).map((half) => half / 2),
  fc.integer({ min: 0, max: 4 * 3600 })
)
const someone = fc.constantFrom(ALICE, BOB, entityOf('service_account', 'ci/deployer', 'actor'))

const request = fc
  .record({
    ...{ second, command, container, by: someone, number: fc.uuid(), pod },
    kind: fc.constantFrom('exec', 'exec', 'exec', 'attach', 'ephemeralcontainers'),
    stages: fc.constantFrom(['ResponseStarted'], ['ResponseComplete'], ['ResponseStarted', 'ResponseComplete']),
    lasted: fc.integer({ min: 0, max: 900 }),
    alerts: fc.boolean()
  })
  .map(({ number, pod: [name, uid], stages, lasted, alerts, ...rest }) =>
    stages.flatMap((stage): readonly Signal[] => {
      const isStart = stage === 'ResponseStarted'
      const sketch = {
        ...rest,
        ...({
          id: number,
          pod: name,
          uid,
          stage: isStart ? 'ResponseStarted' : 'ResponseComplete'
        } as const),
        logged_after: isStart ? 0.005 : lasted
      } as const
      return alerts ? [requested(sketch), gotInto(sketch)] : [requested(sketch)]
    })
  )
const start = fc
  .record({
    ...{ second, command, container, number: fc.integer({ min: 1, max: 8 }), pod },
    flags: fc.constantFrom('execve clone', 'execve')
  })
  .map(({ number, pod: [name, uid], flags, ...rest }) => [
    started({
      ...{ ...rest, command: `/bin/${rest.command}`, pod: name, uid, flags, pid: `${number}` },
      id: `p${number}-${name}${flags === 'execve' ? '-instead' : ''}`
    })
  ])
const finding = fc
  .record({
    ...{ second, container, pod, number: fc.integer({ min: 1, max: 8 }) },
    instead: fc.boolean(),
    severity: fc.constantFrom('informational' as const, 'low' as const, 'medium' as const, 'high' as const)
  })
  .map(({ number, pod: [name, uid], instead, ...rest }) => [
    found({
      ...{ ...rest, id: '', pod: name, uid },
      processes: ['child', `p${number}-${name}${instead ? '-instead' : ''}`]
    })
  ])

/** Signals, each with an id of its own, by time. */
const signals: fc.Arbitrary<readonly Signal[]> = fc
  .array(fc.oneof(request, start, finding), { minLength: 2, maxLength: 40, size: 'max' })
  .map((lists) => lists.flat().map((signal, place): Signal => ({ ...signal, id: `s${place}` })))
  .map((list) => list.toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1)))

const delivery = fc.record({
  delays: fc.array(fc.integer({ min: 0, max: LATENESS_US - 1 }), { minLength: 200, maxLength: 200, size: 'max' }),
  repeats: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 200, maxLength: 200, size: 'max' }),
  sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 })
})

/** Moves time on beyond everything, so that all is decided. */
const end = (): Signal => ({
  ...found({ second: 9 * 3600, id: 'end', processes: ['x'], pod: 'z/z', uid: 'z' }),
  role: 'part'
})

interface Outcome {
  readonly told: readonly Signal[]
  readonly incidents: ReadonlyArray<Omit<Incident, 'revision'>>
}

function outcomeOf(batches: ReadonlyArray<readonly Signal[]>, restartEvery: number): Outcome {
  let memory = emptyMemory(CLUSTER.id)
  const entries = new Map<string, CorrelatorState>()
  const told = new Map<string, Signal>()
  const incidents = new Map<string, Incident>()
  for (const [turn, batch] of [...batches, [end()]].entries()) {
    if (restartEvery > 0 && turn % restartEvery === restartEvery - 1)
      memory = restoredCluster(CLUSTER.id, CONTENT, [...entries.values()], SETTINGS)
    const step = advanceCluster(memory, CONTENT, batch, NOW, SETTINGS)
    for (const signal of step.correlated) {
      if (signal.role === 'withdrawn') told.delete(signal.id)
      else told.set(signal.id, signal)
    }
    for (const incident of step.incidents) incidents.set(incident.id, incident)
    for (const { key, value } of step.entries) {
      if (value === null) entries.delete(key)
      else entries.set(key, value)
    }
  }
  const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1)
  return {
    told: [...told.values()].sort(byId),
    incidents: [...incidents.values()]
      .filter(({ status }) => status === 'open')
      .map(({ revision: _revision, ...rest }) => rest)
      .sort(byId)
  }
}

describe('sessions', { timeout: 120_000 }, () => {
  it('that nothing was seen of are told of after any restart, also where the request was logged long after it came', () => {
    const heard = [0, 300, 600, 900, 1200, 1500, 2100, 2130, 2160, 2190, 2220, 2250, 2280, 2310, 2400, 3000]
    const list = [
      ...heard.map((second) => ({
        ...found({ second, id: 'other', pod: 'shop/web-2', uid: 'u2', processes: ['x'] }),
        id: `heard-${second}`
      })),
      // A session that both halves saw shows that they can.
      { ...requested({ second: 0, id: 'seen' }), id: 'seen-request' },
      { ...started({ second: 0, id: 'seen', command: '/bin/sh' }), id: 'seen-start' },
      { ...requested({ second: 300, id: 'late', stage: 'ResponseComplete', logged_after: 60 }), id: 'request' }
    ].toSorted((one, other) => one.time - other.time)
    const batches = list.map((signal) => [signal])
    const inOrder = outcomeOf(batches, 0)
    expect(inOrder.told.map(({ rule }) => rule.code)).toEqual(['C21'])
    for (let restarts = 1; restarts <= list.length; restarts += 1) expect(outcomeOf(batches, restarts)).toEqual(inOrder)
  })

  it('are the same in whatever order and batches signals come, however often, and whatever crashes between', () => {
    const seen = new Map<string, number>()
    fc.assert(
      fc.property(signals, delivery, fc.integer({ min: 0, max: 4 }), (list, how, restarts) => {
        const inOrder = outcomeOf([list], 0)
        expect(outcomeOf(batchesOf(delivered(list, how), how.sizes), restarts)).toEqual(inOrder)
        for (const { rule } of inOrder.told) seen.set(rule.code ?? '', (seen.get(rule.code ?? '') ?? 0) + 1)
      }),
      { numRuns: 150 }
    )
    // It would hold of sessions that are never found, too.
    for (const code of ['C01', 'C21', 'C22']) expect(seen.get(code), code).toBeGreaterThan(0)
  })
})
