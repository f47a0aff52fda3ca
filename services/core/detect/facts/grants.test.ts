import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Actor } from '../../../../schemas/generated/types.ts'
import { grantedRights, grantsToActor, isOwned, MORE_RIGHTS, replicasOf, roleOf, subjectsOf } from './grants.ts'

const alice: Actor = {
  kind: 'user',
  name: 'alice',
  impersonator: null,
  groups: ['dev', 'system:authenticated'],
  is_system: false,
  service_account: null,
  credential_id: null,
  pod_uid: null,
  pod_name: null,
  node_name: null
}
const builder: Actor = {
  ...alice,
  kind: 'service_account',
  name: 'system:serviceaccount:ci:builder',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:ci', 'system:authenticated']
}
const subject = (kind: string, name: string, namespace?: string) => ({
  kind,
  name,
  ...(namespace === undefined ? {} : { namespace })
})
const grants = (actor: Actor | null, ...subjects: readonly unknown[]) =>
  grantsToActor(subjectsOf({ subjects }, 'ci'), actor)

describe('subjects', () => {
  it('are called as audit events call them', () => {
    const subjects = [subject('ServiceAccount', 'builder', 'ci'), subject('User', 'alice'), subject('Group', 'dev')]
    expect(subjectsOf({ subjects }, 'shop').map(({ identity }) => identity)).toEqual([
      'system:serviceaccount:ci:builder',
      'alice',
      'dev'
    ])
  })

  it('that are service accounts without a namespace are in that of the binding, others in none', () => {
    const subjects = [subject('ServiceAccount', 'builder'), subject('User', 'alice')]
    expect(subjectsOf({ subjects }, 'ci').map(({ namespace }) => namespace)).toEqual(['ci', null])
    expect(subjectsOf({ subjects }, null)[0]?.identity).toBe('system:serviceaccount::builder')
  })

  it('without kind or name are none, and do not hide those after them', () => {
    const subjects = [null, 3, { kind: 'User' }, { name: 'x' }, { kind: 'User', name: '' }, subject('User', 'alice')]
    expect(subjectsOf({ subjects }, null)).toHaveLength(1)
  })

  it('are bounded', () => {
    expect(subjectsOf({ subjects: Array(10_000).fill(subject('User', 'a')) }, null)).toHaveLength(256)
  })
})

describe('a grant to who writes it', () => {
  it.each([
    ['oneself', alice, subject('User', 'alice'), true],
    ['another', alice, subject('User', 'alice2'), false],
    ['a user called like a group of theirs', alice, subject('User', 'dev'), false],
    ['a group of theirs', alice, subject('Group', 'dev'), true],
    ['a group of others', alice, subject('Group', 'ops'), false],
    ['everybody', alice, subject('Group', 'system:authenticated'), false],
    ['a service account: itself', builder, subject('ServiceAccount', 'builder', 'ci'), true],
    ['a service account: itself by its user name', builder, subject('User', 'system:serviceaccount:ci:builder'), true],
    ['a service account: one called like it elsewhere', builder, subject('ServiceAccount', 'builder', 'shop'), false],
    ['a service account: all of its namespace', builder, subject('Group', 'system:serviceaccounts:ci'), true],
    ['a service account: all of them', builder, subject('Group', 'system:serviceaccounts'), false],
    ['who acts as another', { ...builder, impersonator: 'mallory' }, subject('User', 'mallory'), true]
  ])('%s', (_, actor, to, expected) => {
    expect(grants(actor, subject('User', 'somebody'), to)).toBe(expected)
  })

  it('is none where nobody asks', () => {
    expect(grants(null, subject('User', 'alice'))).toBe(false)
  })
})

describe('rights', () => {
  it('are every verb with every resource of its own rule, once', () => {
    const rules = [
      { verbs: ['get', 'list'], resources: ['secrets', 'pods/exec'] },
      { verbs: ['get'], resources: ['secrets'] },
      { verbs: ['*'], nonResourceURLs: ['*'] }
    ]
    expect(grantedRights({ rules })).toEqual(['get secrets', 'get pods/exec', 'list secrets', 'list pods/exec'])
  })

  it('behind many others are found, however a role spreads them', () => {
    const fill = Array.from({ length: 1_000 }, (_, index) => ({ verbs: ['get'], resources: [`r${index}`] }))
    const wide = { verbs: ['get'], resources: Array.from({ length: 1_000 }, (_, index) => `w${index}`) }
    expect(grantedRights({ rules: [...fill, wide, { verbs: ['*'], resources: ['*'] }] })).toContain('* *')
  })

  it('that do not fit are told', () => {
    const resources = Array.from({ length: 10_000 }, (_, index) => `r${index}`)
    const rights = grantedRights({ rules: [{ verbs: ['get'], resources }] })
    expect([rights.length, rights.at(-1)]).toEqual([8_193, MORE_RIGHTS])
  })

  it('that are no texts are none', () => {
    expect(
      grantedRights({ rules: [null, { verbs: [1], resources: ['x'] }, { verbs: 'get', resources: ['x'] }] })
    ).toEqual([])
  })
})

it('the role of a binding has kind and name, or nothing', () => {
  expect(roleOf({ roleRef: { kind: 'ClusterRole', name: 'view' } })).toEqual({ kind: 'ClusterRole', name: 'view' })
  expect(roleOf({ roleRef: null })).toEqual({ kind: null, name: null })
})

it.each([
  [{ spec: { replicas: 3 } }, 3],
  [{ spec: { replicas: 0 } }, 0],
  [{ spec: { parallelism: 5 } }, 5],
  [{ spec: { jobTemplate: { spec: { parallelism: 7 } } } }, 7],
  [{ spec: { replicas: '3' } }, null],
  [{}, null],
  [null, null]
])('%j asks for %s pods', (object, replicas) => {
  expect(replicasOf(object)).toBe(replicas)
})

it('an object is owned by whatever made it, but not by the node of a mirror pod', () => {
  const owned = (...kinds: readonly string[]) =>
    isOwned({ metadata: { ownerReferences: kinds.map((kind) => ({ kind })) } })
  expect([owned('ReplicaSet'), owned('Node', 'Job'), owned('Node'), owned()]).toEqual([true, true, false, false])
})

it('never throws, whatever the object', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (inner, outer) => {
      for (const object of [outer, { subjects: inner, rules: inner, roleRef: inner, spec: inner, metadata: inner }]) {
        subjectsOf(object, null)
        grantedRights(object)
        roleOf(object)
        replicasOf(object)
        isOwned(object)
      }
    })
  )
})
