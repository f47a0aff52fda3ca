import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, it } from 'vitest'
import { clientAddress, isPublicAddress } from './client-address.ts'

/** What ipaddr.js says, without a shorter way for dotted quads. */
const oracle = (address: string) => ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast'

const quadOf = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
const numberOf = (quad: string) => quad.split('.').reduce((value, part) => value * 256 + Number(part), 0)

/** Where special blocks begin, and where the address space goes on behind them. */
const EDGES =
  `0.0.0.0 1.0.0.0 10.0.0.0 11.0.0.0 100.64.0.0 100.128.0.0 127.0.0.0 128.0.0.0 169.254.0.0 169.255.0.0 172.16.0.0
  172.32.0.0 192.0.0.0 192.0.1.0 192.0.2.0 192.0.3.0 192.31.196.0 192.31.197.0 192.52.193.0 192.52.194.0 192.88.99.0
  192.88.100.0 192.168.0.0 192.169.0.0 192.175.48.0 192.175.49.0 198.18.0.0 198.20.0.0 198.51.100.0 198.51.101.0
  203.0.113.0 203.0.114.0 224.0.0.0 240.0.0.0 255.255.255.255`.split(/\s+/)
const nearEdges = fc
  .tuple(fc.constantFrom(...EDGES), fc.constantFrom(-256, -1, 0, 1, 255, 256))
  .map(([edge, offset]) => quadOf(numberOf(edge) + offset))
const aligned = fc
  .tuple(fc.nat(0xffffffff), fc.nat(28))
  .map(([value, free]) => quadOf(Math.floor(value / 2 ** free) * 2 ** free))
const oddText = fc
  .array(fc.constantFrom('0', '1', '9', '10', '255', '256', '.', ':', '0x', 'f', ' ', '-', '%', '٣'), { maxLength: 12 })
  .map((parts) => parts.join(''))

describe('an address', () => {
  it('is public when ipaddr.js says so, however it is written', () => {
    const addresses = fc.oneof(fc.ipV4(), fc.ipV4Extended(), fc.ipV6(), nearEdges, aligned, oddText, fc.string())
    fc.assert(
      fc.property(addresses, (text) => {
        expect(isPublicAddress(text)).toBe(oracle(text))
      }),
      { numRuns: 3000 }
    )
  })

  it.each([
    ['8.8.8.8', true],
    ['10.1.2.3', false],
    ['2001:4860:4860::8888', true],
    ['::ffff:10.0.0.1', false],
    ['8.8.8.8.8', false],
    ['', false]
  ])('%s is public: %s', (address, expected) => {
    expect(isPublicAddress(address)).toBe(expected)
  })
})

describe('the client of a request', () => {
  it.each([
    [['10.0.0.1', '9.9.9.9', '8.8.8.8'], '9.9.9.9'],
    [['10.0.0.1', 'x'], '10.0.0.1'],
    [[], null]
  ])('of %j is %s', (addresses, expected) => {
    expect(clientAddress(addresses)).toBe(expected)
  })
})
