import avro from 'avsc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAvroWriter } from './avro-writer.ts'

const written = (write: (writer: ReturnType<typeof createAvroWriter>) => void): Buffer => {
  const writer = createAvroWriter(1)
  write(writer)
  return writer.take()
}

describe('what is written', () => {
  it('is the number that another implementation reads', () => {
    const type = avro.Type.forSchema('long')
    const edges = [27, 28, 31, 32, 35, 48].flatMap((bits) => [2 ** bits - 1, 2 ** bits, -(2 ** bits), -(2 ** bits) - 1])
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...edges), fc.integer(), fc.integer({ min: -(2 ** 52), max: 2 ** 52 })),
        (value) => {
          expect(written((writer) => writer.long(value))).toEqual(type.toBuffer(value))
        }
      )
    )
  })

  it('is the text that another implementation reads, from a string and from memory', () => {
    const type = avro.Type.forSchema('string')
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), fc.string({ maxLength: 100 }), (one, other) => {
        for (const text of [one, other]) {
          const bytes = Buffer.from(`<${text}>`)
          const expected = type.toBuffer(bytes.toString('utf8', 1, bytes.length - 1))
          expect(written((writer) => writer.string(text.toWellFormed()))).toEqual(expected)
          expect(written((writer) => writer.text(bytes, 1, bytes.length - 1))).toEqual(expected)
        }
      })
    )
  })

  it('has U+FFFD for bytes that are no text', () => {
    const bytes = Buffer.from([0x2f, 0x61, 0xff, 0x62])
    expect(written((writer) => writer.text(bytes, 0, 4))).toEqual(avro.Type.forSchema('string').toBuffer('/a\ufffdb'))
  })
})
