import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recordBytes } from '../../../test/support/sensor/record-bytes.ts'
import { AT, KINDS, kindNumber } from './layout.ts'
import { bytesOf, commOf, hexOf, highOf, lowOf, numberOf, recordAt, signedOf, startOf, textOf } from './record.ts'

describe('a record', () => {
  it('gives back what is written, wherever in the memory it lies', () => {
    const u32 = fc.nat(0xffffffff)
    const text = fc.uint8Array({ maxLength: 40 })
    fc.assert(
      fc.property(
        fc.nat(64),
        fc.record({
          kind: fc.constantFrom(...KINDS.slice(1)),
          flags: fc.nat(0xffff),
          uid: u32,
          pid: u32,
          tid: u32,
          start: fc.nat(2 ** 40),
          time_ns: fc.nat(2 ** 50),
          cgroup: fc.nat(2 ** 50)
        }),
        fc.array(text, { minLength: 4, maxLength: 4 }),
        fc.array(fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }), { minLength: 8, maxLength: 8 }),
        (before, head, texts, values) => {
          const { kind, start, ...rest } = head
          if (kind === '') return
          const bytes = recordBytes({ ...rest, kind, start_ns: start * 1000, texts, values })
          const at = before & ~7
          const record = recordAt(Buffer.concat([Buffer.alloc(at), bytes]), at, bytes.length)
          if (record === null) throw new Error('no record')
          expect(record).toMatchObject({ ...rest, kind, start: Math.floor(start / 10_000) })
          for (const [slot, expected] of texts.entries()) expect(bytesOf(record, slot)).toEqual(Buffer.from(expected))
          for (const [index, value] of values.entries()) {
            expect(numberOf(record, index)).toBe(Number(value))
            expect(hexOf(record, index)).toBe(value.toString(16))
            expect(highOf(record, index) * 2 ** 32 + lowOf(record, index)).toBe(Number(value))
            expect(signedOf(record, index)).toBe(lowOf(record, index) | 0)
            expect(startOf(record, index)).toBe(Math.floor(Number(value) / 1e7))
          }
        }
      )
    )
  })

  it('of arbitrary bytes is none, or can be read in all its parts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(30), fc.nat(420), (bytes, kind, length) => {
        const buffer = Buffer.from(bytes)
        if (buffer.length > 2) buffer.writeUInt16LE(kind, AT.kind)
        const record = recordAt(buffer, 0, length)
        if (record === null) return
        expect(AT.data).toBeLessThanOrEqual(length)
        for (let slot = 0; slot < 4; slot += 1) expect(typeof textOf(record, slot)).toBe('string')
        expect(commOf(record).length).toBeLessThanOrEqual(16)
      }),
      { numRuns: 1000 }
    )
  })

  it.each([
    ['too short for its fixed part', recordBytes({ kind: 'exec' }).subarray(0, AT.data - 1)],
    ['with texts beyond its end', recordBytes({ kind: 'exec', texts: [Buffer.from('abc')] }).subarray(0, AT.data + 2)],
    ['of no kind', Buffer.concat([Buffer.alloc(2), recordBytes({ kind: 'exec' }).subarray(2)])],
    ['of a kind to come', Buffer.concat([Buffer.from([KINDS.length, 0]), recordBytes({ kind: 'exec' }).subarray(2)])]
  ])('%s is none', (_, bytes) => {
    expect(recordAt(bytes, 0, bytes.length)).toBeNull()
  })

  it('is not read across the end of the memory', () => {
    const bytes = recordBytes({ kind: 'exit' })
    expect(recordAt(bytes, 8, bytes.length)).toBeNull()
    expect(recordAt(bytes, -1, bytes.length)).toBeNull()
  })

  it('kinds have the numbers of the BPF program', () => {
    expect(
      ['exec', 'connect', 'open_write', 'setuid', 'kill', 'cgroup'].map((kind) => kindNumber(kind as 'exec'))
    ).toEqual([1, 5, 9, 16, 26, 27])
  })
})
