import { describe, expect, it } from 'vitest'
import type { CorrelatorState, Incident, Signal } from '../../../schemas/generated/types.ts'
import { restoredCluster } from '../../../test/support/restored-cluster.ts'
import {
  BOB,
  CLUSTER,
  type FindingSketch,
  found,
  gotInto,
  type RequestSketch,
  requested,
  SESSION_RULES,
  type StartSketch,
  started
} from '../../../test/support/sessions.ts'
import { entityOf, signalOf } from '../../../test/support/signals.ts'
import { advanceCluster, type ClusterMemory, contentOf, emptyMemory } from '../correlate/cluster-memory.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../correlate/settings.ts'

const CONTENT = contentOf(SESSION_RULES)
const NOW = Date.UTC(2030, 0, 1) * 1000
const HOUR = 3600

interface World {
  memory: ClusterMemory
  readonly entries: Map<string, CorrelatorState>
  readonly told: Map<string, Signal>
  readonly incidents: Map<string, Incident>
}

function newWorld(): World {
  return { memory: emptyMemory(CLUSTER.id), entries: new Map(), told: new Map(), incidents: new Map() }
}

function feed(world: World, ...signals: readonly Signal[]): void {
  const { correlated, incidents, entries, refused } = advanceCluster(
    world.memory,
    CONTENT,
    signals,
    NOW,
    DEFAULT_CORRELATE_SETTINGS
  )
  expect(refused).toEqual([])
  for (const signal of correlated) {
    if (signal.role === 'withdrawn') world.told.delete(signal.id)
    else world.told.set(signal.id, signal)
  }
  for (const incident of incidents) world.incidents.set(incident.id, incident)
  for (const { key, value } of entries) {
    if (value === null) world.entries.delete(key)
    else world.entries.set(key, value)
  }
}

/** As after a crash: what was written is all there is. */
function restart(world: World): void {
  world.memory = restoredCluster(CLUSTER.id, CONTENT, [...world.entries.values()], DEFAULT_CORRELATE_SETTINGS)
}

const told = (world: World) => [...world.told.values()].map(({ rule, title }) => `${rule.code} ${title}`).sort()
const open = (world: World) => [...world.incidents.values()].filter(({ status }) => status === 'open')

const REQUEST: RequestSketch = { second: 0, id: 'audit-1' }
const START: StartSketch = { second: 0.5, id: 'p1' }
const FINDING: FindingSketch = { second: 60, id: 'read', processes: ['p2', 'p1', 'shim'] }
/** Moves time on without saying anything. */
const later = (second: number): Signal => ({
  ...found({ second, id: `t${second}`, processes: ['x'], pod: 'b/b', uid: 'b' }),
  role: 'part'
})
const BY_ALICE = 'C01 alice (10.0.0.5) opened a session in shop/web-1, container web and ran /bin/sh; command of p2'

