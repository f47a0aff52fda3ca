import { describe, expect, it } from 'vitest'
import type { InventoryRecord, RuntimeEvent } from '../../schemas/generated/types.ts'
import { inventoryFromAudit, inventoryFromList } from '../../services/core/enrich/inventory.ts'
import { decodeRecords } from '../../services/core/events/format.ts'
import { eventId, eventTime } from '../../services/core/events/sourced-event.ts'
import { recordTime } from '../../services/core/replay/record-time.ts'
import { shiftTimes } from '../../services/core/replay/shift-time.ts'
import { fixtureFiles } from '../support/scenario/files.ts'
import { goJsonLine } from '../support/scenario/json.ts'
import { readFixture } from '../support/scenario/read-fixture.ts'
import { START_US } from '../support/scenario/scarleteel/cluster.ts'
import { scarleteelScenario } from '../support/scenario/scarleteel/scenario.ts'
import { SCARLETEEL_STEPS } from '../support/scenario/scarleteel/steps.ts'

const fixture = readFixture('scarleteel')
const records = [...fixture.audit, ...fixture.tetragon]
const cluster = { id: '00000000-0000-4000-8000-000000000000', name: 'test' }
const defaults = { cluster, instance: 'test', received: START_US }

const decoded = records.map((record) => decodeRecords(record, defaults))
const events = decoded.flatMap((result) => result.events)
const audits = events.flatMap(({ audit }) => audit ?? [])
const runtimes = events.flatMap(({ runtime }) => runtime ?? [])
const known = new Map<string, InventoryRecord>()
for (const record of inventoryFromList(fixture.inventory, cluster, START_US).records) known.set(record.uid, record)
for (const audit of audits) {
  for (const record of inventoryFromAudit(audit, cluster)) if (!known.has(record.uid)) known.set(record.uid, record)
}

/** Member of the `process_…` event of a raw record. */
function eventOf(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const [key = ''] = Object.keys(record).filter((name) => name.startsWith('process_'))
  return record[key] as Record<string, unknown>
}

describe('the ScarletEEL recording', () => {
  it('is what its generator writes', () => {
    const { cluster: model, records: generated } = scarleteelScenario('scarleteel-2.0')
    const files = fixtureFiles(model, generated, SCARLETEEL_STEPS, START_US)
    expect(fixture.audit.map((record) => `${goJsonLine(record)}\n`).join('')).toBe(files.get('audit.ndjson.gz'))
    expect(fixture.tetragon.map((record) => `${JSON.stringify(record)}\n`).join('')).toBe(
      files.get('tetragon.ndjson.gz')
    )
    expect(`${JSON.stringify(fixture.inventory, null, 4)}\n`).toBe(files.get('inventory.json'))
    expect(`${JSON.stringify(fixture.truth)}\n`).toBe(files.get('ground-truth.json'))
  })

  it('decodes to one event a record, none rejected and all of one cluster', () => {
    expect(decoded.flatMap(({ rejected }) => rejected.map(({ message }) => message))).toEqual([])
    expect(events.length).toBe(records.length)
    expect(new Set(events.map((event) => event.cluster.id))).toEqual(new Set([cluster.id]))
    expect(new Set(events.map(eventId)).size).toBe(events.length)
  })

  it('is in order of time in each file, and all within half an hour', () => {
    for (const list of [fixture.audit, fixture.tetragon]) {
      const times = list.map((record) => recordTime(record) ?? 0)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
    }
    const times = events.map(eventTime)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(START_US)
    expect(Math.max(...times)).toBeLessThan(START_US + 30 * 60 * 1_000_000)
  })

  it('names only pods that the inventory or an audit body knows', () => {
    const unknown = runtimes.filter((event) => !known.has(event.pod?.uid ?? ''))
    expect(unknown.map(({ pod }) => pod)).toEqual([])
    const bound = audits.flatMap(({ user }) => user.extra['authentication.kubernetes.io/pod-uid'] ?? [])
    expect(bound.length).toBeGreaterThan(0)
    expect(bound.filter((uid) => known.get(uid)?.kind !== 'Pod')).toEqual([])
  })

  it('gives the pods of the inventory the container ids and images the sensor saw', () => {
    const running = runtimes.flatMap((event) => {
      const containers = known.get(event.pod?.uid ?? '')?.pod?.containers ?? []
      const container = containers.find(({ id }) => id !== '' && event.container?.id.startsWith(id))
      return container === undefined ? [] : [{ event, container }]
    })
    expect(running.length).toBeGreaterThan(runtimes.length / 2)
    for (const { event, container } of running) {
      expect(event.container?.image_id).toBe(container.image_id)
      expect(event.container?.name).toBe(container.name)
    }
  })

  it('names only service accounts that exist', () => {
    const accounts = new Set(
      [...known.values()]
        .filter(({ kind }) => kind === 'ServiceAccount')
        .map((account) => `${account.namespace}:${account.name}`)
    )
    const used = audits.flatMap(({ user: { username } }) =>
      username.startsWith('system:serviceaccount:') ? [username.slice('system:serviceaccount:'.length)] : []
    )
    expect(used.filter((name) => !accounts.has(name))).toEqual([])
  })

  it('lets no process act before it starts, after it ends, or out of a tree that is not its own', () => {
    const started = new Map<string, number>()
    const ended = new Map<string, number>()
    const idOf = (event: RuntimeEvent) => event.process?.entity_id ?? ''
    for (const event of runtimes) {
      if (event.action === 'exec') started.set(idOf(event), event.time)
      if (event.action === 'exit') ended.set(idOf(event), event.time)
    }
    for (const event of runtimes) {
      expect(event.time).toBeGreaterThanOrEqual(started.get(idOf(event)) ?? 0)
      expect(event.time).toBeLessThanOrEqual(ended.get(idOf(event)) ?? Number.POSITIVE_INFINITY)
    }
    for (const record of fixture.tetragon) {
      const { process, parent } = eventOf(record) as Record<string, Record<string, unknown>>
      expect(process?.parent_exec_id).toBe(parent?.exec_id)
    }
  })

  it('has two stages of one request where a request streams', () => {
    const stages = Map.groupBy(audits, ({ auditID }) => auditID)
    for (const list of stages.values()) {
      expect(list.length).toBe(new Set(list.map(({ stage }) => stage)).size)
      if (list.some(({ objectRef }) => objectRef?.subresource === 'exec'))
        expect(list.map(({ stage }) => stage)).toEqual(['ResponseStarted', 'ResponseComplete'])
    }
  })

  it('gives the same events, later, when its times are shifted', () => {
    const day = 86_400_000_000
    for (const record of records) {
      const [moved] = decodeRecords(shiftTimes(record, day), defaults).events
      const [original] = decodeRecords(record, defaults).events
      if (moved === undefined || original === undefined) throw new Error('a record decodes to nothing')
      expect(eventTime(moved) - eventTime(original)).toBe(day)
      expect(JSON.stringify(shiftTimes(shiftTimes(record, day), -day))).toBe(JSON.stringify(record))
    }
  })
})

