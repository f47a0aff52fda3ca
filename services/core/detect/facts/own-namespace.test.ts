import { expect, it } from 'vitest'
import { actorOf } from '../../enrich/actor.ts'
import { auditEventFrom } from '../../events/audit.ts'
import { actsOutsideNamespace } from './own-namespace.ts'

const actor = (username: string) =>
  actorOf(
    auditEventFrom({
      kind: 'Event',
      auditID: 'a',
      stage: 'ResponseComplete',
      verb: 'get',
      user: { username },
      stageTimestamp: '2026-11-24T12:00:00Z'
    })
  )

it.each([
  ['system:serviceaccount:shop:web', 'shop', false],
  ['system:serviceaccount:shop:web', 'shop-dev', true],
  ['system:serviceaccount:shop-dev:web', 'shop', true],
  ['system:serviceaccount:shop:web', null, true],
  ['alice', 'shop', null],
  ['system:node:n1', 'shop', null]
])('%s on an object of %s is outside: %s', (username, namespace, outside) => {
  expect(actsOutsideNamespace(actor(username), namespace)).toBe(outside)
})

it('nobody is outside of nowhere', () => {
  expect(actsOutsideNamespace(null, 'shop')).toBeNull()
})