describe('what runs in a session', () => {
  it('is one incident with its request, and says who it was', () => {
    const world = newWorld()
    feed(world, gotInto(REQUEST), requested(REQUEST), started(START), found(FINDING))
    expect(told(world)).toEqual([BY_ALICE])
    const [incident, ...others] = open(world)
    expect(others).toEqual([])
    expect(incident?.sources).toEqual(['audit', 'runtime'])
    expect(incident?.timeline.map(({ title }) => title)).toEqual([
      'somebody got into a pod',
      'alice (10.0.0.5): The token was read',
      BY_ALICE.slice(4)
    ])
    expect(incident?.narrative).toContain('alice (10.0.0.5) opened a session in pod shop/web-1 and ran ')
    expect(incident?.entities.filter(({ type }) => ['user', 'source_address', 'exec_session'].includes(type))).toEqual([
      expect.objectContaining({ type: 'user', id: 'alice', role: 'actor' }),
      expect.objectContaining({ type: 'exec_session', name: 'alice (10.0.0.5) in shop/web-1' }),
      expect.objectContaining({ type: 'source_address', id: '10.0.0.5' })
    ])
  })

  it('hangs in the causality tree from request, pod, container and session', () => {
    const world = newWorld()
    feed(world, gotInto(REQUEST), requested(REQUEST), started(START), found(FINDING))
    const nodes = open(world)[0]?.causality ?? []
    const chain: string[] = []
    let node = nodes.find(({ name }) => name === 'command of p2')
    while (node !== undefined) {
      chain.unshift(node.type)
      const { parent } = node
      node = nodes.find(({ id }) => id === parent)
    }
    expect(chain).toEqual(['user', 'request', 'pod', 'container', 'exec_session', 'process', 'process', 'process'])
  })

  it('carries groups, address and credential of who opened it', () => {
    const world = newWorld()
    const asked = requested(REQUEST)
    const credential = entityOf('credential', 'X509SHA256=a2', 'actor')
    feed(world, { ...asked, entities: [...asked.entities, credential] }, started(START), found(FINDING))
    expect([...world.told.values()][0]?.evidence).toMatchObject({
      'session.actor': 'alice',
      'session.groups': 'developers, system:authenticated',
      'session.source_address': '10.0.0.5',
      'session.credential': 'X509SHA256=a2'
    })
  })

  it('is tied to its request when nothing else ties them', () => {
    const world = newWorld()
    // The log knows the pod by a name only, and the finding's sensor by its UID only.
    const finding = found(FINDING)
    const entities = finding.entities.map((one) => (one.type === 'pod' ? { ...one, name: one.id } : one))
    feed(world, gotInto({ ...REQUEST, uid: null }), requested({ ...REQUEST, uid: null }), started(START))
    feed(world, { ...finding, entities })
    expect(open(world).map(({ sources }) => sources)).toEqual([['audit', 'runtime']])
  })

  it('is as severe as the worst of it, and one step more when a workload opened it', () => {
    const severityOf = (by: RequestSketch['by']) => {
      const world = newWorld()
      const asked = by === undefined ? REQUEST : { ...REQUEST, by }
      feed(
        world,
        requested(asked),
        started(START),
        found({ ...FINDING, severity: 'low' }),
        found({ ...FINDING, id: 'b' })
      )
      return [...world.told.values()].map(({ severity }) => severity)
    }
    expect(severityOf(undefined)).toEqual(['medium'])
    expect(severityOf(entityOf('service_account', 'ci/deployer', 'actor'))).toEqual(['high'])
  })

  it('that a pod opened in another is one incident with what goes on in the first', () => {
    const world = newWorld()
    const asked = requested({ ...REQUEST, by: entityOf('service_account', 'data/jupyter', 'actor') })
    const caller = entityOf('pod', 'uid-a', 'actor', 'data/jupyter-1')
    const inCaller = found({
      ...FINDING,
      id: 'first',
      second: -60,
      processes: ['z'],
      pod: 'data/jupyter-1',
      uid: 'uid-a'
    })
    feed(world, { ...asked, entities: [...asked.entities, caller] }, started(START), found(FINDING), inCaller)
    expect(open(world)).toHaveLength(1)
    expect(open(world)[0]?.timeline.flatMap(({ signals }) => signals)).toEqual(
      expect.arrayContaining(['first', 'read', ...world.told.keys()])
    )
  })

  it('is not told of when nothing above informational was detected', () => {
    const world = newWorld()
    feed(world, requested(REQUEST), started(START), found({ ...FINDING, severity: 'informational' }))
    expect(told(world)).toEqual([])
  })

  it('is nobody’s when it hangs from another process of the container', () => {
    const world = newWorld()
    feed(world, requested(REQUEST), started(START), found({ ...FINDING, processes: ['p2', 'entrypoint'] }))
    expect(told(world)).toEqual([])
    expect(open(world)[0]?.title).toBe('The token was read')
  })

  it('goes on in what its first process runs instead, whose parent is that of the process', () => {
    const world = newWorld()
    const instead = started({ second: 5, id: 'p1b', command: '/bin/bash', flags: 'execve rootcwd', pid: '77' })
    const other = started({ second: 6, id: 'q1', command: '/bin/bash', flags: 'execve rootcwd clone', pid: '78' })
    const first = started({ ...START, flags: 'execve clone', pid: '77' })
    const finding = found({ ...FINDING, processes: ['p2', 'p1b'] })
    const elsewhere = found({ ...FINDING, id: 'else', processes: ['p3', 'q1'] })
    feed(world, other, instead, finding, elsewhere, first)
    feed(world, requested(REQUEST))
    expect([...world.told.values()].map(({ parts }) => parts)).toEqual([['read']])
    restart(world)
    feed(world, found({ ...FINDING, id: 'again', processes: ['p4', 'p1b'] }))
    expect([...world.told.values()].map(({ parts }) => parts)).toEqual([['again', 'read']])
  })

  it('is still somebody’s two weeks later, and after a restart', () => {
    const world = newWorld()
    feed(world, requested(REQUEST), started(START))
    feed(world, later(13 * 24 * HOUR))
    restart(world)
    feed(world, found({ ...FINDING, second: 13 * 24 * HOUR + 60 }))
    expect(told(world)).toEqual([BY_ALICE])
  })
})

