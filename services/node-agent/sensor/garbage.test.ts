import { describe, expect, it, vi } from 'vitest'
import { decodeRecord, encodeRecord } from '../../platform/ingest/record.ts'
import { createAvroWriter } from './avro-writer.ts'
import { boundBuffers, free } from './garbage.ts'

describe('memory that is given back', () => {
  const header = { received: 1, from: 'builtin', form: 'packed' } as const

  it('is the record’s alone: others that were made before and after it stay as they are', () => {
    const records = ['first', 'second', 'third'].map((text) => encodeRecord(header, Buffer.from(text)))
    const [first, second, third] = records
    if (first === undefined || second === undefined || third === undefined) throw new Error('three records')
    free(second)
    expect(second.length).toBe(0)
    expect(decodeRecord(first).body.toString()).toBe('first')
    expect(decodeRecord(third).body.toString()).toBe('third')
  })

  it('is the batch’s alone: the writer goes on with its own', () => {
    const writer = createAvroWriter(16)
    writer.string('taken')
    const taken = writer.take()
    writer.string('next')
    free(taken)
    expect(writer.take()).toEqual(Buffer.from('\x08next'))
  })
})

describe('what buffers take', () => {
  it('is collected when it has grown by the bound, however much of it is still needed', () => {
    vi.useFakeTimers()
    try {
      let needed = 0
      let garbage = 0
      let collected = 0
      const end = boundBuffers(
        10,
        () => needed + garbage,
        () => {
          collected += 1
          garbage = 0
        }
      )
      const after = (more: number) => {
        garbage += more
        vi.advanceTimersByTime(1000)
        return collected
      }
      expect(after(9)).toBe(0)
      expect(after(9)).toBe(1)
      needed = 100
      expect(after(0)).toBe(2)
      expect(after(0)).toBe(2)
      expect(after(9)).toBe(2)
      expect(after(9)).toBe(3)
      needed = 0
      expect(after(9)).toBe(3)
      expect(after(9)).toBe(3)
      expect(after(9)).toBe(4)
      end()
      expect(after(90)).toBe(4)
    } finally {
      vi.useRealTimers()
    }
  })
})
