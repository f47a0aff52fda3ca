import { describe, expect, it } from 'vitest'
import { auditEventFrom } from '../events/audit.ts'
import { auditOutcome } from './outcome.ts'

const outcome = (raw: Record<string, unknown>) =>
  auditOutcome(
    auditEventFrom({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'a',
      stage: 'ResponseComplete',
      requestURI: '/apis/apps/v1/namespaces/shop/deployments',
      verb: 'create',
      user: { username: 'alice' },
      objectRef: { resource: 'deployments', namespace: 'shop' },
      responseStatus: { code: 201 },
      requestReceivedTimestamp: '2026-11-24T12:00:00.000000Z',
      stageTimestamp: '2026-11-24T12:00:00.000000Z',
      annotations: { 'authorization.k8s.io/decision': 'allow' },
      ...raw
    })
  )
const stream = { verb: 'get', stage: 'ResponseStarted', responseStatus: { code: 101 } }
const exec = { resource: 'pods', namespace: 'shop', name: 'web', subresource: 'exec' }

describe('whether a request had its effect', () => {
  it.each([
    ['created', {}, 'success'],
    ['without a code, allowed', { responseStatus: {} }, 'success'],
    [
      'refused by the authoriser',
      { responseStatus: { code: 403 }, annotations: { 'authorization.k8s.io/decision': 'forbid' } },
      'failure'
    ],
    ['refused by admission', { responseStatus: { code: 403 } }, 'failure'],
    ['not yet answered', { stage: 'RequestReceived', responseStatus: {} }, 'unknown'],
    ['a session that began', { ...stream, objectRef: exec }, 'success'],
    ['a change that was only tried out', { requestURI: '/x?fieldManager=a&dryRun=All' }, 'unknown'],
    [
      'a refused one that was only to be tried out',
      { requestURI: '/x?dryRun=All', responseStatus: { code: 403 } },
      'failure'
    ],
    ['a deletion that was only tried out', { verb: 'delete', requestURI: '/x?dryRun=All' }, 'unknown'],
    [
      'a debugging container that was only tried out',
      { verb: 'patch', requestURI: '/x?dryRun=All', objectRef: { ...exec, subresource: 'ephemeralcontainers' } },
      'unknown'
    ]
  ])('%s', (_, raw, expected) => {
    expect(outcome(raw)).toBe(expected)
  })

  it.each([
    ['a session, which cannot be tried out', { ...stream, objectRef: exec, requestURI: '/x?command=sh&dryRun=All' }],
    [
      'a session as a create',
      { stage: 'ResponseStarted', responseStatus: { code: 101 }, objectRef: exec, requestURI: '/x?dryRun=All' }
    ],
    ['a request through a proxy', { objectRef: { ...exec, subresource: 'proxy' }, requestURI: '/x?dryRun=All' }],
    ['a reading', { verb: 'get', requestURI: '/x?dryRun=All' }],
    ['the words in a path', { requestURI: '/x/dryRun=All' }],
    ['the words in another value', { requestURI: '/x?labelSelector=dryRun=All' }]
  ])('%s is not hidden by saying dryRun', (_, raw) => {
    expect(outcome(raw)).toBe('success')
  })
})
