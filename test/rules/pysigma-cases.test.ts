import { describe, expect, it } from 'vitest'
import { runtimeEvent } from '../support/enriched-event.ts'
import { loadTexts, matches, ruleText } from '../support/rule-text.ts'

/**
 * What the tests of pySigma, the reference implementation of Sigma, ask of conditions, modifiers and values, as cases of our own.
 * pySigma compares trees that it makes of rules; here the same inputs are run against events on which right and wrong trees
 * differ. Where we differ from pySigma, the case is listed under `ELSEWHERE` with the reason.
 * Source: SigmaHQ/pySigma, tests/test_conditions.py, test_modifiers.py, test_types.py, test_rule.py.
 */

const FIELD = 'process.command_line'
const event = (text: string) => runtimeEvent({ process: { command_line: text } })
const LOGSOURCE = 'product: weir, category: runtime'
const codesOf = (detection: object) => loadTexts([ruleText(detection, LOGSOURCE)]).errors.map(({ code }) => code)

type Truth = Readonly<Record<'one' | 'two' | 'three' | 'four' | 'other', boolean>>
const NAMES = ['one', 'two', 'three', 'four', 'other'] as const
const identifiers = { detection1: ['val1'], detection2: ['val2'], detection3: ['val3'], detection_4: ['val4'] }
const WORDS: Readonly<Record<keyof Truth, string>> = {
  one: 'val1',
  two: 'val2',
  three: 'val3',
  four: 'val4',
  other: 'any'
}
/** Every way in which five search identifiers can be true and false. */
const TRUTHS: readonly Truth[] = Array.from({ length: 32 }, (_, bits) => {
  const at = (index: number) => (bits & (1 << index)) !== 0
  return { one: at(0), two: at(1), three: at(2), four: at(3), other: at(4) }
})

describe('conditions mean what pySigma makes of them', () => {
  const cases: readonly (readonly [string, (truth: Truth) => boolean])[] = [
    ['detection1 or detection2', ({ one, two }) => one || two],
    ['detection1 and detection2', ({ one, two }) => one && two],
    ['not detection1', ({ one }) => !one],
    ['detection1 or detection2 or detection3', ({ one, two, three }) => one || two || three],
    [
      'detection1 and not detection2 or not detection3 and detection_4',
      ({ one, two, three, four }) => (one && !two) || (!three && four)
    ],
    [
      '(detection1 or not detection2) and not (detection3 or detection_4)',
      ({ one, two, three, four }) => (one || !two) && !(three || four)
    ],
    ['1 of detection*', ({ one, two, three, four }) => one || two || three || four],
    ['any of detection*', ({ one, two, three, four }) => one || two || three || four],
    ['all of detection*', ({ one, two, three, four }) => one && two && three && four],
    ['1 of them', (truth) => Object.values(truth).some(Boolean)],
    ['any of them', (truth) => Object.values(truth).some(Boolean)],
    ['all of them', (truth) => Object.values(truth).every(Boolean)],
    ['1 of detection_*', ({ four }) => four],
    ['not 1 of detection* and other', ({ one, two, three, four, other }) => !(one || two || three || four) && other],
    ['not all of detection*', ({ one, two, three, four }) => !(one && two && three && four)]
  ]
  it.each(cases)('%s', (condition, meant) => {
    for (const truth of TRUTHS) {
      const text = NAMES.filter((name) => truth[name])
        .map((name) => WORDS[name])
        .join(' ')
      const detection = { ...identifiers, other: ['any'], condition }
      expect([truth, matches(detection, event(`/x ${text}`))]).toEqual([truth, meant(truth)])
    }
  })

  it('search identifiers that begin with an underscore are not among them', () => {
    const detection = { detection_1: ['val1'], detection_2: ['val2'], _detection_3: ['val3'], condition: 'any of them' }
    expect(['val1', 'val2', 'val3'].map((word) => matches(detection, event(word)))).toEqual([true, true, false])
  })

  it.each([
    ['a name that is only the beginning of others', 'detection'],
    ['nothing after an operator', 'detection1 and'],
    ['a quantifier that there is not', 'some of them'],
    ['a number other than 1', '2 of them'],
    ['a parenthesis left open', 'detection1 and (detection2 or detection3'],
    ['a parenthesis too many', 'detection1 and detection2)'],
    ['two identifiers and nothing between', 'detection1 detection2'],
    ['a pattern that means nothing', '1 of missing*'],
    ['an aggregation of Sigma 1', 'detection1 | count() by src_ip > 50'],
    ['an empty condition', '']
  ])('%s is an error', (_, condition) => {
    expect(codesOf({ ...identifiers, condition })).toEqual(['RULE_CONDITION'])
  })
})

