import { describe, expect, it } from 'vitest'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { createMirror } from './mirror.ts'

const cluster = { id: 'c1', name: 'prod' }
const KINDS = ['Pod', 'ReplicaSet', 'Rollout', 'Job', 'CronJob']
const mirrorOf = () =>
  createMirror({ codec: createCodec(localSchemas()), cluster, kinds: KINDS, now_ms: () => 1_700_000_000_000 })

const object = (uid: string, owner?: readonly [kind: string, uid: string]) => ({
  metadata: {
    uid,
    name: `name-${uid}`,
    namespace: 'shop',
    ...(owner !== undefined && {
      ownerReferences: [{ kind: owner[0], name: `name-${owner[1]}`, uid: owner[1], controller: true }]
    })
  }
})
const kinds = (owners: readonly { kind: string }[] | undefined) => owners?.map(({ kind }) => kind)

describe('owners', () => {
  it('are walked up to the top, through custom kinds too', async () => {
    const mirror = mirrorOf()
    await mirror.present('Rollout', object('ro', ['Application', 'app']))
    await mirror.present('ReplicaSet', object('rs', ['Rollout', 'ro']))
    const [pod] = await mirror.present('Pod', object('p', ['ReplicaSet', 'rs']))
    expect(kinds(pod?.owners)).toEqual(['ReplicaSet', 'Rollout', 'Application'])
  })

  it('that come after their pods complete them', async () => {
    const mirror = mirrorOf()
    const [early] = await mirror.present('Pod', object('p', ['Job', 'j']))
    expect(kinds(early?.owners)).toEqual(['Job'])
    const told = await mirror.present('Job', object('j', ['CronJob', 'cj']))
    expect(told.map(({ kind, owners }) => [kind, kinds(owners)])).toEqual([
      ['Job', ['CronJob']],
      ['Pod', ['Job', 'CronJob']]
    ])
    expect(await mirror.present('Pod', object('p', ['Job', 'j']))).toEqual([])
  })

  it('that are deleted before their pods are still told of', async () => {
    const mirror = mirrorOf()
    await mirror.present('Job', object('j', ['CronJob', 'cj']))
    await mirror.present('Pod', object('p', ['Job', 'j']))
    await mirror.gone('Job', object('j', ['CronJob', 'cj']))
    const [pod] = await mirror.gone('Pod', object('p', ['Job', 'j']))
    expect(pod).toMatchObject({ deleted: true, owners: [{ kind: 'Job' }, { kind: 'CronJob' }] })
  })

  it('in a ring end somewhere', async () => {
    const mirror = mirrorOf()
    await mirror.present('Job', object('a', ['Job', 'b']))
    await mirror.present('Job', object('b', ['Job', 'a']))
    const [pod] = await mirror.present('Pod', object('p', ['Job', 'a']))
    expect(pod?.owners.length).toBeLessThanOrEqual(8)
  })
})

it.each([null, 3, 'pod', [], {}, { metadata: { uid: 'x' } }, { metadata: null }])(
  '%j is no object and costs nothing',
  async (value) => {
    const mirror = mirrorOf()
    expect(await mirror.present('Pod', value)).toEqual([])
    expect(await mirror.gone('Pod', value)).toEqual([])
  }
)

it('a container is absent when its pod is, and a static pod is known by both of its UIDs', async () => {
  const mirror = mirrorOf()
  const [record] = await mirror.present('Pod', object('p'))
  if (record === undefined) throw new Error('a pod makes a record')
  const container = (pod: string) => ({
    ...record,
    kind: 'Container',
    uid: 'cid',
    observed: 1,
    owners: [{ kind: 'Pod', name: 'x', namespace: 'shop', uid: pod }]
  })
  expect(mirror.isAbsent(container('p'))).toBeNull()
  mirror.listing('Pod')
  await mirror.present('Pod', object('p'))
  await mirror.present('Pod', {
    metadata: { ...object('mirror').metadata, annotations: { 'kubernetes.io/config.hash': 'static' } }
  })
  await mirror.listed('Pod')
  expect(mirror.isAbsent(container('p'))).toBe(false)
  expect(mirror.isAbsent(container('static'))).toBe(false)
  expect(mirror.isAbsent(container('gone'))).toBe(true)
})
