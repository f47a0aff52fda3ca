import { describe, expect, it } from 'vitest'
import { loadTexts, ruleText } from '../../../test/support/rule-text.ts'

const PART = `name: part\n${ruleText({ s: { verb: 'get' }, condition: 's' }, 'product: kubernetes, service: audit', 'part')}`

/** Errors of a profile whose section is given, one key a line from line 3 on. */
const errorsOf = (...lines: readonly string[]) => {
  const { errors, profiles } = loadTexts([PART, `title: new\nprofile:\n${lines.map((line) => `  ${line}\n`).join('')}`])
  return { errors: errors.map(({ line, column, code, message }) => `${line}:${column} ${code} ${message}`), profiles }
}

const NEW = ['type: new_value', 'rules: [part]', 'of: [verb]', 'for: { cluster: [] }']
const RATE = ['type: rate', 'rules: [part]', 'for: { identity: [actor.name] }', 'per: 1h', 'least: 10']

describe('a profile document', () => {
  it.each([
    ['another type', ['type: counts'], '3:9 RULE_UNSUPPORTED the types of profiles are new_value and rate, not counts'],
    [
      'a key of the other type',
      [...NEW, 'least: 3'],
      '7:3 RULE_KEY_UNKNOWN a profile of type new_value has no key least'
    ],
    [
      'what is remembered of a rate',
      [...RATE, 'of: [verb]'],
      '8:3 RULE_KEY_UNKNOWN a profile of type rate has no key of'
    ],
    ['no period', RATE.filter((line) => !line.startsWith('per')), '3:3 RULE_KEY_MISSING per is missing in profile'],
    [
      'a period that days do not hold',
      [...RATE.slice(0, 3), 'per: 7h', 'least: 3'],
      '6:8 RULE_VALUE per has to divide a day, and be 10m or more: 10m, 1h, 6h, 1d'
    ],
    [
      'a memory of few periods',
      [...RATE.slice(0, 3), 'per: 1d', 'least: 3', 'memory: 3d', 'learn: 1d'],
      '6:8 RULE_VALUE memory has to hold at least 7 of the periods of per'
    ],
    [
      'a limit that is none',
      [...RATE.slice(0, 4), 'least: few'],
      '7:10 RULE_VALUE least has to be a number above 0, at most 1000000'
    ],
    [
      'a limit below nothing',
      [...RATE, 'deviations: -1'],
      '8:15 RULE_VALUE deviations has to be a number above 0, at most 1000000'
    ],
    [
      'a memory of minutes',
      [...NEW, 'memory: 90m', 'learn: 1m'],
      '3:3 RULE_VALUE memory has to be a day or more: values are remembered by the hour'
    ],
    ['more learning than memory', [...NEW, 'memory: 2d'], '3:3 RULE_VALUE learn has to be shorter than memory'],
    [
      'a release without rules',
      [...NEW, 'release: { within: 1h }'],
      '7:12 RULE_KEY_MISSING rules is missing in release, or empty'
    ],
    [
      'a release that lasts',
      [...NEW, 'release: { rules: [part], within: 3d }'],
      '7:12 RULE_VALUE within has to be a day or less'
    ],
    [
      'a release by a rule that is not there',
      [...NEW, 'release: { rules: [parts] }'],
      '7:22 RULE_REFERENCE there is no rule parts'
    ],
    ['a scope that is none', [...NEW.slice(0, 3), 'for: { cluter: [] }'], '6:10 RULE_KEY_UNKNOWN cluter is no scope']
  ])('with %s is refused, and the place is named', (_, lines, expected) => {
    const { errors, profiles } = errorsOf(...lines)
    expect([errors, profiles]).toEqual([[expected], []])
  })

  it.each([
    ['by the day where the memory is long', NEW, 86_400_000_000, 30],
    ['by the hour where it is short', [...NEW, 'memory: 3d', 'learn: 1d'], 3_600_000_000, 72]
  ])('remembers %s', (_, lines, unit_us, memory_units) => {
    const { errors, profiles } = errorsOf(...lines)
    expect(errors).toEqual([])
    expect(profiles.map((rule) => [rule.unit_us, rule.memory_units])).toEqual([[unit_us, memory_units]])
  })
})