describe('search identifiers mean what pySigma makes of them', () => {
  const map = (value: unknown) => ({ selection: value, condition: 'selection' })
  const seen = runtimeEvent({ process: { command_line: 'value1', pid: 123 } })
  it.each([
    ['a keyword', 'value1', true],
    ['keywords: any, numbers are text', ['missing', 123], true],
    ['keywords: none', ['missing', 999], false],
    ['all items of a map', { [FIELD]: 'value1', 'process.pid': 123, 'process.exit_code': null }, true],
    ['all items of a map, one wrong', { [FIELD]: 'value1', 'process.pid': 123, 'process.pid|exists': false }, false],
    ['lists of texts and numbers', { [FIELD]: ['value1', 123], 'process.pid': ['value1', 123] }, true],
    ['lists of values with and without wildcards', { [FIELD]: ['simple', '*alue*'] }, true],
    ['an expression', { [`${FIELD}|re`]: 'val.*1' }, true],
    ['a list of maps: any of them', [{ [FIELD]: 'missing' }, { 'process.pid': 123 }], true]
  ])('%s', (_, selection, expected) => {
    expect(matches(map(selection), seen)).toBe(expected)
  })

  it('several conditions are alternatives', () => {
    expect(matches({ a: ['value1'], b: ['missing'], condition: ['b', 'a'] }, seen)).toBe(true)
  })

  it.each([
    ['no search identifier', { condition: 'selection' }, 'RULE_KEY_MISSING'],
    ['no condition', { selection: ['x'] }, 'RULE_KEY_MISSING'],
    ['an empty map', map({}), 'RULE_VALUE'],
    ['an empty list of keywords', map([]), 'RULE_VALUE'],
    ['null as a keyword', map([null]), 'RULE_VALUE'],
    ['a modifier that there is not', map({ [`${FIELD}|mod1|re|mod2`]: 'x' }), 'RULE_MODIFIER_UNKNOWN']
  ])('%s is an error', (_, detection, code) => {
    expect(codesOf(detection)).toEqual([code])
  })
})

describe('values mean what pySigma makes of them', () => {
  // The pattern as it stands in the rule, texts that it is, texts that it is not.
  it.each([
    ['plain', ['plain', 'PLAIN'], ['plain ', 'plai', '']],
    ['wild*cards?contained', ['wildcards-contained', 'wild and cards contained'], ['wildcardscontained']],
    ['escaped\\*\\?\\\\*?', ['escaped*?\\x', 'escaped*?\\and more'], ['escapedab\\x', 'escaped*?\\', 'escaped*?x']],
    ['escaped\\nonspecial', ['escaped\\nonspecial'], ['escapednonspecial', 'escaped\nonspecial']],
    ['finalescape\\', ['finalescape\\'], ['finalescape']],
    ['test\\*string', ['test*string'], ['test-string']],
    ['value\\*with\\?plain*wild?cards', ['value*with?plain--wild-cards'], ['valueXwithXplainwild-cards']],
    ['*Test*Str\\*ing*', ['a Test b Str*ing c', 'TestStr*ing'], ['TestString']]
  ])('%s', (pattern, same, different) => {
    const detection = { selection: { [FIELD]: pattern }, condition: 'selection' }
    expect(same.map((text) => matches(detection, event(text)))).toEqual(same.map(() => true))
    expect(different.map((text) => matches(detection, event(text)))).toEqual(different.map(() => false))
  })

  const placeholders = new Map([
    ['var', ['A', '*']],
    ['start', ['<']],
    ['middle', ['=']],
    ['end', ['>']]
  ])
  it.each([
    ['test%var%test', ['testAtest', 'test-anything-test'], ['test%var%test!']],
    ['%start%te*st1%middle%te?st2%end%', ['<te-st1=te-st2>'], ['<test1=test2>']],
    ['\\%test1\\%test2\\%%start%\\%test3\\%', ['%test1%test2%<%test3%'], ['<test1<test2%<%test3%']]
  ])('%s with placeholders', (pattern, same, different) => {
    const detection = { selection: { [`${FIELD}|expand`]: pattern }, condition: 'selection' }
    const test = (text: string) => matches(detection, event(text), { placeholders })
    expect(same.map(test)).toEqual(same.map(() => true))
    expect(different.map(test)).toEqual(different.map(() => false))
  })
})

