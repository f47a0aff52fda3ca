import fc from 'fast-check'

/** Expressions over a small alphabet, so that random texts do match. */
export const expression = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      'a',
      'b',
      'ab',
      '.',
      '[ab]',
      '[^a]',
      '\\d',
      '\\w',
      '\\s',
      '\\b',
      '\\B',
      '^',
      '$',
      'A',
      'é',
      '\\.',
      '😀',
      '[a-c0-9]'
    ),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(?:${a}|${b})`),
    fc
      .tuple(tie('node'), fc.constantFrom('*', '+', '?', '{2}', '{0,2}', '{1,}', '*?'))
      .map(([node, quantifier]) => `(?:${node})${quantifier}`)
  )
})).node

/** Texts that such expressions match. */
export const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', 'A', 'B', '1', ' ', '.', '\n', 'é', 'É', '😀'),
  maxLength: 12
})
