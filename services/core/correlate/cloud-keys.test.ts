import { describe, expect, it } from 'vitest'
import type { Entity, Signal } from '../../../schemas/generated/types.ts'
import { CLUSTER, entityOf, signalOf } from '../../../test/support/signals.ts'
import { correlate } from './reducer.ts'
import { DEFAULT_CORRELATE_SETTINGS } from './settings.ts'
import { emptyState } from './state.ts'

const KEY = 'ASIAEXAMPLESESSION01'
const account = (role: Entity['role']) => entityOf('service_account', 'shop/web', role)
const key = (role: Entity['role'], id = KEY) => entityOf('cloud_identity', id, role)
const ROLE = entityOf('cloud_identity', 'arn:aws:iam::111122223333:role/web', 'actor')

const inPod = signalOf({
  id: 'token-read',
  minute: 0,
  severity: 'medium',
  entities: [entityOf('pod', 'uid-1', 'actor'), account('target')]
})
const cloud = (id: string, minute: number, entities: readonly Entity[]) =>
  signalOf({ id, minute, source: 'cloud', severity: 'medium', tactics: ['credential-access'], entities })

/** Groups of signals by their ids, whatever order they come in. */
function groups(...signals: readonly Signal[]): readonly string[] {
  const of = (ordered: readonly Signal[]) => {
    const state = emptyState(CLUSTER.id)
    correlate(state, ordered, Date.UTC(2027, 0) * 1000, DEFAULT_CORRELATE_SETTINGS)
    return [...state.groups].map(({ members }) => members.map(({ signal }) => signal.id).join('+')).toSorted()
  }
  const found = of(signals)
  expect(of(signals.toReversed())).toEqual(found)
  return found
}

describe('the way from a pod into the cloud', () => {
  it('leads over the account that takes a role, the key it is given, and what is done with that', () => {
    const taken = cloud('role-taken', 30, [account('actor'), key('target')])
    expect(groups(inPod, taken, cloud('used', 700, [key('actor')]))).toEqual(['token-read+role-taken+used'])
  })

  it('leads on over a key that is made with the key', () => {
    const taken = cloud('role-taken', 30, [account('actor'), key('target')])
    const made = cloud('key-made', 60, [key('actor'), key('target', 'AKIAEXAMPLEUSERKEY01')])
    expect(groups(inPod, taken, made, cloud('used', 120, [key('actor', 'AKIAEXAMPLEUSERKEY01')]))).toEqual([
      'token-read+role-taken+key-made+used'
    ])
  })

  it.each([
    ['with a role alone, which many share', cloud('other', 30, [ROLE])],
    ['with another key', cloud('other', 30, [key('actor', 'ASIAEXAMPLESESSION09')])],
    ['thirteen hours later', cloud('other', 30 + 13 * 60, [key('actor')])],
    ['with the role of another account', cloud('other', 30, [entityOf('service_account', 'shop/cart', 'actor')])]
  ])('does not lead to what is done %s', (_, other) => {
    const taken = cloud('role-taken', 30, [account('actor'), key('target')])
    expect(groups(inPod, taken, other)).toEqual(['other', 'token-read+role-taken'])
  })
})
