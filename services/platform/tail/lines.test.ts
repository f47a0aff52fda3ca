import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLineSplitter } from './lines.ts'

function split(chunks: readonly Buffer[], maxBytes: number) {
  const splitter = createLineSplitter(maxBytes)
  const results = [...chunks.map((chunk) => splitter.push(chunk)), splitter.finish()]
  return {
    lines: results.flatMap(({ lines }) => lines.map(String)),
    too_long: results.reduce((sum, { too_long }) => sum + too_long, 0)
  }
}

describe('the line splitter', () => {
  it('gives the same lines however the bytes are cut into chunks', () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'é', '"', '\r'), maxLength: 12 })
    fc.assert(
      fc.property(
        fc.array(line),
        fc.constantFrom('\n', '\r\n'),
        fc.array(fc.nat(200)),
        fc.integer({ min: 1, max: 12 }),
        (lines, end, cuts, max) => {
          const bytes = Buffer.from(lines.map((text) => text + end).join(''))
          const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
          const chunks = places.slice(1).map((place, index) => bytes.subarray(places[index] ?? 0, place))
          expect(split(chunks, max)).toEqual(split([bytes], max))
        }
      )
    )
  })

  it.each([
    ['LF', 'a\nb\n', ['a', 'b']],
    ['CRLF', 'a\r\nb\r\n', ['a', 'b']],
    ['a carriage return within', 'a\rb\n', ['a\rb']],
    ['empty lines', '\n\r\na\n\n', ['a']],
    ['a last line without end', 'a\nb', ['a', 'b']],
    ['nothing', '', []]
  ])('reads %s', (_, text, lines) => {
    expect(split([Buffer.from(text)], 100)).toEqual({ lines, too_long: 0 })
  })

  it('passes over lines beyond the bound, counts them and keeps none of their bytes', () => {
    const splitter = createLineSplitter(10)
    expect(splitter.push(Buffer.from('0123456789\r\nshort\n01234567890\n'))).toMatchObject({ too_long: 1 })
    for (let n = 0; n < 1000; n += 1) expect(splitter.push(Buffer.alloc(1000, 'x')).lines).toEqual([])
    expect(splitter.pending_bytes).toBe(1_000_000)
    expect(splitter.push(Buffer.from('\nafter\n'))).toEqual({ lines: [Buffer.from('after')], too_long: 1 })
  })

  it('can begin in the middle of a line', () => {
    const splitter = createLineSplitter(10)
    splitter.skipToNextLine()
    expect(splitter.push(Buffer.from('rest of one\nwhole\n'))).toEqual({ lines: [Buffer.from('whole')], too_long: 0 })
  })
})
