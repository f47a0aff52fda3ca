import { expect, it } from 'vitest'
import { auditEvent, type RuntimeShorthand, runtimeEvent } from '../../../cli/rule-tests/test-events.ts'
import { placeOf } from './place.ts'

it.each<readonly [string, RuntimeShorthand, string]>([
  ['the pod', {}, 'shop/web-1'],
  ['the pod while its namespace is not known', { pod: { namespace: null } }, 'web-1'],
  [
    'the container while its pod is not known',
    { pod: null, container: { id: '4f5e6d7c8b9a0f1e' } },
    'container 4f5e6d7c8b9a'
  ],
  ['the pod’s uid when nothing else is known', { pod: { name: null }, container: { id: '' } }, 'pod pod-uid-1'],
  ['the host', { container: null }, 'host node-1']
])('the place of an event is %s', (_, given, place) => {
  expect(placeOf(runtimeEvent(given))).toBe(place)
})

it('an API request has no such place', () => {
  expect(placeOf(auditEvent({ verb: 'get' }))).toBeNull()
})
