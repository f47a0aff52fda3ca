import { describe, expect, it } from 'vitest'
import { run, signalsOf, web } from '../../../test/support/correlated.ts'
import { CLUSTER, entityOf, type SignalSketch } from '../../../test/support/signals.ts'
import { restore } from './restore.ts'
import { DEFAULT_CORRELATE_SETTINGS } from './settings.ts'

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
      'requests with the credential of a node, from one address',
      true,
      ['a', 'b'].map((id, minute) => ({
        id,
        minute,
        source: 'audit',
        entities: [entityOf('node', 'n1', 'actor'), entityOf('source_address', '10.0.1.9')]
      }))
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
      'a way out of a container, and the credential of its node used from the address of another pod',
      false,
      [
        { id: 'a', minute: 0, techniques: ['T1611'], entities: [web, entityOf('node', 'n1')] },
        { id: 'c', minute: 6, entities: [entityOf('pod', 'cart', 'actor'), entityOf('source_address', '10.1.2.3')] },
        {
          id: 'b',
          minute: 5,
          source: 'audit',
          entities: [entityOf('node', 'n1', 'actor'), entityOf('source_address', '10.1.2.3')]
        }
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
    else if (joined) expect(open.length).toBe(1)
    else expect(open.length).toBeGreaterThan(1)
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
