import { describe, expect, it } from 'vitest'
import type { Incident, Signal } from '../../../schemas/generated/types.ts'
import { CLUSTER, entityOf, podOf, type SignalSketch, START_US, signalOf } from '../../../test/support/signals.ts'
import { correlate } from './reducer.ts'
import { restore } from './restore.ts'
import { type CorrelateSettings, DEFAULT_CORRELATE_SETTINGS } from './settings.ts'
import { emptyState } from './state.ts'

const NOW_US = START_US + 365 * 86_400_000_000

/** Runs batches and keeps the latest revision of each incident. */
function run(batches: ReadonlyArray<readonly SignalSketch[]>, changes: Partial<CorrelateSettings> = {}, now = NOW_US) {
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

function signalsOf(incident: Incident | undefined): readonly string[] {
  return (incident?.timeline ?? []).flatMap(({ signals }) => signals).sort()
}

const web = podOf('uid-web', 'shop/web-1')
/** Two requests a minute apart, by these users from addresses that end like this. */
const people = (users: readonly string[], addresses: readonly string[]): readonly SignalSketch[] =>
  users.map((user, minute) => ({
    id: ['a', 'b'][minute] ?? '',
    minute,
    source: 'audit',
    entities: [entityOf('user', user, 'actor'), entityOf('source_address', `198.51.100.${addresses[minute]}`)]
  }))
/** Two pods that talk to the same host. */
const talking = (host: string, more: Partial<SignalSketch>): readonly SignalSketch[] =>
  ['a', 'b'].map((id, minute) => ({
    id,
    minute,
    entities: [entityOf('pod', id, 'actor'), entityOf('indicator', host, 'target')],
    ...more
  }))
const account = entityOf('service_account', 'shop/web', 'actor')

describe('what ties signals together', () => {
  const cases: ReadonlyArray<readonly [string, boolean, readonly SignalSketch[]]> = [
    [
      'a pod known by UID and one known by name only are the same when a signal knows both',
      true,
      [
        { id: 'a', minute: 0, entities: [web] },
        { id: 'b', minute: 1, entities: [entityOf('pod', 'shop/web-1', 'target')] }
      ]
    ],
    [
      'a container whose id one sensor cuts short',
      true,
      [
        { id: 'a', minute: 0, entities: [entityOf('container', 'abcdef0123456789abcdef')] },
        { id: 'b', minute: 1, entities: [entityOf('container', 'abcdef012345')] }
      ]
    ],
    [
      'a request for a workload and what its pods do',
      true,
      [
        {
          id: 'a',
          minute: 0,
          source: 'audit',
          entities: [entityOf('workload', 'uid-d', 'target', 'Deployment/shop/web')]
        },
        { id: 'b', minute: 1, entities: [entityOf('workload', 'uid-d')] }
      ]
    ],
    [
      'a process that reads a token and the account acting',
      true,
      [
        { id: 'a', minute: 0, entities: [entityOf('service_account', 'shop/web', 'target')] },
        { id: 'b', minute: 5, source: 'audit', entities: [account] }
      ]
    ],
    [
      'a pod whose account merely stands there and the account acting',
      false,
      [
        { id: 'a', minute: 0, entities: [entityOf('service_account', 'shop/web', 'context')] },
        { id: 'b', minute: 5, source: 'audit', entities: [account] }
      ]
    ],
    [
      'the same credential acting',
      true,
      [
        { id: 'a', minute: 0, source: 'audit', entities: [entityOf('credential', 'JTI=1', 'actor')] },
        { id: 'b', minute: 30, source: 'audit', entities: [entityOf('credential', 'JTI=1', 'actor')] }
      ]
    ],
    [
      'requests with the credential of a node, within minutes',
      true,
      ['a', 'b'].map((id, minute) => ({ id, minute, source: 'audit', entities: [entityOf('node', 'n1', 'actor')] }))
    ],
    [
      "a kubelet's credential, half an hour apart",
      false,
      [
        {
          id: 'a',
          minute: 0,
          source: 'audit',
          entities: [entityOf('node', 'n1', 'actor'), entityOf('credential', 'X=1', 'actor')]
        },
        {
          id: 'b',
          minute: 30,
          source: 'audit',
          entities: [entityOf('node', 'n1', 'actor'), entityOf('credential', 'X=1', 'actor')]
        }
      ]
    ],
    [
      "a controller's service account and credential",
      false,
      ['a', 'b'].map((id, minute) => ({
        id,
        minute,
        source: 'audit',
        entities: [
          entityOf('service_account', 'kube-system/daemon-set-controller', 'actor'),
          entityOf('credential', 'JTI=c', 'actor')
        ]
      }))
    ],
    [
      'image, node, address without a user, and the metadata service',
      false,
      ['a', 'b'].map((id, minute) => ({
        id,
        minute,
        entities: [
          ...(['image', 'node', 'source_address'] as const).map((type) => entityOf(type, 'same')),
          entityOf('pod', id, 'actor'),
          entityOf('indicator', '169.254.169.254', 'target')
        ]
      }))
    ],
    [
      'two ways out of containers of one node, which nobody used the credential of',
      false,
      ['a', 'b'].map((id, minute) => ({
        id,
        minute,
        techniques: ['T1611'],
        entities: [entityOf('pod', id, 'actor'), entityOf('node', 'n1')]
      }))
    ],
    [
      'a way out of a container, and the credential of its node used after',
      true,
      [
        { id: 'a', minute: 0, techniques: ['T1611'], entities: [web, entityOf('node', 'n1')] },
        { id: 'b', minute: 5, source: 'audit', entities: [entityOf('node', 'n1', 'actor')] }
      ]
    ],
    [
      'a way out of a container, and the credential of its node used before',
      false,
      [
        { id: 'a', minute: 5, techniques: ['T1611'], entities: [web, entityOf('node', 'n1')] },
        { id: 'b', minute: 0, source: 'audit', entities: [entityOf('node', 'n1', 'actor')] }
      ]
    ],
    [
      'requests without credentials from one address',
      true,
      people(['system:anonymous', 'system:anonymous'], ['9', '9'])
    ],
    [
      'requests without credentials from two addresses',
      false,
      people(['system:anonymous', 'system:anonymous'], ['9', '8'])
    ],
    ['a person from one address', true, people(['alice', 'alice'], ['9', '9'])],
    ['a person from two addresses', false, people(['alice', 'alice'], ['9', '8'])],
    ['two people from one address', false, people(['alice', 'bob'], ['9', '9'])],
    ['pods that talk to one bare address', true, talking('203.0.114.7', {})],
    ['pods that talk to one name', true, talking('files.example.org', {})],
    ['pods that weakly talk to one name', false, talking('files.example.org', { severity: 'low' })],
    ['pods that mine in one pool', false, talking('203.0.114.7', { techniques: ['T1496.001'] })],
    [
      'what goes on in a pod, and the token of another pod used from its address',
      true,
      [
        { id: 'a', minute: 0, entities: [web, entityOf('source_address', '10.1.2.3')] },
        {
          id: 'b',
          minute: 5,
          source: 'audit',
          entities: [entityOf('pod', 'uid-cart', 'actor', 'shop/cart-1'), entityOf('source_address', '10.1.2.3')]
        }
      ]
    ],
    [
      'requests of two pods that come with the address of their node',
      false,
      ['a', 'b'].map((id, minute) => ({
        id,
        minute,
        source: 'audit',
        entities: [entityOf('pod', id, 'actor'), entityOf('source_address', '10.0.1.9')]
      }))
    ],
    [
      'an account used an hour and a bit later',
      false,
      [
        { id: 'a', minute: 0, source: 'audit', entities: [account] },
        { id: 'b', minute: 61, source: 'audit', entities: [account] }
      ]
    ],
    [
      'an account used every hour, over the chain',
      true,
      [
        { id: 'a', minute: 0, source: 'audit', entities: [account] },
        { id: 'b', minute: 120, source: 'audit', entities: [account] },
        { id: 'c', minute: 60, source: 'audit', entities: [account] }
      ]
    ]
  ]
  it.each(cases)('%s: %s', (_name, joined, sketches) => {
    const strong = { id: 'strong', minute: 1, code: 'R65', tactics: ['impact'], severity: 'medium' } as const
    // What is weak is no incident by itself: something stronger in the first pod makes it one.
    const isWeak = sketches.some(({ severity }) => severity === 'low')
    const batch = sketches.map((sketch) => ({ severity: 'medium' as const, ...sketch }))
    const first = sketches[0]?.entities ?? []
    const { open } = run([isWeak ? [...batch, { ...strong, entities: first.slice(0, 1) }] : batch])
    if (isWeak) expect(open.map(signalsOf)).toEqual([joined ? ['a', 'b', 'strong'] : ['a', 'strong']])
    else expect(open.length).toBe(joined ? 1 : sketches.length)
  })
})

describe('what only follows', () => {
  const deployer = entityOf('pod', 'uid-deployer', 'actor', 'gitops/deployer-1')
  const change = (id: string, minute: number): SignalSketch => ({
    id,
    minute,
    source: 'audit',
    entities: [deployer, entityOf('workload', `uid-${id}`, 'target', `Deployment/shop/${id}`)]
  })
  const alice = [entityOf('user', 'alice', 'actor'), entityOf('source_address', '198.51.100.9')]

  it('what a deployment system changes is tied to what goes on there, and not to its other work', () => {
    const attack: SignalSketch = {
      id: 'attack',
      minute: 9,
      severity: 'high',
      entities: [entityOf('workload', 'uid-web')]
    }
    const { open } = run([[change('web', 0), change('cart', 1), change('db', 2), attack]])
    expect(open.map(signalsOf)).toEqual([['attack', 'web']])
  })

  it('when something is wrong with the deployment system itself, all its work belongs to it', () => {
    const attack: SignalSketch = { id: 'attack', minute: 9, severity: 'high', entities: [deployer] }
    const { open } = run([[change('web', 0), change('cart', 1), attack]])
    expect(open.map(signalsOf)).toEqual([['attack', 'cart', 'web']])
  })

  it('a developer who enters two pods that are attacked does not make the attacks one', () => {
    const enter = (id: string, minute: number): SignalSketch => ({
      id,
      minute,
      source: 'audit',
      severity: 'informational',
      entities: [...alice, entityOf('pod', `uid-${id}`, 'target', `shop/${id}`)]
    })
    const attacks = ['web', 'cart'].map(
      (pod, minute): SignalSketch => ({
        id: `attack-${pod}`,
        minute: 20 + minute,
        severity: 'high',
        entities: [entityOf('pod', `uid-${pod}`, 'actor', `shop/${pod}`)]
      })
    )
    const { open } = run([[enter('web', 0), enter('cart', 5), ...attacks]])
    expect(open.map(signalsOf).sort()).toEqual([
      ['attack-cart', 'cart'],
      ['attack-web', 'web']
    ])
  })

  it('the order of arrival does not matter to what follows', () => {
    const attack: SignalSketch = { id: 'attack', minute: 1, severity: 'high', entities: [deployer] }
    const all = [change('web', 0), attack, change('cart', 2)]
    for (const order of [all, all.toReversed()]) {
      const { open } = run(order.map((sketch) => [sketch]))
      expect(open.map(signalsOf)).toEqual([['attack', 'cart', 'web']])
    }
  })
})

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
    { id: 'c', minute: 20, severity: 'medium', entities: [web, { ...account, role: 'target' }] }
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

describe('a key that everybody shares', () => {
  const crowd = (workloads: number): SignalSketch[] =>
    Array.from({ length: 80 }, (_, place) => ({
      id: `s${String(place).padStart(2, '0')}`,
      minute: place / 10,
      source: 'audit',
      severity: 'medium',
      entities: [account, entityOf('workload', `w${place % workloads}`, 'target')]
    }))

  it('stops joining beyond the ceiling of signals and workloads', () => {
    const { open } = run([crowd(20)])
    // Fifty are one by the account, with the workloads they are of; those workloads take the rest along.
    expect(open.length).toBe(1)
    const apart = run([crowd(80)])
    expect(apart.open.map((incident) => signalsOf(incident).length).sort((a, b) => b - a)).toEqual([
      50,
      ...Array(30).fill(1)
    ])
  })

  it('does not stop while it is of few workloads', () => {
    expect(run([crowd(10)]).open.map((incident) => signalsOf(incident).length)).toEqual([80])
  })

  it('is judged alike in whatever order the signals come', () => {
    const contents = (sketches: readonly SignalSketch[]) =>
      run(sketches.map((sketch) => [sketch]))
        .open.map(signalsOf)
        .sort()
    expect(contents(crowd(80).toReversed())).toEqual(contents(crowd(80)))
  })

  it('a late signal that shows it takes apart what had been tied by it', () => {
    const settings = { hub_signals: 3, hub_workloads: 1 }
    const at = (minute: number): SignalSketch => ({
      id: `m${minute}`,
      minute,
      source: 'audit',
      severity: 'medium',
      entities: [account, entityOf('workload', `w${minute}`, 'target')]
    })
    const contents = (minutes: readonly number[]) => {
      const { state, open } = run(
        minutes.map((minute) => [at(minute)]),
        settings
      )
      for (const stored of state.signals.values())
        expect(stored.group !== null && state.groups.has(stored.group)).toBe(true)
      return open.map(signalsOf).sort()
    }
    expect(contents([0, 1, 2, 3, 63])).toEqual([
      ['m0', 'm1', 'm2'],
      ['m3', 'm63']
    ])
    const whole = [['m0', 'm1', 'm2'], ['m10', 'm63'], ['m3']]
    expect(contents([0, 1, 2, 3, 10, 63])).toEqual(whole)
    expect(contents([0, 1, 2, 3, 63, 10])).toEqual(whole)
    // The late one ties itself to nothing here, and still there is one too many before the last.
    expect(contents([0, 1, 2, 3, 61.5])).toEqual([
      ['m0', 'm1', 'm2'],
      ['m3', 'm61.5']
    ])
    expect(contents([0, 1, 2, 3, 61.5, 2.5])).toEqual([['m0', 'm1', 'm2'], ['m2.5'], ['m3'], ['m61.5']])
  })

  it('stays one after the signals that showed it were forgotten', () => {
    const noise = crowd(80).map((sketch) => ({ ...sketch, severity: 'low' as const, tactics: ['discovery'] }))
    const attacks: SignalSketch[] = [
      {
        id: 'x',
        minute: 8,
        source: 'audit',
        severity: 'high',
        entities: [account, entityOf('workload', 'x', 'target')]
      },
      {
        id: 'y',
        minute: 9,
        source: 'audit',
        severity: 'high',
        entities: [account, entityOf('workload', 'y', 'target')]
      }
    ]
    const later: SignalSketch = { id: 'z', minute: 3 * 1440, entities: [entityOf('pod', 'z')] }
    const { state, outputs, open } = run([[...noise, ...attacks], [later], [{ ...later, id: 'z2' }]])
    expect(state.signals.size).toBeLessThan(10)
    expect(open.map(signalsOf).sort()).toEqual([['x'], ['y']])
    const changelog = outputs.flatMap(({ entries }) => entries)
    expect(restore(CLUSTER.id, changelog, DEFAULT_CORRELATE_SETTINGS).groups.size).toBe(state.groups.size)
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
