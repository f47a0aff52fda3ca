import { describe, expect, it } from 'vitest'
import { span } from './incident-verdicts.ts'

describe('a span of time', () => {
  it.each([
    ['90m', 5_400_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000]
  ])('of %s is %d ms', (text, milliseconds) => {
    expect(span(text)).toBe(milliseconds)
  })

  it.each(['', '7', 'd', '0d', '-1d', '1.5h', '3y', '7 d', '999999d'])('is not %j', (text) => {
    expect(() => span(text)).toThrow('90m, 12h, 7d or 2w')
  })
})
