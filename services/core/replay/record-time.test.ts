import { describe, expect, it } from 'vitest'
import { recordTime } from './record-time.ts'

describe('recordTime', () => {
  it.each([
    [{ stageTimestamp: '2026-11-17T06:30:00.000001Z', requestReceivedTimestamp: '2026-11-17T06:29:59Z' }, 1],
    [{ process_exit: { time: '2026-11-17T06:31:00Z' }, time: '2026-11-17T06:30:00.000002999Z' }, 2]
  ])('reads %j', (record, micros) => {
    expect(recordTime(record)).toBe(Date.UTC(2026, 10, 17, 6, 30) * 1000 + micros)
  })

  it.each([[{}], [{ time: 'now' }], [{ stageTimestamp: 7 }], [null], ['text']])('has no time for %j', (record) => {
    expect(recordTime(record)).toBeNull()
  })
})
