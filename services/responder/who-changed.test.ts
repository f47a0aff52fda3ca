import { describe, expect, it } from 'vitest'
import { auditEvent, TEST_TIME } from '../../test/support/enriched-event.ts'
import type { JsonObject } from '../core/json.ts'
import { eventWrite } from '../indexer/documents.ts'
import { createMemorySearch } from '../platform/memory/search.ts'
import { createWhoChanged, writerText } from './who-changed.ts'

const MINUTE_MS = 60_000
const SINCE_MS = TEST_TIME / 1000
const OBJECT = { namespace: 'shop', resource: 'deployments', name: 'web' }
const context = { signal: new AbortController().signal, heartbeat: async () => {} }

/** A request that wrote the deployment, so many minutes after the beginning. */
function written(minute: number, raw: JsonObject = {}): JsonObject {
  const time = new Date(SINCE_MS + minute * MINUTE_MS).toISOString()
  return {
    auditID: `a-${minute}-${JSON.stringify(raw).length}`,
    verb: 'patch',
    objectRef: { resource: 'deployments', namespace: 'shop', name: 'web', apiGroup: 'apps' },
    user: { username: 'mallory', groups: ['ci', 'system:authenticated'] },
    sourceIPs: ['203.0.113.9'],
    requestReceivedTimestamp: time,
    stageTimestamp: time,
    ...raw
  }
}

async function asked(events: readonly JsonObject[], cluster_id?: string) {
  const search = createMemorySearch()
  const documents = events.map((raw) => auditEvent(raw))
  await search.write(
    documents.map((event) => eventWrite(event, { prefix: 'weir', now_ms: SINCE_MS })),
    context
  )
  const id = cluster_id ?? documents[0]?.cluster.id ?? ''
  const whoChanged = createWhoChanged({ search, index_prefix: 'weir', cluster_id: id, weir_namespace: 'weir' })
  return await whoChanged(OBJECT, SINCE_MS)
}

const by = (username: string, more: JsonObject = {}) => ({ user: { username, groups: [] }, ...more })

describe('who changed an object', () => {
  it('is named with groups, address and client, from the request itself', async () => {
    const writer = await asked([written(1)])
    expect(writer).toMatchObject({ user: 'mallory', groups: ['ci', 'system:authenticated'], address: '203.0.113.9' })
    expect(writer === null ? '' : writerText(writer)).toBe(
      'mallory (groups ci, system:authenticated), from 203.0.113.9 with kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9, by patch deployments at 2026-11-24T12:01:00.000000Z'
    )
  })

  it('is the last who did, by its scale, too, and whoever was impersonated is named beside', async () => {
    const scaled = written(2, {
      user: { username: 'eve', groups: [] },
      impersonatedUser: { username: 'admin', groups: ['system:masters'] },
      objectRef: { resource: 'deployments', subresource: 'scale', namespace: 'shop', name: 'web', apiGroup: 'apps' }
    })
    expect(await asked([written(1), scaled])).toMatchObject({
      user: 'eve',
      as: 'admin',
      request: 'patch deployments/scale'
    })
  })

  it('is a person or workload rather than the controller that wrote after them', async () => {
    const controller = by('system:serviceaccount:kube-system:deployment-controller', { verb: 'update' })
    expect((await asked([written(1), written(2, controller)]))?.user).toBe('mallory')
    expect((await asked([written(2, controller)]))?.user).toContain('deployment-controller')
  })

  it.each<[string, JsonObject]>([
    ['Weir’s own', by('system:serviceaccount:weir-jit:weir-jit-0')],
    ['the responder’s own', by('system:serviceaccount:weir:weir-responder')],
    ['before it was stopped', written(-1)],
    ['refused', { responseStatus: { code: 403 } }],
    ['of the status', { objectRef: { ...OBJECT, apiGroup: 'apps', subresource: 'status' } }],
    ['reads', { verb: 'get' }],
    ['deletions', { verb: 'delete' }],
    ['of another object', { objectRef: { ...OBJECT, name: 'web-2' } }],
    ['of another namespace', { objectRef: { ...OBJECT, namespace: 'other' } }],
    ['of another kind', { objectRef: { ...OBJECT, resource: 'statefulsets' } }]
  ])('is not told from requests that are %s', async (_name, raw) => {
    expect(await asked([written(1, raw)])).toBeNull()
  })

  it('is not told from another cluster', async () => {
    expect(await asked([written(1)], 'another')).toBeNull()
  })
})
