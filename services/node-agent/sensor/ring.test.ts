import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openRing } from './ring.ts'

const PAGE = 4096
const HEAD = 8
const BUSY = 0x80000000
const DISCARDED = 0x40000000

/** The kernel's side of a ring. */
function writer(data_bytes: number) {
  const consumer = new ArrayBuffer(PAGE)
  const producer = new ArrayBuffer(PAGE + data_bytes)
  const read = new BigInt64Array(consumer, 0, 1)
  const written = new BigInt64Array(producer, 0, 1)
  const data = Buffer.from(producer, PAGE)
  const put = (bytes: Buffer, marks = 0): boolean => {
    const size = (bytes.length + HEAD + 7) & ~7
    const at = Number(written[0])
    if (at + size - Number(read[0]) > data_bytes) return false
    const head = Buffer.alloc(HEAD)
    head.writeUInt32LE((bytes.length | marks) >>> 0)
    for (const [index, byte] of Buffer.concat([head, bytes]).entries()) data[(at + index) % data_bytes] = byte
    written[0] = BigInt(at + size)
    return true
  }
  const commit = (position: number) =>
    data.writeUInt32LE(data.readUInt32LE(position % data_bytes) & ~BUSY, position % data_bytes)
  return { ring: openRing({ consumer, producer, page_bytes: PAGE, data_bytes }), put, commit, read }
}

function takeAll(ring: ReturnType<typeof openRing>): Buffer[] {
  const found: Buffer[] = []
  const limit = ring.limit()
  for (let at = ring.peek(limit); at !== -1; at = ring.peek(limit)) {
    found.push(Buffer.from(ring.bytes.subarray(at, at + ring.length())))
    ring.next()
  }
  ring.release()
  return found
}

describe('a ring buffer', () => {
  it('gives back all records, in order, however often it comes round', () => {
    const record = fc.uint8Array({ minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(fc.array(fc.array(record, { maxLength: 4 }), { maxLength: 60 }), (rounds) => {
        const { ring, put } = writer(2048)
        for (const round of rounds) {
          const sent = round.map((bytes) => Buffer.from(bytes)).filter((bytes) => put(bytes))
          expect(takeAll(ring)).toEqual(sent)
          expect(ring.waiting()).toBe(0)
        }
      })
    )
  })

  it('gives room back when records are passed, and tells no more than that', () => {
    const { ring, put } = writer(1024)
    let count = 0
    while (put(Buffer.alloc(100))) count += 1
    ring.peek(ring.limit())
    expect(put(Buffer.alloc(100))).toBe(false)
    ring.next()
    ring.release()
    expect(put(Buffer.alloc(100))).toBe(true)
    expect(takeAll(ring)).toHaveLength(count)
  })

  it('waits for a record that is being written, and leaves out what was given up', () => {
    const { ring, put, commit } = writer(1024)
    put(Buffer.from('first'))
    put(Buffer.from('given up'), DISCARDED)
    put(Buffer.from('slow'), BUSY)
    put(Buffer.from('last'))
    expect(takeAll(ring).map(String)).toEqual(['first'])
    commit(16 + 16)
    expect(takeAll(ring).map(String)).toEqual(['slow', 'last'])
  })

  it('takes nothing beyond the limit it is given', () => {
    const { ring, put } = writer(1024)
    put(Buffer.from('before'))
    const limit = ring.limit()
    put(Buffer.from('after'))
    expect(ring.peek(limit)).not.toBe(-1)
    ring.next()
    expect(ring.peek(limit)).toBe(-1)
  })
})
