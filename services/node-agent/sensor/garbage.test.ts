import { describe, expect, it } from 'vitest'
import { decodeRecord, encodeRecord } from '../../platform/ingest/record.ts'
import { createAvroWriter } from './avro-writer.ts'
import { free } from './garbage.ts'

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
