import { describe, expect, it } from 'vitest'
import { eventFixture, eventRecord } from '../../../test/support/event-fixtures.ts'
import { aksEventFrom, aksEventsFrom } from './aks.ts'
import { azureOperationOf, azurePlaceOf } from './azure-resource.ts'
import { parseTimestamp } from './timestamp.ts'

const ARRIVAL = 1_800_000_000_000_000
const CLUSTER = { id: 'aks/00000000-0000-0000-0000-00000000000a/rg-shop/aks-shop', name: 'aks-shop' }
const ACTIVITY = eventFixture('azure-activity.ndjson')

describe('aksEventsFrom', () => {
  const { events, rejected } = aksEventsFrom(eventRecord('aks-diagnostic.json'), ARRIVAL)

  it('reads audit events given as text and as objects, with the cluster of the resource id', () => {
    expect(events.map(({ audit, provider, cluster }) => [audit?.auditID, audit?.verb, provider, cluster])).toEqual([
      ['c7a9a0a2-5b5c-4a2f-9a50-fdd3b7a1c001', 'create', 'aks', CLUSTER],
      ['c7a9a0a2-5b5c-4a2f-9a50-fdd3b7a1c002', 'delete', 'aks', CLUSTER]
    ])
    expect(events[0]?.audit).toMatchObject({
      user: { username: 'masterclient' },
      objectRef: { resource: 'pods', name: 'web-1', subresource: 'exec' },
      stageTimestamp: parseTimestamp('2026-11-20T12:00:00.05Z')
    })
  })

  it('records of other logs and broken ones cost only themselves', () => {
    expect(rejected.map(({ code, message }) => [code, message.slice(0, 9)])).toEqual([
      ['EVENT_NOT_AUDIT', 'record 2:'],
      ['EVENT_TEXT_INVALID', 'record 3:']
    ])
  })

  it('reads a row of a workspace’s table', () => {
    const row = {
      Category: 'kube-audit',
      TimeGenerated: '2026-11-20T12:00:01Z',
      _ResourceId: azureId('aks-shop'),
      log_s: '{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"get","requestURI":"/version"}'
    }
    expect(aksEventFrom(row, ARRIVAL)).toMatchObject({
      cluster: CLUSTER,
      audit: { verb: 'get', stageTimestamp: parseTimestamp('2026-11-20T12:00:01Z') }
    })
  })
})

describe('Activity log', () => {
  it('a change of an object in a cluster is an API request by a person', () => {
    expect(aksEventFrom(ACTIVITY[0] ?? {}, ARRIVAL)).toMatchObject({
      provider: 'aks',
      cluster: CLUSTER,
      audit: {
        stage: 'ResponseComplete',
        verb: 'create',
        user: {
          username: 'eve@example.com',
          uid: 'b7f1d6c2-0000-4000-8000-0000000000aa',
          groups: ['g1', 'g2'],
          extra: { appid: ['04b07795-8ddb-461a-bbee-02f9e1bf7b46'] }
        },
        sourceIPs: ['203.0.113.50'],
        objectRef: {
          resource: 'rolebindings',
          namespace: 'shop',
          name: 'backdoor',
          apiGroup: 'rbac.authorization.k8s.io',
          subresource: null
        },
        responseStatus: { code: 201, status: 'Success' },
        stageTimestamp: parseTimestamp('2026-11-20T13:00:00Z'),
        annotations: {
          'weir.io/operation': 'MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/RBAC.AUTHORIZATION.K8S.IO/ROLEBINDINGS/WRITE'
        }
      }
    })
  })

  it.each([
    [1, 'create', { resource: 'pods', subresource: 'exec', name: 'web-1', namespace: 'shop' }, 200, 'ResponseComplete'],
    [2, 'delete', { resource: 'secrets', name: 'db', apiGroup: null }, 403, 'ResponseComplete'],
    [
      3,
      'create',
      {
        resource: 'managedclusters',
        subresource: 'listclusteradmincredential',
        name: 'aks-shop',
        namespace: null,
        apiGroup: 'microsoft.containerservice'
      },
      null,
      'RequestReceived'
    ]
  ])('record %i is %s', (index, verb, objectRef, code, stage) => {
    expect(aksEventFrom(ACTIVITY[index] ?? {}, ARRIVAL).audit).toMatchObject({
      verb,
      objectRef,
      responseStatus: { code },
      stage
    })
  })

  it('records of one operation are told apart', () => {
    const ids = ACTIVITY.slice(0, 4).map((record) => aksEventFrom(record, ARRIVAL).audit?.auditID)
    expect(new Set(ids).size).toBe(4)
  })

  it('what is not about a cluster is refused', () => {
    expect(() => aksEventFrom(ACTIVITY[4] ?? {}, ARRIVAL)).toThrowError(
      expect.objectContaining({ code: 'EVENT_NOT_KUBERNETES' })
    )
  })
})

const azureId = (name: string) =>
  `/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg-shop/providers/Microsoft.ContainerService/managedClusters/${name}`

describe('azureOperationOf', () => {
  it.each([
    ['Microsoft.Kubernetes/connectedClusters/apps/deployments/write', 'create apps deployments null'],
    ['Microsoft.ContainerService/managedClusters/apps/deployments/scale/write', 'create apps deployments scale'],
    ['Microsoft.ContainerService/managedClusters/namespaces/read', 'get null namespaces null'],
    [
      'Microsoft.ContainerService/managedClusters/runCommand/action',
      'create microsoft.containerservice managedclusters runcommand'
    ],
    ['Microsoft.ContainerService/managedClusters/write', 'create microsoft.containerservice managedclusters null']
  ])('reads %s', (name, expected) => {
    const operation = azureOperationOf(name)
    expect(`${operation?.verb} ${operation?.apiGroup} ${operation?.resource} ${operation?.subresource}`).toBe(expected)
  })

  it.each([
    '',
    'Microsoft.Compute/virtualMachines/write',
    'Microsoft.ContainerService/registries/write',
    'x/'.repeat(300)
  ])('%j is about no cluster', (name) => {
    expect(azureOperationOf(name)).toBeNull()
  })
})

describe('azurePlaceOf', () => {
  it('names a cluster the same in whatever case Azure writes it', () => {
    expect(azurePlaceOf(azureId('AKS-Shop').toUpperCase())?.cluster).toEqual(azurePlaceOf(azureId('aks-shop'))?.cluster)
  })

  it.each([null, 7, '', '/subscriptions/x', azureId(''), '/providers/Microsoft.Compute/virtualMachines/vm'])(
    '%j names no cluster',
    (id) => {
      expect(azurePlaceOf(id)).toBeNull()
    }
  )
})
