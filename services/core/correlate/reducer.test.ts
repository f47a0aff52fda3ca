import { describe, expect, it } from 'vitest'
import type { Signal } from '../../../schemas/generated/types.ts'
import { NOW_US, run, signalsOf, web } from '../../../test/support/correlated.ts'
import { CLUSTER, entityOf, type SignalSketch, START_US, signalOf } from '../../../test/support/signals.ts'
import { correlate } from './reducer.ts'
import { restore } from './restore.ts'
import { DEFAULT_CORRELATE_SETTINGS } from './settings.ts'
import { emptyState } from './state.ts'

const account = entityOf('service_account', 'shop/web', 'actor')

describe('what becomes an incident', () => {
  it('one weak signal is remembered and joins later', () => {
    const first = { id: 'a', minute: 0, entities: [web] }
    expect(run([[first]]).incidents.size).toBe(0)
    const { open } = run([[first], [{ id: 'b', minute: 90, severity: 'high', entities: [web] }]])
    expect(open.map(signalsOf)).toEqual([['a', 'b']])
    expect(open[0]?.first).toBe(START_US)
  })

  it('many weak signals of one rule stay below', () => {
    const sketches = Array.from({ length: 20 }, (_, minute) => ({ id: `s${minute}`, minute, entities: [web] }))
    expect(run([sketches]).incidents.size).toBe(0)
  })

  it('weak signals of two rules and two tactics are one', () => {
    const { open } = run([
      [
        { id: 'a', minute: 0, code: 'R01', tactics: ['execution'], entities: [web] },
        { id: 'b', minute: 1, code: 'R30', tactics: ['discovery'], entities: [web] }
      ]
    ])
    expect(open.map(({ severity }) => severity)).toEqual(['low'])
  })
})

describe('identity and revisions', () => {
  const three: readonly SignalSketch[] = [
    { id: 'a', minute: 0, severity: 'medium', entities: [web] },
    { id: 'b', minute: 10, severity: 'medium', entities: [account] },
    { id: 'c', minute: 20, severity: 'medium', source: 'audit', entities: [web, { ...account, role: 'target' }] }
  ]

  it('two incidents that turn out to be one keep the id of the earlier, and the other points there', () => {
    const { outputs, incidents, open } = run(three.map((sketch) => [sketch]))
    const [survivor] = open
    expect(open.map(signalsOf)).toEqual([['a', 'b', 'c']])
    expect(survivor?.revision).toBe(3)
    expect(survivor?.id).toBe(outputs[0]?.incidents[0]?.id)
    const merged = [...incidents.values()].filter(({ status }) => status === 'merged')
    expect(merged).toMatchObject([
      { id: outputs[1]?.incidents[0]?.id, merged_into: survivor?.id, timeline: [], revision: 2 }
    ])
  })

  it('a late signal from before the first takes over the id', () => {
    const { incidents, open } = run([
      [{ ...three[0], id: 'late', minute: -5, severity: 'medium', entities: [web] }],
      [{ id: 'a', minute: 0, entities: [web] }]
    ])
    const shuffled = run([
      [{ id: 'a', minute: 0, severity: 'medium', entities: [web] }],
      [{ id: 'late', minute: -5, severity: 'medium', entities: [web] }]
    ])
    expect(shuffled.open.map(({ id }) => id)).toEqual(open.map(({ id }) => id))
    expect(incidents.size).toBe(1)
    expect([...shuffled.incidents.values()].filter(({ status }) => status === 'merged')).toMatchObject([
      { merged_into: open[0]?.id }
    ])
  })

  it('an incident that is merged, closed and forgotten in one batch still points to the survivor', () => {
    const day = 1440
    const a: SignalSketch = { id: 'a', minute: 1, severity: 'medium', entities: [web] }
    const { incidents, outputs } = run([
      [a],
      [
        { ...a, id: 'late', minute: 0 },
        { id: 'z', minute: 20 * day, entities: [entityOf('pod', 'z')] }
      ]
    ])
    expect(outputs[1]?.incidents.map(({ status }) => status)).toEqual(['closed', 'merged'])
    expect(incidents.size).toBe(2)
  })

  it('a duplicate says nothing, changes no state and is counted', () => {
    const { outputs } = run([three, three.toReversed(), [three[1] ?? { id: 'b', minute: 0 }]])
    expect(outputs[1]).toMatchObject({ incidents: [], entries: [], counts: { accepted: 0, duplicates: 3 } })
    expect(outputs[2]).toMatchObject({ incidents: [], entries: [] })
  })

  it('a batch says an incident once, at its last revision', () => {
    const { outputs } = run([three])
    expect(outputs[0]?.incidents.map(({ revision, status }) => [revision, status])).toEqual([[3, 'open']])
  })

  it('clusters do not touch each other', () => {
    const { outputs, open } = run([
      [{ id: 'a', minute: 0, severity: 'high', entities: [web], cluster: { id: 'other', name: 'other' } }]
    ])
    expect(open).toEqual([])
    expect(outputs[0]?.refused.map(({ code }) => code)).toEqual(['CORRELATE_SIGNAL_UNUSABLE'])
  })
})

