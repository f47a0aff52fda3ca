import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entity, Signal } from '../../../schemas/generated/types.ts'
import { entityOf, podOf, type SignalSketch, signalOf } from '../../../test/support/signals.ts'
import { boundedSignal } from './bounded-signal.ts'
import { buildIncident, mergedIncident } from './incident.ts'
import { scoreOf } from './score.ts'

const HEADER = { id: 'i', revision: 1, status: 'open' } as const
const build = (...sketches: readonly SignalSketch[]) => buildIncident(HEADER, sketches.map(signalOf))

describe('the score', () => {
  const signals = (
    severity: Signal['severity'],
    tactics: number,
    sources: readonly Signal['source'][],
    entities: readonly Entity[] = []
  ) =>
    sources.map((source, minute) =>
      signalOf({
        id: `s${minute}`,
        minute,
        source,
        severity,
        entities,
        tactics: ['execution', 'discovery', 'credential-access', 'exfiltration', 'impact', 'persistence'].slice(
          0,
          tactics
        )
      })
    )
  /** The same by several rules. */
  const ofRules = (count: number, list: readonly Signal[]) =>
    Array.from({ length: count }, (_, place) =>
      list.map((signal) => ({ ...signal, id: `${signal.id}-${place}`, rule: { ...signal.rule, id: `rule-${place}` } }))
    ).flat()
  const both = ['audit', 'runtime'] as const
  const allSecrets = entityOf('secret', '*', 'target')
  const kubeSystem = entityOf('object', 'configmaps/kube-system/coredns', 'target')

  it.each([
    ['a lone informational signal', signals('informational', 1, ['audit']), 5, 'informational'],
    [
      'weak signals of one source, however broad and sensitive',
      signals('low', 6, ['audit'], [allSecrets, kubeSystem]),
      34,
      'low'
    ],
    ['an exec in the audit log and its shell at runtime', signals('low', 1, both), 18, 'low'],
    ['weak signals of both sources and three tactics', signals('low', 3, both), 26, 'low'],
    ['weak signals of both sources and five tactics, but of one rule', signals('low', 5, both), 34, 'low'],
    ['weak signals of both sources, five tactics and five rules', ofRules(5, signals('low', 5, both)), 56, 'high'],
    [
      'one medium signal of a build and what its runner asks of the API',
      ofRules(4, [...signals('low', 3, ['audit']), ...signals('medium', 5, ['runtime'])]),
      54,
      'medium'
    ],
    ['a medium signal', signals('medium', 1, ['runtime']), 40, 'medium'],
    [
      'the worst that one source alone can say',
      signals('critical', 6, ['runtime'], [allSecrets, kubeSystem]),
      69,
      'high'
    ],
    ['a medium signal of both sources and two tactics', signals('medium', 2, both), 70, 'high'],
    ['a high signal of both sources and two tactics', signals('high', 2, both), 79, 'high'],
    ['a high signal of both sources and three tactics', signals('high', 3, both), 88, 'critical'],
    [
      'a medium signal of both sources, four tactics, all secrets',
      signals('medium', 4, both, [allSecrets]),
      82,
      'critical'
    ],
    ['everything', signals('critical', 6, both, [allSecrets, kubeSystem]), 100, 'critical']
  ])('%s', (_name, list, score, severity) => {
    expect(scoreOf(list)).toMatchObject({ score, severity })
  })

  it('what both sources saw with medium signals and two tactics outranks anything one source saw', () => {
    const anySignal = fc.record({
      severity: fc.constantFrom(
        'informational' as const,
        'low' as const,
        'medium' as const,
        'high' as const,
        'critical' as const
      ),
      tactics: fc.subarray(['execution', 'discovery', 'impact', 'persistence', 'exfiltration', 'credential-access']),
      entities: fc.subarray([allSecrets, kubeSystem])
    })
    fc.assert(
      fc.property(fc.array(anySignal, { minLength: 1 }), (sketches) => {
        const single = scoreOf(
          sketches.map((sketch, minute) => signalOf({ ...sketch, id: `${minute}`, minute, source: 'runtime' }))
        )
        expect(single.score).toBeLessThan(scoreOf(signals('medium', 2, both)).score)
        expect(single.severity).not.toBe('critical')
      })
    )
  })

  it('a refused request for all secrets reached nothing', () => {
    const refused = signals('medium', 1, ['audit'], [allSecrets]).map(
      (signal): Signal => ({ ...signal, outcome: 'failure' })
    )
    expect(scoreOf(refused).score).toBe(40)
  })
})