describe('the request that is logged late', () => {
  it('gives the incident that is already there its name in a later revision', () => {
    const world = newWorld()
    feed(world, started(START), found(FINDING))
    const [before] = open(world)
    expect(before?.narrative).not.toContain('alice')
    feed(world, later(9 * 60), requested(REQUEST))
    expect(told(world)).toEqual([BY_ALICE])
    const [after, ...others] = open(world)
    expect(others).toEqual([])
    expect(after?.id).toBe(before?.id)
    expect(after?.revision).toBeGreaterThan(before?.revision ?? 0)
    expect(after?.narrative).toContain('alice (10.0.0.5) opened a session')
  })

  it('at the end of a session of hours, only then', () => {
    const world = newWorld()
    feed(world, started(START), found(FINDING))
    feed(world, requested({ ...REQUEST, stage: 'ResponseComplete', logged_after: 5 * HOUR }))
    expect(told(world)).toEqual([BY_ALICE])
  })

  it('after a restart', () => {
    const world = newWorld()
    feed(world, started(START), found(FINDING))
    restart(world)
    feed(world, requested(REQUEST))
    restart(world)
    expect(told(world)).toEqual([BY_ALICE])
    expect(open(world)[0]?.narrative).toContain('alice (10.0.0.5) opened a session')
  })

  it('and fits better takes the session from whoever had it', () => {
    const world = newWorld()
    feed(world, requested({ ...REQUEST, second: -6, id: 'audit-0', by: BOB }), started(START), found(FINDING))
    expect(told(world)).toEqual([BY_ALICE.replace('alice', 'bob')])
    feed(world, requested(REQUEST))
    expect(told(world)).toEqual([BY_ALICE])
    expect(open(world)[0]?.narrative).not.toContain('bob')
  })
})

describe('all of a container', () => {
  const debug: RequestSketch = { ...REQUEST, kind: 'ephemeralcontainers', container: 'debugger-1' }
  const inDebugger: FindingSketch = { second: 300, id: 'scan', processes: ['p9'], container: 'debugger-1' }

  it('that was added to debug is of who added it first', () => {
    const world = newWorld()
    feed(world, requested(debug), found(inDebugger), found({ ...FINDING, id: 'other' }))
    feed(world, requested({ ...debug, second: 400, id: 'audit-2', by: BOB }))
    expect(told(world)).toEqual([
      'C01 alice (10.0.0.5) opened a session in shop/web-1, container debugger-1 and ran command of p9'
    ])
  })

  it('is of who took over its terminal, as long as that lasted', () => {
    const world = newWorld()
    const attach: RequestSketch = { ...REQUEST, kind: 'attach' }
    const during = found({ ...FINDING, second: 60, id: 'a', processes: ['entrypoint'] })
    const after = found({ ...FINDING, second: 600, id: 'b', processes: ['entrypoint'], severity: 'high' })
    feed(world, requested(attach), during, after)
    feed(world, requested({ ...attach, stage: 'ResponseComplete', logged_after: 120 }))
    expect([...world.told.values()].map(({ severity }) => severity)).toEqual(['medium'])
  })
})

describe('two people who ask for the same at the same time', () => {
  it('are both named', () => {
    const world = newWorld()
    const bob: RequestSketch = { ...REQUEST, id: 'audit-2', second: 0.1, by: BOB, address: '10.0.0.6' }
    feed(world, requested(REQUEST), requested(bob), started(START), started({ second: 0.6, id: 'q1' }), found(FINDING))
    expect(told(world)[0]).toContain('bob (10.0.0.6) or alice (10.0.0.5)')
    expect([...world.told.values()][0]?.evidence).toMatchObject({ 'session.ambiguous': 'alice' })
  })
})

describe('a request without a process', () => {
  const seen = (second: number) => found({ second, id: `seen-${second}`, processes: ['x'], severity: 'informational' })
  const asked: RequestSketch = { second: HOUR, id: 'audit-2', pod: 'shop/web-2', uid: 'uid-2', by: BOB }
  const healthy = [requested(REQUEST), started(START), seen(HOUR - 420), seen(HOUR + 420)]

  it('is told of once its time is over, when the sensor was well', () => {
    const world = newWorld()
    feed(world, ...healthy, requested(asked))
    expect(told(world)).toEqual([])
    feed(world, later(HOUR + 1200))
    expect(told(world)).toEqual([])
    feed(world, later(HOUR + 2000))
    expect(told(world)).toEqual(['C21 bob (10.0.0.5) in shop/web-2, container web: sh'])
    restart(world)
    feed(world, later(HOUR + 4000))
    feed(world, started({ second: HOUR + 1, id: 'q', pod: 'shop/web-2', uid: 'uid-2' }))
    expect(told(world)).toEqual([])
  })

  it.each([
    ['the sensor was not heard of before', [requested(REQUEST), started(START), seen(HOUR + 420), requested(asked)]],
    ['or afterwards', [requested(REQUEST), started(START), seen(HOUR - 420), requested(asked)]],
    ['sessions are not seen by it', [seen(HOUR - 420), seen(HOUR + 420), requested(asked)]],
    [
      'it only tells of its own findings',
      [requested(REQUEST), started({ ...START, provider: 'falco' }), ...healthy.slice(2), requested(asked)]
    ],
    ['the node is not known', [...healthy, requested({ ...asked, node: null })]],
    [
      'it was over at once',
      [...healthy, requested(asked), requested({ ...asked, stage: 'ResponseComplete', logged_after: 1 })]
    ],
    ['it is an attach', [...healthy, requested({ ...asked, kind: 'attach' })]],
    [
      'another program came in, since a shell may be replaced at once by what it runs',
      [
        ...healthy,
        requested(asked),
        started({ second: HOUR + 1, id: 'q', pod: 'shop/web-2', uid: 'uid-2', command: '/usr/bin/top' })
      ]
    ]
  ])('is not told of when %s', (_, signals) => {
    const world = newWorld()
    feed(world, ...signals)
    feed(world, later(HOUR + 2000))
    expect(told(world)).toEqual([])
  })
})