describe('modifiers mean what pySigma makes of them', () => {
  const wide = (text: string) => text.replace(/./gu, '$&\0')
  // Modifiers, value, texts that match, texts that do not.
  it.each([
    ['contains', 'foobar', ['foobar', '-foobar-', 'FOOBAR!'], ['fooba']],
    ['contains', '*foobar', ['-foobar-'], ['foo']],
    ['contains', 'foobar*', ['-foobar-'], ['foo']],
    ['contains', '*foobar*', ['foobar', '-foobar-'], ['foo']],
    ['startswith', 'foobar', ['foobar', 'foobar-'], ['-foobar']],
    ['startswith', 'foobar*', ['foobar', 'foobar-'], ['-foobar']],
    ['endswith', 'foobar', ['foobar', '-foobar'], ['foobar-']],
    ['endswith', '*foobar', ['foobar', '-foobar'], ['foobar-']],
    ['base64', 'foobar', ['Zm9vYmFy'], ['foobar', '-Zm9vYmFy']],
    ['base64offset', 'foobar', ['Zm9vYmFy', 'Zvb2Jhc', 'mb29iYX'], ['foobar', 'm9vYmFy']],
    ['base64offset|contains', 'foobar', ['Zm9vYmFy', '-Zvb2Jhc-', 'xmb29iYXI='], ['foobar']],
    ['wide', '*foobar*', [wide('foobar'), wide('-foobar-')], ['foobar']],
    ['utf16le', 'foobar', [wide('foobar')], ['foobar']],
    ['utf16be', 'foobar', ['foobar'.replace(/./gu, '\0$&')], [wide('foobar')]],
    ['utf16|base64', 'cmd', ['//5jAG0AZAA='], ['YwBtAGQA']],
    [
      'windash',
      '-param-1 -param2',
      ['-param-1 -param2', '-param-1 /param2', '/param-1 -param2', '/param-1 /param2', '\u2013param-1 \u2014param2'],
      ['-param/1 -param2', 'param-1 -param2', '+param-1 -param2']
    ],
    ['windash|contains', ' -encode ', ['x /encode y', 'x \u2015encode y'], ['x encode y']],
    ['re', 'foo?bar.*', ['fobar', 'foobar and more', 'a foobar'], ['foo?bar', 'FOOBAR']],
    ['re', 'foo\\\\bar', ['foo\\bar'], ['foobar', 'foo\\\\bar']],
    ['re|i', 'foo.*bar', ['FOO-BAR'], ['FO-BAR']],
    ['re|m', '^foo$', ['x\nfoo\ny'], ['x\nfoo-y']],
    ['re|s', 'foo.*bar', ['foo\n\nbar'], ['foo\n\nba']],
    ['re|contains', 'foo?bar', ['-foobar-'], ['foo']],
    ['re|contains', '^foo?bar', ['foobar-'], ['-foobar']],
    ['re|contains', 'foo?bar$', ['-foobar'], ['foobar-']],
    ['re|contains', '.*foo?bar', ['-foobar-'], ['foo']],
    ['re|contains', 'foo?bar.*', ['-foobar-'], ['foo']],
    ['re|startswith', 'foo?bar', ['foobar-'], ['-foobar']],
    ['re|startswith', '^foo?bar', ['foobar-'], ['-foobar']],
    ['re|startswith', 'foo?bar$', ['foobar'], ['foobar-', '-foobar']],
    ['re|startswith', 'foo?bar.*', ['foobar-'], ['-foobar']],
    ['re|endswith', 'foo?bar', ['-foobar'], ['foobar-']],
    ['re|endswith', '^foo?bar', ['foobar'], ['-foobar', 'foobar-']],
    ['re|endswith', 'foo?bar$', ['-foobar'], ['foobar-']],
    ['re|endswith', '.*foo?bar', ['-foobar'], ['foobar-']],
    ['all', ['*foo*', '*bar*'], ['foo bar', 'barfoo'], ['foo', 'bar']],
    ['contains|all', ['foo', 'bar'], ['foo bar', 'barfoo'], ['foo', 'bar']],
    ['re|all', ['fo+', 'ba+r'], ['foo baar'], ['foo br']],
    ['lt', 123, ['122', '-1', '122.5'], ['123', '124', 'x', '']],
    ['lte', 123, ['122', '123'], ['124', 'x']],
    ['gt', 123, ['124', '123.5'], ['123', '122', 'x']],
    ['gte', 123, ['124', '123'], ['122', 'x']],
    ['neq', 'foo', ['bar', ''], ['foo', 'FOO']],
    ['neq', 5, ['6', 'x'], ['5']],
    ['cased', 'Foo', ['Foo'], ['foo']],
    ['cased|contains', 'Foo', ['a Foo b'], ['a foo b']],
    ['contains|cased', 'Foo', ['a Foo b'], ['a foo b']],
    ['cidr', '192.168.1.0/24', ['192.168.1.0', '192.168.1.255'], ['192.168.2.0', '192.168.0.255', 'x']],
    ['cidr', '2001:db8::/32', ['2001:db8:1::2'], ['2001:db9::']],
    ['exists', true, ['x', ''], []],
    ['exists', false, [], ['x', '']]
  ])('%s: %j', (modifiers, value, same, different) => {
    const detection = { selection: { [`${FIELD}|${modifiers}`]: value }, condition: 'selection' }
    expect(same.map((text) => [text, matches(detection, event(text))])).toEqual(same.map((text) => [text, true]))
    expect(different.map((text) => [text, matches(detection, event(text))])).toEqual(
      different.map((text) => [text, false])
    )
  })

  it.each([
    ['base64 of a wildcard', 'base64', 'foo*bar'],
    ['base64offset of a wildcard', 'base64offset', 'foo*bar'],
    ['base64offset of an expression', 're|base64offset', 'foo.*bar'],
    ['base64 of a number', 'base64', 123],
    ['UTF-16 of what is not ASCII, compared as text', 'wide', 'foob\u00e4r'],
    ['an expression of what was modified', 'base64|re', 'foo?bar.*'],
    ['a range of what was modified', 'base64|cidr', '192.168.1.0/24'],
    ['existence of what was modified', 'base64|exists', true],
    ['existence that is text', 'exists', 'yes'],
    ['a comparison with text', 'gte', '123'],
    ['a range that is none', 'cidr', '192.168.1'],
    ['a range with host bits', 'cidr', '192.168.1.1/24'],
    ['a range of IPv6 with host bits', 'cidr', '2001:db8::1/32'],
    ['a range longer than addresses', 'cidr', '192.168.1.0/33'],
    ['a flag of no expression', 'i', 'x'],
    ['contains of a number', 'contains', 5]
  ])('%s is an error', (_, modifiers, value) => {
    const detection = { selection: { [`${FIELD}|${modifiers}`]: value }, condition: 'selection' }
    expect(codesOf(detection)).toEqual(['RULE_MODIFIER_MISUSED'])
  })

  it('existence needs a field', () => {
    expect(codesOf({ selection: { '|exists': true }, condition: 'selection' })).toEqual(['RULE_MODIFIER_MISUSED'])
  })

  it('an expression that is none is an error', () => {
    expect(codesOf({ selection: { [`${FIELD}|re`]: '(test.*' }, condition: 'selection' })).toEqual(['RULE_REGEX'])
  })
})

