import { describe, expect, it } from 'vitest'
import { loadTexts } from '../../../test/support/rule-text.ts'
import { coverageOf, navigatorLayer } from './rule-coverage.ts'

const rule = (title: string, tags: readonly string[], code?: string) =>
  JSON.stringify({
    title,
    tags,
    logsource: { product: 'kubernetes', service: 'audit' },
    detection: { a: { verb: 'get' }, condition: 'a' },
    ...(code === undefined ? {} : { 'x-weir': { code } })
  })

const { alerting: loaded } = loadTexts([
  rule('ten', ['attack.execution', 'attack.t1609', 'attack.t1552.007'], 'A10'),
  rule('nine', ['attack.credential-access', 'attack.T1552.007'], 'A9'),
  rule('none', ['attack.execution', 'cve.2024-1'])
])

describe('coverage', () => {
  it('sets techniques against rules, in order of ids and codes', () => {
    const { techniques, rules, without_technique } = coverageOf(loaded)
    expect(rules).toBe(3)
    expect(
      techniques.map(({ technique, tactics, rules }) => [technique, tactics, rules.map(({ code }) => code)])
    ).toEqual([
      ['T1552.007', ['credential-access', 'execution'], ['A9', 'A10']],
      ['T1609', ['execution'], ['A10']]
    ])
    expect(without_technique.map(({ title }) => title)).toEqual(['none'])
  })

  it('is a Navigator layer whose scores are numbers of rules', () => {
    expect(navigatorLayer(coverageOf(loaded), 'Weir')).toMatchObject({
      name: 'Weir',
      domain: 'enterprise-attack',
      versions: { layer: '4.5' },
      techniques: [
        { techniqueID: 'T1552.007', score: 2, comment: 'A9 nine\nA10 ten', enabled: true },
        { techniqueID: 'T1609', score: 1, enabled: true }
      ],
      gradient: { minValue: 0, maxValue: 2 }
    })
  })

  it('of no rules is an empty layer', () => {
    expect(navigatorLayer(coverageOf([]), 'x')).toMatchObject({ techniques: [], gradient: { maxValue: 1 } })
  })
})
