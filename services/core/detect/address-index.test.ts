import fc from 'fast-check'
import { expect, it } from 'vitest'
import { addressIndex } from './address-index.ts'
import { inRange, parseAddress, parseRange } from './ip-range.ts'

const address = fc.oneof(
  fc.tuple(fc.constantFrom(0, 9, 10, 11, 255), fc.constantFrom(0, 1, 255)).map(([a, b]) => `${a}.${b}.0.1`),
  fc.constantFrom(
    '::1',
    'fe80::1',
    '::ffff:10.1.0.1',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    'no address',
    '',
    '10.1.0',
    '10.1.0.1.1',
    '10.1.0.1 ',
    '10.01.0.1',
    '10.1.0.256',
    '10.1.0.',
    '10.1.0.1:80'
  )
)
const range = fc
  .oneof(
    fc.tuple(fc.constantFrom(0, 10, 255), fc.constantFrom(0, 1, 255), fc.integer({ min: 0, max: 32 })),
    fc.constantFrom('::/0', 'fe80::/10', '::1')
  )
  .map((given) => (typeof given === 'string' ? given : `${given[0]}.${given[1]}.0.1/${given[2]}`))

it('an address index finds exactly the ranges that an address lies in, each time it is asked', () => {
  fc.assert(
    fc.property(
      fc.array(range, { minLength: 1, maxLength: 8 }),
      fc.array(address, { maxLength: 8 }),
      (texts, asked) => {
        const ranges = texts.map((text, told) => {
          const parsed = parseRange(text)
          if (parsed === null) throw new Error(`${text} is no range`)
          return { range: parsed, told }
        })
        const index = addressIndex(ranges)
        for (const text of [...asked, ...asked]) {
          const found: number[] = []
          index(text, (told) => found.push(told))
          const seen = parseAddress(text)
          expect(found.sort((a, b) => a - b)).toEqual(
            ranges.filter((one) => seen !== null && inRange(one.range, seen)).map(({ told }) => told)
          )
        }
      }
    )
  )
})

it.each([
  ['0.0.0.0', 0xffff_0000_0000n],
  ['255.255.255.255', 0xffff_ffff_ffffn],
  ['200.1.0.7', 0xffff_c801_0007n],
  ['::ffff:200.1.0.7', 0xffff_c801_0007n],
  ['::200.1.0.7', 0xc801_0007n]
])('%s is an address', (text, address) => {
  expect(parseAddress(text)).toBe(address)
})

it.each([
  '',
  '1',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.4.',
  '.1.2.3',
  '1..2.3',
  '1.2.3.256',
  '1.2.3.04',
  '1.2.3.4 ',
  '1.2.3.x',
  '1.2.3.4:80'
])('%j is no address', (text) => {
  expect(parseAddress(text)).toBeNull()
})
