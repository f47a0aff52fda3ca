import type { Random } from '../support/scenario/random.ts'

/** Texts that have broken programs of this kind: wildcards, escapes, other alphabets, names that every object has, long ones. */
const HOSTILE: readonly string[] = [
  '',
  '*',
  '?',
  '\\',
  '\\*',
  '**?*',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'a.b.c',
  '\u0000',
  '\u212aube',
  '\u0130\u0131\u017f',
  '\ud800',
  '😀',
  'ß',
  'e\u0301',
  '-0',
  '1e309',
  '0x10',
  '999999999999999999999',
  'true',
  'null',
  '~',
  '::ffff:10.0.0.1',
  '10.0.0.0/33',
  '256.1.1.1',
  '/proc/self/exe',
  'system:serviceaccount:kube-system:default',
  `${'a'.repeat(3_000)}!`,
  `${'../'.repeat(40)}etc/shadow`,
  '%00',
  "'",
  '"'
]

/** Pieces of YAML and Sigma that change what a rule means. */
const PIECES: readonly string[] = [
  ...HOSTILE,
  '|contains',
  '|startswith',
  '|endswith',
  '|all',
  '|re',
  '|re|i|m|s',
  '|cased',
  '|cidr',
  '|neq',
  '|exists',
  '|gt',
  '|lte',
  '|base64offset|contains',
  '|wide|base64',
  '|windash',
  '|expand',
  '|fieldref',
  '|minute',
  ' and not ',
  ' or ',
  '1 of them',
  'all of sel*',
  '(',
  ')',
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '&a ',
  '*a',
  '<<: ',
  '---\n',
  '!!binary ',
  '|\n',
  '>-\n',
  '(a+)+$',
  '(?<=a)b',
  '[^]',
  '(x{1,900}){1,900}',
  '.*.*.*=',
  '\\p{L}',
  '%users%',
  '\n  ',
  '\t',
  '#'
]

/** The modifiers among the pieces. */
const MODIFIERS = PIECES.filter((piece) => /^\|[a-z0-9|]+$/.test(piece))

/** A place in something of a length. */
const index = (random: Random, length: number): number => Math.floor(random.next() * length)

/** Changes lines of a text, or characters of a line, a few times. */
export function mutateText(random: Random, text: string, others: readonly string[]): string {
  const lines = text.split('\n')
  for (let left = 1 + index(random, 4); left > 0; left -= 1) {
    const at = index(random, lines.length)
    const line = lines[at] ?? ''
    const cut = index(random, line.length + 1)
    switch (index(random, 7)) {
      case 0:
        lines.splice(at, 1)
        break
      case 1:
        lines.splice(at, 0, line)
        break
      case 2:
        // A line of another rule.
        lines.splice(at, 0, random.pick(random.pick(others).split('\n')))
        break
      case 3:
        lines[at] = `${line.slice(0, cut)}${random.pick(PIECES)}${line.slice(cut + index(random, 4))}`
        break
      case 4:
        // Another value, in quotes, so that the rule still is one.
        lines[at] = line.replace(/(:|-) [^:]*$/, (_, mark: string) => `${mark} ${JSON.stringify(random.pick(HOSTILE))}`)
        break
      case 5:
        // Another modifier.
        lines[at] = line.replace(/(\|[a-z0-9]+)?:/, `${random.pick(MODIFIERS)}:`)
        break
      default:
        lines[at] = line.slice(0, cut) + line.slice(cut + 1)
    }
  }
  return lines.join('\n')
}

/** Words of rules, which events have to have now and then for rules to come near to matching. */
export function wordsOf(rules: readonly string[]): readonly string[] {
  return rules.flatMap((text) => text.match(/[^\s'",[\]{}|*]+/g) ?? [])
}

/** Changes some leaves of JSON and some lists; `shape` keeps the types of everything, for what has a schema. */
export function mutateJson(
  random: Random,
  value: unknown,
  { share, shape, words }: { readonly share: number; readonly shape: boolean; readonly words: readonly string[] }
): unknown {
  const inside = { share, shape, words }
  const changed = random.next() < share
  if (typeof value === 'string') return changed ? mutateLeaf(random, value, words) : value
  if (typeof value === 'number') return changed ? random.pick([0, -1, 5, 403, 2 ** 53, 0.5, value + 1]) : value
  if (Array.isArray(value)) {
    const elements: readonly unknown[] = value
    const inner = elements.map((element) => mutateJson(random, element, inside))
    if (!changed) return inner
    return random.next() < 0.5 ? [] : shape ? [...inner, ...inner] : [inner, ...inner]
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [
      key,
      mutateJson(random, inner, inside)
    ])
    if (shape || !changed) return Object.fromEntries(entries)
    return Object.fromEntries([...entries.slice(1), [random.pick(HOSTILE), entries[0]?.[1] ?? null]])
  }
  return changed && !shape ? random.pick<unknown>([null, true, {}, [], '', 0]) : value
}

function mutateLeaf(random: Random, text: string, words: readonly string[]): string {
  const cut = index(random, text.length + 1)
  const other = words.length === 0 || random.next() < 0.4 ? random.pick(HOSTILE) : random.pick(words)
  switch (index(random, 4)) {
    case 0:
      return other
    case 1:
      return random.next() < 0.5 ? text.toUpperCase() : text.toLowerCase()
    case 2:
      return text.slice(0, cut) + other + text.slice(cut)
    default:
      return text.slice(cut)
  }
}