describe('entities', () => {
  it('appear once, with their strongest role, a pod known by name as the pod with its UID', () => {
    const { entities } = build(
      { id: 'a', minute: 0, entities: [entityOf('pod', 'shop/web', 'target'), entityOf('node', 'n1')] },
      { id: 'b', minute: 1, entities: [podOf('uid-1', 'shop/web'), entityOf('node', 'n1')] }
    )
    expect(entities).toEqual([podOf('uid-1', 'shop/web'), entityOf('node', 'n1')])
  })

  it('a name that two pods had after one another stays itself', () => {
    const { entities } = build(
      { id: 'a', minute: 0, entities: [podOf('uid-1', 'shop/db-0')] },
      { id: 'b', minute: 1, entities: [podOf('uid-2', 'shop/db-0')] },
      { id: 'c', minute: 2, entities: [entityOf('pod', 'shop/db-0', 'target')] }
    )
    expect(entities.map(({ id }) => id)).toEqual(['uid-1', 'uid-2', 'shop/db-0'])
  })
})

describe('the timeline', () => {
  it('counts what tells the same thing, with its worst severity and its last time', () => {
    const [entry, ...others] = build(
      { id: 'a', minute: 0, dedup_key: 'k', severity: 'low' },
      { id: 'b', minute: 5, dedup_key: 'k', severity: 'high' },
      { id: 'c', minute: 9, dedup_key: 'k', severity: 'low' }
    ).timeline
    expect(others).toEqual([])
    expect(entry).toMatchObject({
      severity: 'high',
      signals: ['a', 'b', 'c'],
      events: ['event-a', 'event-b', 'event-c']
    })
    expect((entry?.last ?? 0) - (entry?.time ?? 0)).toBe(9 * 60_000_000)
  })

  it('does not mix sources or rules of one key', () => {
    const { timeline } = build(
      { id: 'a', minute: 0, dedup_key: 'k', source: 'audit' },
      { id: 'b', minute: 1, dedup_key: 'k', source: 'runtime' },
      { id: 'c', minute: 2, dedup_key: 'k', source: 'runtime', code: 'R99' }
    )
    expect(timeline.length).toBe(3)
  })
})

/** Each node as its path from the root. */
function pathsOf({ causality }: ReturnType<typeof build>): readonly string[] {
  const paths = new Map<string, string>()
  for (const { id, parent, name } of causality) paths.set(id, parent === null ? name : `${paths.get(parent)} > ${name}`)
  return [...paths.values()]
}

describe('causality', () => {
  const alice = entityOf('user', 'alice', 'actor')

  it('goes from who asked over what was made to what ran in it', () => {
    const paths = pathsOf(
      build(
        {
          id: 'a',
          minute: 0,
          source: 'audit',
          action: 'deployments:create',
          entities: [alice, entityOf('workload', 'Deployment/x/miner', 'target')]
        },
        {
          id: 'b',
          minute: 1,
          entities: [
            podOf('uid-m', 'x/miner-1'),
            entityOf('workload', 'uid-d', 'context', 'Deployment/x/miner'),
            entityOf('container', 'c1', 'actor', 'main')
          ],
          ancestry: [entityOf('process', 'p2', 'actor', 'xmrig'), entityOf('process', 'p1', 'context', 'sh')]
        }
      )
    )
    expect(paths.at(-1)).toBe(
      'alice > deployments:create Deployment/x/miner > Deployment/x/miner > x/miner-1 > main > sh > xmrig'
    )
  })

  it('a later request does not become the cause of what was there before', () => {
    const paths = pathsOf(
      build(
        { id: 'a', minute: 0, entities: [podOf('uid-w', 'shop/web')] },
        {
          id: 'b',
          minute: 1,
          source: 'audit',
          action: 'pods/exec:create',
          entities: [alice, entityOf('pod', 'shop/web', 'target')]
        }
      )
    )
    expect(paths).toEqual(['shop/web', 'alice', 'alice > pods/exec:create shop/web'])
  })

  it('what was refused caused nothing', () => {
    const paths = pathsOf(
      build({
        id: 'a',
        minute: 0,
        source: 'audit',
        outcome: 'failure',
        action: 'pods:create',
        entities: [alice, entityOf('pod', 'x/p', 'target')]
      })
    )
    expect(paths).toEqual(['alice', 'alice > pods:create x/p (refused)'])
  })

  it('an account used from two pods stands below each', () => {
    const account = entityOf('service_account', 'x/sa', 'actor')
    const paths = pathsOf(
      build(
        { id: 'a', minute: 0, source: 'audit', action: 'secrets:get', entities: [account, podOf('u1', 'x/p1')] },
        { id: 'b', minute: 1, source: 'audit', action: 'secrets:get', entities: [account, podOf('u2', 'x/p2')] }
      )
    )
    expect(paths).toContain('x/p1 > x/sa > secrets:get')
    expect(paths).toContain('x/p2 > x/sa > secrets:get')
  })

  it("leaves out the container runtime above a pod's first process, but not a process that borrows its name", () => {
    const chain = ['containerd -x', 'sh', 'nginx', '/usr/bin/containerd-shim-runc-v2 -id x', '/sbin/init']
    const ancestry = chain.map((name, place) => entityOf('process', `p${place}`, 'context', name))
    expect(pathsOf(build({ id: 'a', minute: 0, entities: [podOf('u', 'x/p')], ancestry })).at(-1)).toBe(
      'x/p > nginx > sh > containerd -x'
    )
    expect(pathsOf(build({ id: 'a', minute: 0, entities: [entityOf('node', 'n1')], ancestry })).at(-1)).toBe(
      'n1 > /sbin/init > /usr/bin/containerd-shim-runc-v2 -id x > nginx > sh > containerd -x'
    )
  })

  it('is a forest whose parents stand before their children, names every signal, and is bounded, whatever comes', () => {
    const entity: fc.Arbitrary<Entity> = fc.record({
      type: fc.constantFrom(
        'process',
        'container',
        'pod',
        'workload',
        'service_account',
        'user',
        'node',
        'secret',
        'object',
        'indicator'
      ),
      id: fc.constantFrom('a', 'b', 'x/a', 'x/b', '__proto__'),
      name: fc.constantFrom('a', 'b', 'x/a', 'Pod/x/a', ''),
      role: fc.constantFrom('actor', 'target', 'context')
    })
    const sketch = fc.record({
      source: fc.constantFrom('audit' as const, 'runtime' as const),
      outcome: fc.constantFrom('success' as const, 'failure' as const),
      entities: fc.array(entity, { maxLength: 6 }),
      ancestry: fc.array(entity, { maxLength: 4 })
    })
    fc.assert(
      fc.property(fc.array(sketch, { minLength: 1, maxLength: 20 }), (sketches) => {
        const { causality } = build(...sketches.map((one, minute) => ({ ...one, id: `s${minute}`, minute })))
        const seen = new Set<string>()
        for (const { id, parent } of causality) {
          expect(seen.has(id)).toBe(false)
          if (parent !== null) expect(seen.has(parent)).toBe(true)
          seen.add(id)
        }
        const named = new Set(causality.flatMap(({ signals }) => signals))
        for (const [place, { source, entities, ancestry }] of sketches.entries()) {
          const hasPlace = source === 'audit' || ancestry.length > 0 || entities.some(({ type }) => type === 'process')
          if (hasPlace) expect(named.has(`s${place}`)).toBe(true)
        }
      })
    )
  })
})

