import { describe, expect, it } from 'vitest'
import {
  action,
  auditEvent,
  incident,
  numberedEvent,
  runtimeEvent,
  signal
} from '../../../test/support/search-samples.ts'
import { actionWrite, eventWrite, incidentWrite, signalWrite } from '../../indexer/documents.ts'
import { createMemorySearch } from '../memory/search.ts'
import { actionsOf, eventsOf, getIncident, listIncidents, signalsOf } from './queries.ts'

const context = { prefix: 'weir', now_ms: Date.parse('2026-11-24T07:00:00Z') }
const writing = { signal: new AbortController().signal, heartbeat: async () => {} }

async function filled() {
  const search = createMemorySearch()
  const other = {
    ...incident,
    id: 'inc-9f2aaa',
    severity: 'low' as const,
    status: 'closed' as const,
    last: incident.last + 1
  }
  await search.write(
    [
      ...[incident, other].map((one) => incidentWrite(one, context)),
      ...[runtimeEvent, auditEvent, numberedEvent(42), numberedEvent(43)].map((event) => eventWrite(event, context)),
      signalWrite(signal, context),
      actionWrite(action, context),
      actionWrite({ ...action, status: 'approved', time: action.time + 1 }, context),
      { index: 'weir-incidents', id: 'junk', document: { weir: { incident: { id: 'inc-junk' } } }, version: 1 }
    ],
    writing
  )
  return search
}

describe('listing incidents', () => {
  it('gives the records, newest first, and leaves out what is none', async () => {
    const found = await listIncidents(await filled(), 'weir')
    expect(found.map(({ id }) => id)).toEqual(['inc-9f2aaa', 'inc-9f2c41'])
    expect(found[1]).toEqual(incident)
  })

  it.each([
    [{ statuses: ['open'] as const }, ['inc-9f2c41']],
    [{ severities: ['low', 'medium'] as const }, ['inc-9f2aaa']],
    [{ limit: 1 }, ['inc-9f2aaa']]
  ])('can be narrowed by %j', async (filter, ids) => {
    expect((await listIncidents(await filled(), 'weir', filter)).map(({ id }) => id)).toEqual(ids)
  })
})

describe('getting an incident', () => {
  it.each(['inc-9f2c41', 'inc-9f2c'])('takes %s', async (id) => {
    expect(await getIncident(await filled(), 'weir', id)).toEqual(incident)
  })

  it.each([
    ['inc-9f', 'OPENSEARCH_INCIDENT_AMBIGUOUS'],
    ['inc-0', 'OPENSEARCH_INCIDENT_NOT_FOUND'],
    ['', 'OPENSEARCH_INCIDENT_NOT_FOUND']
  ])('by "%s" says %s', async (id, code) => {
    await expect(getIncident(await filled(), 'weir', id)).rejects.toMatchObject({ code })
  })
})

it('an incident has its events of both sources, its signals and its actions', async () => {
  const search = await filled()
  const events = await eventsOf(search, 'weir', incident)
  expect(events.map(({ id }) => id).sort()).toEqual([auditEvent.id, runtimeEvent.id, 'node-2/4f3c/tetragon/42'].sort())
  expect((await signalsOf(search, 'weir', incident)).map(({ id }) => id)).toEqual([signal.id])
  expect((await actionsOf(search, 'weir', incident)).map(({ document }) => document['event'])).toMatchObject([
    { action: 'planned' },
    { action: 'approved' }
  ])
})
