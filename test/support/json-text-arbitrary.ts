import fc from 'fast-check'

/** A text that JSON allows, and values with it: strings with escapes, blanks anywhere, keys that come twice. */

const blank = fc.constantFrom('', '', '', ' ', '\n', '\t \r\n')

/** Characters that a scanner could stumble over, and any others. */
const character = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', '/', '\u0000', '\u2028', '\ud800', 'a')
  },
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 })
)

const escaped = (text: string, how: number): string => {
  const plain = JSON.stringify(text)
  if (how % 3 !== 0) return plain
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at).toString(16).padStart(4, '0'))
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`
}

/** The text of a string. */
export const stringText = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(text, fc.nat({ max: 5 })).map(([value, how]) => escaped(value, how))

const anyString = fc.oneof(
  fc.array(character, { maxLength: 6 }).map((parts) => parts.join('')),
  fc.constantFrom('__proto__', 'constructor', 'x'.repeat(40), `${'x'.repeat(30)}\\"y`, 'verb', 'requestObject')
)
const scalarText = fc.oneof(
  stringText(anyString),
  fc.constantFrom('null', 'true', 'false', '0', '-0', '1e400', '123456789012345678901234567890', '-1.5e-7', '""'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number))
)

const listed = (open: string, close: string, items: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc
    .tuple(blank, fc.array(fc.tuple(items, blank, blank), { maxLength }))
    .map(([first, all]) => `${open}${first}${all.map(([item, a, b]) => `${a}${item}${b}`).join(',')}${close}`)

/** The text of an object, with members of some keys more often than of any others. */
export const objectText = (keys: fc.Arbitrary<string>, values: fc.Arbitrary<string>, maxLength = 6) =>
  listed(
    '{',
    '}',
    fc.tuple(stringText(keys), blank, blank, values).map(([key, a, b, value]) => `${key}${a}:${b}${value}`),
    maxLength
  )

/** The text of any value whose objects have keys such as those. */
export const valueText = (keys: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      scalarText,
      listed('[', ']', tie('value'), 4),
      objectText(fc.oneof(keys, anyString), tie('value'), 4)
    )
  })).value
