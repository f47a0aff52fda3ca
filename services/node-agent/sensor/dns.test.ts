import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { questionOf } from './dns.ts'

const head = (flags = 0x0100, questions = 1) =>
  Buffer.from([0, 1, flags >> 8, flags & 0xff, 0, questions, 0, 0, 0, 0, 0, 0])
const name = (...labels: Array<string | Buffer>) =>
  Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([Buffer.from(label).length]), Buffer.from(label)]),
    Buffer.from([0])
  ])
const query = (asked: Buffer, type = 1, flags?: number, questions?: number) =>
  Buffer.concat([head(flags, questions), asked, Buffer.from([type >> 8, type & 0xff, 0, 1])])

describe('the question of a DNS query', () => {
  it.each([
    ['an ordinary name', query(name('www', 'example', 'org')), { name: 'www.example.org', type: 'A' }],
    ['another type', query(name('example'), 28), { name: 'example', type: 'AAAA' }],
    ['a type without a name', query(name('example'), 4711), { name: 'example', type: '4711' }],
    ['bytes that are no text', query(name(Buffer.from([0, 0xff]), 'a.b')), { name: '\\000\\255.a\\046b', type: 'A' }],
    ['the root', query(name(), 2), { name: '', type: 'NS' }],
    ['an answer', query(name('example'), 1, 0x8180), null],
    ['no question', query(name('example'), 1, 0x0100, 0), null],
    ['a compressed name', Buffer.concat([head(), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0])]), null],
    ['a name that is cut', Buffer.concat([head(), Buffer.from([63]), Buffer.from('abcdef')]), null],
    ['a name that is too long', query(name(...Array.from({ length: 6 }, () => 'x'.repeat(60)))), null]
  ])('of %s', (_, message, expected) => {
    expect(questionOf(message)).toEqual(expected)
  })

  it('arbitrary bytes give a name in printable characters, or nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const question = questionOf(Buffer.concat([head(), Buffer.from(bytes)]))
        if (question !== null) expect(question.name).toMatch(/^[\x21-\x7e]*$/)
        questionOf(Buffer.from(bytes))
      }),
      { numRuns: 500 }
    )
  })
})