describe('a process without a request', () => {
  const logged = (second: number) => {
    const signal = signalOf({ id: `log-${second}`, minute: second / 60, source: 'audit', severity: 'informational' })
    return signal
  }
  const process: StartSketch = { second: HOUR, id: 'q', pod: 'shop/web-2', uid: 'uid-2' }
  const healthy = [requested(REQUEST), started(START), logged(HOUR - 420), logged(HOUR + 420)]

  it('is told of once its time is over, when the log was there', () => {
    const world = newWorld()
    feed(world, ...healthy, started(process))
    feed(world, later(HOUR + 2000))
    expect(told(world)).toEqual(['C22 nobody in shop/web-2, container web: /bin/sh'])
    feed(world, requested({ second: HOUR, id: 'audit-2', pod: 'shop/web-2', uid: 'uid-2' }))
    expect(told(world)).toEqual([])
  })

  it.each([
    ['there is no log of that time', [requested(REQUEST), started(START), started(process)]],
    ['the log tells of no sessions', [logged(HOUR - 420), logged(HOUR + 420), started(process)]],
    [
      'it comes again and again',
      [...healthy, ...[0, 10, 20].map((more) => started({ ...process, second: HOUR + more, id: `q${more}` }))]
    ],
    [
      'a request for that pod has no process',
      [...healthy, started(process), requested({ second: HOUR - 60, id: 'audit-2', pod: 'shop/web-2', uid: 'uid-2' })]
    ]
  ])('is not told of when %s', (_, signals) => {
    const world = newWorld()
    feed(world, ...signals)
    feed(world, later(HOUR + 2000))
    expect(told(world)).toEqual([])
  })
})

describe('what is remembered', () => {
  it('is bounded, and crossing the bound is counted', () => {
    const { memory } = newWorld()
    const many = Array.from({ length: 300 }, (_, index) => started({ second: index * 60, id: `p${index}` }))
    const { sessionCounts } = advanceCluster(memory, CONTENT, many, NOW, DEFAULT_CORRELATE_SETTINGS)
    expect(sessionCounts).toMatchObject({ taken: 300, dropped: 44 })
    expect(memory.sessions.signals).toBe(256)
  })

  it('is forgotten with its entries when nothing can come of it any more', () => {
    const world = newWorld()
    feed(world, requested(REQUEST), started(START), started({ second: HOUR, id: 'lonely' }))
    feed(world, later(26 * HOUR))
    expect(world.memory.sessions.signals).toBe(2)
    feed(world, later(46 * 24 * HOUR))
    expect(world.memory.sessions.signals).toBe(0)
    expect([...world.memory.sessions.pods.keys()]).toEqual([])
    expect(
      [...world.entries.keys()].filter((key) => key.startsWith('session/') && !key.startsWith('session/seen-'))
    ).toEqual([])
  })

  it('counts a request a day late as late', () => {
    const { memory } = newWorld()
    advanceCluster(memory, CONTENT, [later(48 * HOUR)], NOW, DEFAULT_CORRELATE_SETTINGS)
    const { sessionCounts } = advanceCluster(memory, CONTENT, [requested(REQUEST)], NOW, DEFAULT_CORRELATE_SETTINGS)
    expect(sessionCounts).toMatchObject({ taken: 0, late: 1 })
  })

  it('does not count anything twice', () => {
    const { memory } = newWorld()
    const all = [requested(REQUEST), started(START), requested(REQUEST), started(START)]
    const { sessionCounts } = advanceCluster(memory, CONTENT, all, NOW, DEFAULT_CORRELATE_SETTINGS)
    expect(sessionCounts).toMatchObject({ taken: 2, duplicates: 2 })
  })
})