describe("the recording's ground truth", () => {
  const { steps } = fixture.truth
  const runtimeAt = (line: number) => {
    const [event] = decodeRecords(fixture.tetragon[line - 1], defaults).events
    if (event?.runtime == null) throw new RangeError(`line ${line} of the sensor's file is no event`)
    return event.runtime
  }

  it('names each record at most once, by the line it is on', () => {
    for (const [source, length] of [
      ['audit', fixture.audit.length],
      ['runtime', fixture.tetragon.length]
    ] as const) {
      const lines = steps.flatMap((step) => [...step[source].lines, ...step.consequences[source].lines])
      expect(new Set(lines).size).toBe(lines.length)
      for (const line of lines) expect(line >= 1 && line <= length).toBe(true)
      expect(fixture.truth.attack_records[source]).toBe(lines.length)
    }
  })

  it('gives audit records the ids they have downstream', () => {
    for (const { audit } of steps.flatMap((step) => [step, step.consequences])) {
      const found = audit.lines.flatMap((line) => decodeRecords(fixture.audit[line - 1], defaults).events)
      expect(audit.ids).toEqual(found.map((event) => `${event.audit?.auditID}/${event.audit?.stage}`))
    }
  })

  it('has something in a source for every step', () => {
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12])
    for (const step of steps) expect(step.audit.lines.length + step.runtime.lines.length).toBeGreaterThan(0)
  })

  it('leads from the notebook pod over its token to the pods the attacker made', () => {
    const [first] = steps
    const notebook = runtimeAt(first?.runtime.lines[0] ?? 0).pod
    const token = steps.find(({ step }) => step === 8)?.audit.lines.map((line) => fixture.audit[line - 1])
    expect(JSON.stringify(token?.[0])).toContain(`"authentication.kubernetes.io/pod-uid":["${notebook?.uid}"]`)
    const pods = new Set(steps.flatMap(({ runtime }) => runtime.lines.map((line) => runtimeAt(line).pod?.namespace)))
    expect(pods).toEqual(new Set(['data-science', 'shop']))
  })
})
