import { describe, expect, it } from 'vitest'
import type { CorrelatorState, Incident, Verdict } from '../../../schemas/generated/types.ts'
import { CLUSTER, podOf, START_US, signalOf } from '../../../test/support/signals.ts'
import { correlate } from './reducer.ts'
import { restore } from './restore.ts'
import { DEFAULT_CORRELATE_SETTINGS } from './settings.ts'
import { emptyState } from './state.ts'
import { verdictSignal } from './verdict-signal.ts'

const NOW_US = START_US + 365 * 86_400_000_000
const MINUTE_US = 60_000_000
const HOUR = 60
const DAY = 24 * HOUR
const settings = DEFAULT_CORRELATE_SETTINGS

/** A correlator of one cluster that can be restarted from its changelog. */
function correlator() {
  let state = emptyState(CLUSTER.id)
  const changelog = new Map<string, CorrelatorState>()
  const incidents = new Map<string, Incident>()
  const revisions: number[] = []
  const feed = (signals: Parameters<typeof correlate>[1]) => {
    const output = correlate(state, signals, NOW_US, settings)
    for (const incident of output.incidents) {
      incidents.set(incident.id, incident)
      revisions.push(incident.revision)
    }
    for (const { key, value } of output.entries) {
      if (value === null) changelog.delete(key)
      else changelog.set(key, value)
    }
    return output
  }
  const only = (): Incident => {
    const [incident, ...others] = [...incidents.values()].filter(({ status }) => status !== 'merged')
    if (incident === undefined || others.length > 0) throw new Error(`${others.length + 1} incidents`)
    return incident
  }
  return {
    incidents,
    revisions,
    changelog,
    only,
    feed,
    signal: (id: string, minute: number, pod = 'web') =>
      feed([signalOf({ id, minute, severity: 'high', entities: [podOf(`uid-${pod}`, `shop/${pod}`)] })]),
    say: (minute: number, action: Verdict['action'], more: Partial<Verdict> = {}, incident = only()) => {
      const time = START_US + minute * MINUTE_US
      const given = { id: `${action}-${minute}`, time, incident: incident.id, action, by: 'alice' }
      return feed([verdictSignal(incident, { ...given, assignee: null, until: null, reason: null, ...more })])
    },
    restart: () => {
      state = restore(
        CLUSTER.id,
        [...changelog].map(([key, value]) => ({ key, value })),
        settings
      )
    }
  }
}

const until = (minute: number) => ({ until: START_US + minute * MINUTE_US })

describe.each([
  ['as it runs', false],
  ['restarted after every step', true]
])('a verdict, %s,', (_, restarts) => {
  function started() {
    const one = correlator()
    const step = <Result>(result: Result): Result => {
      if (restarts) one.restart()
      return result
    }
    one.signal('a', 0)
    one.restart()
    return {
      ...one,
      signal: (...given: Parameters<typeof one.signal>) => step(one.signal(...given)),
      say: (...given: Parameters<typeof one.say>) => step(one.say(...given))
    }
  }

  it('closes an incident and says who did, when and why', () => {
    const one = started()
    one.say(5, 'close', { reason: 'a drill' })
    expect(one.only()).toMatchObject({ status: 'closed', revision: 2, verdict: { by: 'alice', reason: 'a drill' } })
  })

  it('does not outlive what happens within 6 hours: the incident is open again', () => {
    const one = started()
    one.say(5, 'close')
    one.signal('b', 5 * HOUR)
    expect(one.only()).toMatchObject({ status: 'open', revision: 3, verdict: { action: 'close' } })
  })

  it('holds for a signal of before that comes late', () => {
    const one = started()
    one.say(5, 'close')
    one.signal('b', 4)
    expect(one.only()).toMatchObject({ status: 'closed', revision: 3 })
  })

  it('ends an incident for what comes later than 6 hours after: that is another incident', () => {
    const one = started()
    one.say(5, 'close')
    one.signal('b', 7 * HOUR)
    expect([...one.incidents.values()].map(({ status, timeline }) => [status, timeline.length])).toEqual([
      ['closed', 1],
      ['open', 1]
    ])
  })

  it('opens an incident again', () => {
    const one = started()
    one.say(5, 'close')
    one.say(6, 'reopen')
    expect(one.only()).toMatchObject({ status: 'open', revision: 3 })
  })

  it('of opening keeps an incident open for 14 days', () => {
    const one = started()
    one.say(13 * DAY, 'reopen')
    one.signal('x', 20 * DAY, 'other')
    expect([...one.incidents.values()][0]?.status).toBe('open')
    one.signal('y', 28 * DAY, 'other')
    expect([...one.incidents.values()][0]?.status).toBe('closed')
  })

  it('of suppressing keeps an incident closed until its time is over', () => {
    const one = started()
    one.say(5, 'suppress', until(10 * HOUR))
    one.signal('b', 8 * HOUR)
    expect(one.only()).toMatchObject({ status: 'closed', revision: 3 })
    one.signal('c', 11 * HOUR)
    expect(one.only()).toMatchObject({ status: 'open', revision: 4 })
  })

  it('of assigning changes who looks into it, and nothing else', () => {
    const one = started()
    one.say(5, 'assign', { assignee: 'bob' })
    expect(one.only()).toMatchObject({ status: 'open', assignee: 'bob', verdict: null })
    one.say(6, 'close')
    one.say(7, 'assign')
    expect(one.only()).toMatchObject({ status: 'closed', assignee: null })
  })

  it('that comes twice, or after a later one, changes nothing that is told', () => {
    const one = started()
    one.say(5, 'close')
    one.say(9, 'reopen')
    one.say(5, 'close', {}, one.only())
    expect(one.only()).toMatchObject({ status: 'open', verdict: { action: 'reopen' } })
  })

  it('goes with an incident into the one that it turns out to be part of', () => {
    const one = started()
    one.signal('other', 1, 'db')
    const [, other] = [...one.incidents.values()]
    one.say(5, 'assign', { assignee: 'bob' }, other)
    one.feed([
      signalOf({
        id: 'tie',
        minute: 4,
        severity: 'high',
        entities: [podOf('uid-web', 'shop/web'), podOf('uid-db', 'shop/db')]
      })
    ])
    expect(one.only()).toMatchObject({ assignee: 'bob', status: 'open' })
  })

  it('on an incident nobody knows is refused with the reason', () => {
    const one = started()
    const { refused } = one.say(5, 'close', {}, { ...one.only(), id: 'nothing' })
    expect(refused).toMatchObject([{ code: 'CORRELATE_VERDICT_UNKNOWN' }])
    expect(one.only().status).toBe('open')
  })

  it('without a name, or of suppressing without an end, is refused', () => {
    const one = started()
    for (const { refused } of [one.say(5, 'close', { by: '' }), one.say(5, 'suppress')])
      expect(refused).toMatchObject([{ code: 'CORRELATE_SIGNAL_UNUSABLE' }])
    expect(one.only()).toMatchObject({ status: 'open', verdict: null })
  })

  it('is forgotten with its incident', () => {
    const one = started()
    one.say(5, 'close')
    one.signal('x', 40 * DAY, 'other')
    one.signal('y', 40 * DAY + 1, 'other')
    expect([...one.changelog.keys()].filter((key) => key.startsWith('verdict/'))).toEqual([])
  })
})

it('a verdict does not move time on', () => {
  const one = correlator()
  one.signal('a', 0)
  one.say(20 * DAY, 'assign', { assignee: 'bob' })
  expect(one.only().status).toBe('open')
})