describe('what is wrong in the document is an error, as in pySigma', () => {
  const document = (change: object) =>
    JSON.stringify({
      title: 'a rule',
      logsource: { product: 'linux', category: 'process_creation' },
      detection: { selection: { Image: 'x' }, condition: 'selection' },
      ...change
    })
  it.each([
    ['a level that there is not', { level: 'bad' }, 'RULE_VALUE'],
    ['a status that there is not', { status: 'bad' }, 'RULE_VALUE'],
    ['an empty log source', { logsource: {} }, 'RULE_KEY_MISSING'],
    ['no log source', { logsource: undefined }, 'RULE_KEY_MISSING'],
    ['no detection', { detection: undefined }, 'RULE_DOCUMENT_KIND']
  ])('%s', (_, change, code) => {
    expect(loadTexts([document(change)]).errors.map((error) => error.code)).toEqual([code])
  })
})

/** Where the engine and pySigma differ, and why. */
const ELSEWHERE: readonly {
  readonly what: string
  readonly why: string
  readonly detection?: object
  readonly top?: object
  readonly here: 'loads' | 'RULE_VALUE'
}[] = [
  {
    what: 'operators in upper case',
    why: 'pySigma refuses them; older published rules write them, and they can mean nothing else',
    detection: { ...identifiers, condition: 'detection1 AND NOT (detection2 OR detection3)' },
    here: 'loads'
  },
  {
    what: 'an empty list of values',
    why: 'pySigma takes it for null; a list that lost its values looks the same, so the author is asked',
    detection: { selection: { [FIELD]: [] }, condition: 'selection' },
    here: 'RULE_VALUE'
  },
  {
    what: 'all on a single value',
    why: 'the specification leaves it out because some back ends cannot do it; this one can, and it means that value',
    detection: { selection: { [`${FIELD}|contains|all`]: 'x' }, condition: 'selection' },
    here: 'loads'
  },
  {
    what: 'an id that is no UUID',
    why: 'the specification recommends UUIDs and does not ask for them',
    top: { id: 'no-uuid' },
    here: 'loads'
  },
  {
    what: 'a date that is none, a tag without a namespace',
    why: 'nothing is computed from them, and a detection is not given up for them',
    top: { date: 'bad', tags: ['tag'] },
    here: 'loads'
  }
]

describe('where we differ from pySigma', () => {
  it.each(ELSEWHERE)('$what: $why', ({ detection, top, here }) => {
    const text = JSON.stringify({
      title: 'a rule',
      logsource: { product: 'weir', category: 'runtime' },
      detection: detection ?? { selection: ['x'], condition: 'selection' },
      ...top
    })
    expect(loadTexts([text]).errors.map(({ code }) => code)).toEqual(here === 'loads' ? [] : [here])
  })
})