describe('limits', () => {
  it('a full incident takes no more, and what follows starts a new one', () => {
    const sketches = Array.from(
      { length: 25 },
      (_, place): SignalSketch => ({
        id: `s${String(place).padStart(2, '0')}`,
        minute: place,
        severity: 'medium',
        entities: [web]
      })
    )
    const { outputs, open } = run(
      sketches.map((sketch) => [sketch]),
      { max_signals_per_incident: 10 }
    )
    expect(open.map((incident) => signalsOf(incident).length)).toEqual([10, 10, 5])
    expect(outputs.reduce((sum, { counts }) => sum + counts.sealed, 0)).toBe(2)
  })

  it('an incident older than the limit takes no more', () => {
    const sketches = Array.from(
      { length: 5 },
      (_, day): SignalSketch => ({ id: `d${day}`, minute: day * 1440, severity: 'medium', entities: [web] })
    )
    const { open } = run([sketches], { max_age_ms: 2 * 86_400_000 })
    expect(open.map((incident) => signalsOf(incident).length)).toEqual([3, 2])
  })

  it('an incident without new signals is closed, forgotten after that, and its signals are then refused', () => {
    const day = 1440
    const { state, outputs } = run([
      [{ id: 'a', minute: 0, severity: 'medium', entities: [web] }],
      [{ id: 'b', minute: 14 * day, entities: [entityOf('pod', 'other')] }],
      [{ id: 'c', minute: 14 * day + 1, entities: [entityOf('pod', 'other')] }],
      [{ id: 'd', minute: 15 * day, entities: [entityOf('pod', 'other')] }],
      [{ id: 'a', minute: 0, severity: 'medium', entities: [web] }]
    ])
    expect(outputs.map(({ incidents }) => incidents.map(({ status }) => status))).toEqual([
      ['open'],
      [],
      ['closed'],
      [],
      []
    ])
    expect(outputs[3]?.entries.filter(({ value }) => value === null).map(({ key }) => key)).toEqual(
      expect.arrayContaining(['signal/a', expect.stringMatching(/^incident\//)])
    )
    expect(state.published.size).toBe(0)
    expect(outputs[4]?.refused.map(({ code }) => code)).toEqual(['CORRELATE_SIGNAL_TOO_LATE'])
  })

  it('a closed incident is opened again by a signal of its own in time, and not later', () => {
    const hour = 3_600_000
    const settings = { close_idle_ms: 2 * hour, reopen_ms: 6 * hour }
    const at = (minute: number): SignalSketch[] => [
      { id: 'a', minute: 0, severity: 'medium', entities: [web] },
      { id: 'tick', minute: 150, entities: [entityOf('pod', 'other')] },
      { id: 'b', minute, severity: 'medium', entities: [web] }
    ]
    const reopened = run(
      at(7 * 60).map((sketch) => [sketch]),
      settings
    )
    expect(reopened.outputs.map(({ incidents }) => incidents.map(({ status }) => status))).toEqual([
      ['open'],
      ['closed'],
      ['open']
    ])
    expect(reopened.open.map(signalsOf)).toEqual([['a', 'b']])
    const anew = run(
      at(9 * 60).map((sketch) => [sketch]),
      settings
    )
    expect(anew.open.map(signalsOf)).toEqual([['b']])
  })

  it('memory is bounded: the longest silent are let go, counted, and incidents last', () => {
    const sketches = Array.from(
      { length: 30 },
      (_, place): SignalSketch => ({
        id: `s${String(place).padStart(2, '0')}`,
        minute: place,
        severity: place < 3 ? 'high' : 'low',
        entities: [entityOf('pod', `p${place}`)]
      })
    )
    const { state, outputs, open } = run(
      sketches.map((sketch) => [sketch]),
      { max_groups_per_cluster: 10 }
    )
    expect(state.groups.size).toBeLessThanOrEqual(10)
    expect(open.length).toBe(3)
    expect(outputs.reduce((sum, { counts }) => sum + counts.evicted_signals, 0)).toBe(30 - state.signals.size)
    expect(state.chains.size).toBe(state.signals.size)
  })

  it('an open incident that is let go is closed', () => {
    const sketches = Array.from(
      { length: 4 },
      (_, place): SignalSketch => ({
        id: `s${place}`,
        minute: place,
        severity: 'high',
        entities: [entityOf('pod', `p${place}`)]
      })
    )
    const { incidents } = run(
      sketches.map((sketch) => [sketch]),
      { max_groups_per_cluster: 2 }
    )
    expect([...incidents.values()].map(({ status }) => status)).toEqual(['closed', 'closed', 'open', 'open'])
  })

  it('a weak signal waits for what is late by as much as is allowed, and no longer', () => {
    const a: SignalSketch = { id: 'a', minute: 0, entities: [web] }
    const b: SignalSketch = { id: 'b', minute: 1439, severity: 'medium', entities: [web] }
    const tick = (minute: number): SignalSketch => ({ id: `t${minute}`, minute, entities: [entityOf('pod', 'other')] })
    expect(run([[a], [tick(1450)], [b]]).open.map(signalsOf)).toEqual([['a', 'b']])
    expect(run([[a], [tick(1451)], [b]]).open.map(signalsOf)).toEqual([['b']])
  })

  it('time does not start anew after a restart', () => {
    const { outputs, state } = run([
      [{ id: 'a', minute: 0, entities: [web] }],
      [{ id: 'b', minute: 30, entities: [web] }]
    ])
    const restored = restore(
      CLUSTER.id,
      outputs.flatMap(({ entries }) => entries),
      DEFAULT_CORRELATE_SETTINGS
    )
    expect(restored.watermark).toBe(START_US + 30 * 60_000_000)
    expect(restored.watermark).toBe(state.watermark)
  })

  it('a changelog entry that does not hold what it says is refused by name', () => {
    const { outputs } = run([[{ id: 'a', minute: 0, entities: [web] }]])
    const broken = (outputs[0]?.entries ?? []).map(({ key, value }) => ({
      key,
      value: value === null ? null : { ...value, signal: null }
    }))
    expect(() => restore(CLUSTER.id, broken, DEFAULT_CORRELATE_SETTINGS)).toThrow(/signal\/a/)
  })

  it('weak signals do not fill the memory for ever', () => {
    const sketches = Array.from(
      { length: 50 },
      (_, day): SignalSketch => ({ id: `d${day}`, minute: day * 1440, entities: [entityOf('pod', `p${day}`)] })
    )
    const { state } = run(sketches.map((sketch) => [sketch]))
    expect(state.signals.size).toBeLessThanOrEqual(3)
  })

  it('a signal from the future does not close everything', () => {
    const { state, outputs, open } = run(
      [
        [{ id: 'a', minute: 0, severity: 'medium', entities: [web] }],
        [{ id: 'f', minute: 1e8, entities: [entityOf('pod', 'x')] }]
      ],
      {},
      START_US
    )
    expect(open.map(signalsOf)).toEqual([['a']])
    expect(state.watermark).toBe(START_US + DEFAULT_CORRELATE_SETTINGS.clock_tolerance_ms * 1000)
    expect(outputs[1]?.counts.ahead_of_clock).toBe(1)
  })

  it.each<[string, Partial<Signal>]>([
    ['no id', { id: '' }],
    ['an id of a megabyte', { id: 'x'.repeat(1_000_000) }],
    ['half a character in the id', { id: '\ud800' }],
    ['a time before the epoch', { time: -1 }],
    ['a time that is no number', { time: Number.NaN }]
  ])('a signal with %s is refused and costs no other', (_name, defect) => {
    const good = signalOf({ id: 'a', minute: 0, severity: 'medium', entities: [web] })
    const output = correlate(emptyState(CLUSTER.id), [{ ...good, ...defect }, good], NOW_US, DEFAULT_CORRELATE_SETTINGS)
    expect(output.refused.map(({ code }) => code)).toEqual(['CORRELATE_SIGNAL_UNUSABLE'])
    expect(output.incidents.length).toBe(1)
  })
})
