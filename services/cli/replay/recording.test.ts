import { describe, expect, it } from 'vitest'
import { decodeRecords } from '../../core/events/format.ts'
import { eventId } from '../../core/events/sourced-event.ts'
import { loadRecording, RECORDED, SCARLETEEL } from './recording.ts'

const END = Date.UTC(2026, 10, 24, 19) * 1000

async function idsOf(
  place: typeof RECORDED,
  end: number
): Promise<{ readonly cluster: string; readonly ids: string[] }> {
  const { cluster, records } = await loadRecording(place, end)
  const events = records.flatMap(({ json }) => decodeRecords(json, { cluster, instance: 'test', received: end }).events)
  return { cluster: cluster.id, ids: events.map(eventId) }
}

describe.each([
  ['the recorded attack', RECORDED],
  ['the reconstruction', SCARLETEEL]
])('%s', (_, place) => {
  it('replayed for another time has no event of the replay before, and for the same time all of them', async () => {
    const [first, again, other] = await Promise.all([END, END, END + 1_000_000].map((end) => idsOf(place, end)))
    expect(again).toEqual(first)
    expect(new Set(first?.ids).size).toBe(first?.ids.length)
    expect(other?.cluster).not.toBe(first?.cluster)
    const before = new Set(first?.ids)
    expect(other?.ids.filter((id) => before.has(id))).toEqual([])
  })
})