describe('words', () => {
  it('a lone finding is told by its own title', () => {
    expect(build({ id: 'a', minute: 0, title: 'alice listed secrets' }).title).toBe('alice listed secrets')
  })

  it('several are told by what was attacked, how far it went and who did it', () => {
    const entities = [entityOf('workload', 'd', 'context', 'Deployment/shop/web'), entityOf('user', 'alice', 'actor')]
    const { title, narrative } = build(
      { id: 'a', minute: 0, tactics: ['execution'], source: 'audit', entities },
      { id: 'b', minute: 2, tactics: ['credential-access'], title: 'Token read', entities }
    )
    expect(title).toBe('Deployment shop/web: execution and credential access, by user alice')
    expect(narrative).toMatch(
      /^Between 2026-03-01 10:00:00 and 10:02:00 UTC, 2 signals of 1 rule .* 10:02:00 Token read \[runtime\]\. Score/
    )
  })

  it('however much there is, something of each tactic and the gravest are told in order, and the rest counted', () => {
    const sketches = Array.from(
      { length: 100 },
      (_, minute): SignalSketch => ({
        id: `s${minute}`,
        minute,
        title: `Step ${minute}`,
        severity: minute === 77 ? 'critical' : 'low',
        tactics: [minute === 42 ? 'impact' : 'execution']
      })
    )
    const { narrative } = build(...sketches)
    expect(narrative).toMatch(/Step 42 .* Step 77 /)
    expect(narrative).toContain('and 88 further steps')
  })

  it('an incident of a thousand signals of the worst texts stays within a Kafka message', () => {
    const nasty = '\u202e\u001b[2J𝕏'.repeat(10_000)
    const signals = Array.from({ length: 1000 }, (_, minute) =>
      boundedSignal({
        ...signalOf({
          id: `${minute}`.padEnd(64, 'x'),
          minute,
          title: nasty,
          action: nasty,
          tactics: Array(50).fill(nasty),
          techniques: [nasty]
        }),
        dedup_key: `${minute}`,
        event_id: 'e'.repeat(200),
        entities: Array.from({ length: 60 }, (_, n) => entityOf('process', `${minute}/${n}`, 'actor', nasty)),
        ancestry: Array.from({ length: 60 }, (_, n) => entityOf('process', `${minute}/${n}`, 'actor', nasty))
      })
    )
    const text = JSON.stringify(buildIncident(HEADER, signals))
    expect(Buffer.byteLength(text)).toBeLessThan(1_000_000)
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })

  it('one that was merged points to the survivor and holds nothing else', () => {
    const survivor = build({ id: 'a', minute: 0, severity: 'high', entities: [podOf('u', 'x/p')] })
    expect(mergedIncident('j', 4, survivor)).toMatchObject({
      id: 'j',
      revision: 4,
      status: 'merged',
      merged_into: 'i',
      entities: [],
      timeline: [],
      causality: []
    })
  })
})
