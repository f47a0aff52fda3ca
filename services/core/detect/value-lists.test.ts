import { describe, expect, it } from 'vitest'
import { parseValueLists } from './value-lists.ts'

const list = (text: string, file = 'a.list.yml') => parseValueLists([{ file, text }])
const GOOD = 'title: Shells\nname: shells\nreferences: [https://example.org]\nvalues: [sh, bash]\n'

describe('parseValueLists', () => {
  it('gives the values of a list under its name', () => {
    const { placeholders, errors } = list(GOOD)
    expect(errors).toEqual([])
    expect([...placeholders]).toEqual([['shells', ['sh', 'bash']]])
  })

  it.each([
    ['no name', GOOD.replace('name: shells\n', ''), 'RULE_KEY_MISSING', 1],
    ['no references', GOOD.replace(/references.*\n/, ''), 'RULE_KEY_MISSING', 1],
    ['no values', GOOD.replace(/values.*\n/, ''), 'RULE_KEY_MISSING', 1],
    ['an unknown key', `${GOOD}vaules: [x]\n`, 'RULE_KEY_UNKNOWN', 5],
    ['a name that no placeholder can have', GOOD.replace('name: shells', 'name: she-lls'), 'RULE_VALUE', 2],
    ['an empty list', GOOD.replace('[sh, bash]', '[]'), 'RULE_VALUE', 4],
    ['values that are not texts', GOOD.replace('[sh, bash]', '[1]'), 'RULE_VALUE', 4],
    ['a value twice', GOOD.replace('[sh, bash]', '[sh, sh]'), 'RULE_DUPLICATE', 4],
    ['something else than a map', '- sh\n', 'RULE_VALUE', 1]
  ])('refuses %s, saying where', (_, text, code, line) => {
    expect(list(text).errors).toEqual([expect.objectContaining({ file: 'a.list.yml', code, line })])
  })

  it('keeps the first of two lists with one name, and says so', () => {
    const { placeholders, errors } = parseValueLists([
      { file: 'a.list.yml', text: GOOD },
      { file: 'b.list.yml', text: GOOD.replace('[sh, bash]', '[zsh]') }
    ])
    expect(placeholders.get('shells')).toEqual(['sh', 'bash'])
    expect(errors.map(({ file, code }) => [file, code])).toEqual([['b.list.yml', 'RULE_DUPLICATE']])
  })
})
