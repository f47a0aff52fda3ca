import { describe, expect, it } from 'vitest'
import { action, incident, podRecord, signal } from '../../../test/support/search-samples.ts'
import { MAX_LIST_ITEMS } from './bounds.ts'
import { containerDocuments } from './ecs-container.ts'
import { actionDocument, incidentDocument, signalDocument } from './ecs-detection.ts'

const json = (value: unknown) => JSON.parse(JSON.stringify(value))

it('a signal has its rule, its techniques in the shape of ATT&CK, and who took part', () => {
  expect(json(signalDocument(signal))).toMatchObject({
    '@timestamp': '2026-11-24T06:00:00.123456Z',
    message: 'alice opened a shell in shop/web',
    event: { kind: 'alert', id: 'sig-3b1f', severity: 3 },
    rule: { id: signal.rule.id, name: 'Exec into a pod' },
    threat: {
      tactic: { name: ['Execution'] },
      technique: { id: ['T1609', 'T1552'], subtechnique: { id: ['T1552.007'] } }
    },
    related: { user: ['alice'], ip: ['203.0.113.9'] },
    weir: {
      severity: 'medium',
      actors: ['alice'],
      workloads: ['Deployment/shop/web'],
      signal: { code: 'A30', event_id: signal.event_id, evidence: signal.evidence }
    }
  })
})

describe('an incident', () => {
  it('can be read back from its document', () => {
    expect(json(incidentDocument(incident)).weir.incident).toEqual(incident)
    const merged = {
      ...incident,
      status: 'merged' as const,
      merged_into: 'inc-1',
      playbook: null,
      timeline: [],
      causality: []
    }
    expect(json(incidentDocument(merged)).weir.incident).toEqual(merged)
  })

  it('is dated by its latest signal', () => {
    expect(json(incidentDocument(incident))).toMatchObject({
      '@timestamp': '2026-11-24T06:01:00.123456Z',
      event: { start: '2026-11-24T06:00:00.123456Z', end: '2026-11-24T06:01:00.123456Z', risk_score: 91, severity: 5 },
      weir: { severity: 'critical' }
    })
  })

  it('of any size gives a bounded document that says what it left out', () => {
    const [entry] = incident.timeline
    const long = {
      ...incident,
      timeline: Array.from({ length: MAX_LIST_ITEMS + 7 }, () => entry).filter((e) => e !== undefined)
    }
    const document = json(incidentDocument(long))
    expect(document.weir.incident.timeline).toHaveLength(MAX_LIST_ITEMS)
    expect(document.weir.truncated).toBe(7)
  })
})

it('an action has its exact requests', () => {
  expect(json(actionDocument(action)).weir.action.steps[0].requests).toEqual([
    {
      to: 'kube-apiserver',
      method: 'DELETE',
      path: '/api/v1/namespaces/shop/pods/web-7d5dd55b94-5wfpd',
      body: '{"gracePeriodSeconds":0}',
      content_type: 'application/json'
    }
  ])
})

describe('an inventory record', () => {
  it('of a pod gives a document per container, under the columns of container events', () => {
    const documents = containerDocuments(podRecord)
    expect(documents.map(({ id }) => id)).toEqual([
      `${podRecord.cluster.id}/${podRecord.uid}/web`,
      `${podRecord.cluster.id}/${podRecord.uid}/sidecar`
    ])
    expect(json(documents[0]?.document)).toMatchObject({
      pod_namespace: 'shop',
      privileged: true,
      weir: { inventory: { deleted: false } }
    })
    // The sidecar has not been started: no id yet, and whether it is privileged is not known.
    expect(json(documents[1]?.document)).not.toHaveProperty('container_id')
    expect(json(documents[1]?.document)).not.toHaveProperty('privileged')
  })

  it('of another object gives none', () => {
    expect(containerDocuments({ ...podRecord, kind: 'Node', pod: null })).toEqual([])
  })
})
