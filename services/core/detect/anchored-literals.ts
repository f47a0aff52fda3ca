import { type CharacterClasses, characterClasses } from './folded-ascii.ts'

/** A literal at the start or at the end of a text. */
export interface AnchoredLiteral {
  /** Folded ASCII, not empty. */
  readonly text: string
  /** What is told when the text has it. */
  readonly hits: readonly number[]
}

/** The literals that begin with the same characters, as many as they share. */
interface Group {
  /** How many characters they share. */
  readonly shared: number
  /** Told when all of these are there: hits of literals that end with them. */
  readonly hits: readonly number[]
  /** The rest by the class of the character behind these, each a place in the list of groups. */
  readonly next: ReadonlyMap<number, number>
  /** Classes of the shared characters. */
  readonly classes: Uint8Array
}

type Spelled = readonly { readonly classes: Uint8Array; readonly hits: readonly number[] }[]

function sharedLength(literals: Spelled, from: number): number {
  const [first] = literals
  let length = from
  while (first !== undefined && length < first.classes.length) {
    const character = first.classes[length]
    if (literals.some(({ classes }) => classes[length] !== character)) break
    length += 1
  }
  return length
}

/** Puts literals into groups, the group of all being the first. */
function groupsOf(all: Spelled): readonly Group[] {
  const groups: Group[] = []
  const pending: { readonly literals: Spelled; readonly from: number }[] = [{ literals: all, from: 0 }]
  for (const { literals, from } of pending) {
    const shared = sharedLength(literals, from)
    const ending = literals.filter(({ classes }) => classes.length === shared)
    const rest = Map.groupBy(
      literals.filter(({ classes }) => classes.length > shared),
      ({ classes }) => classes[shared] ?? 0
    )
    const next = new Map<number, number>()
    for (const [character, others] of rest) {
      next.set(character, pending.length)
      pending.push({ literals: others, from: shared + 1 })
    }
    groups.push({
      shared,
      hits: ending.flatMap(({ hits }) => hits),
      next,
      classes: literals[0]?.classes.subarray(0, shared) ?? new Uint8Array()
    })
  }
  return groups
}

const spell = (text: string, { ascii }: CharacterClasses): Uint8Array =>
  Uint8Array.from(text, (character) => ascii[character.charCodeAt(0)] ?? 0)

const NO_HITS: readonly number[] = []

/**
 * Finds the literals that a text begins or ends with. Only characters that tell literals apart are looked at, and all of a literal
 * only when nothing else is left, so that most texts are done after one or two characters, and long ones cost no more.
 * Source: Donald R. Morrison, "PATRICIA: practical algorithm to retrieve information coded in alphanumeric", JACM 15 (1968).
 * @param literals at least one
 * @param place where they have to be; ends are read backwards
 */
export function anchoredLiterals(
  literals: readonly AnchoredLiteral[],
  place: 'start' | 'end'
): (text: string, hit: (found: number) => void) => void {
  const characters = characterClasses(literals.map(({ text }) => text))
  const { ascii, beyond, width } = characters
  const backwards = place === 'end'
  const groups = groupsOf(
    literals.map(({ text, hits }) => {
      const classes = spell(text, characters)
      return { classes: backwards ? classes.toReversed() : classes, hits }
    })
  )
  const steps = new Int32Array(groups.length * width)
  groups.forEach(({ next }, group) => {
    for (const [character, to] of next) steps[group * width + character] = to
  })
  const sharedBy = Int32Array.from(groups, ({ shared }) => shared)
  const spelled = groups.map(({ classes }) => classes)
  const told = groups.map(({ hits }) => (hits.length === 0 ? NO_HITS : hits))

  const classAt = (text: string, at: number): number => {
    const code = text.charCodeAt(backwards ? text.length - 1 - at : at)
    return code < 128 ? (ascii[code] ?? 0) : (beyond.get(code) ?? 0)
  }
  return (text, hit) => {
    const { length } = text
    let group = 0
    let seen = 0
    for (;;) {
      const shared = sharedBy[group] ?? 0
      if (length < shared) return
      const hits = told[group] ?? NO_HITS
      if (hits !== NO_HITS) {
        const classes = spelled[group]
        // What differs here differs for all groups below.
        for (; seen < shared; seen += 1) if (classAt(text, seen) !== classes?.[seen]) return
        for (const found of hits) hit(found)
      }
      if (length === shared) return
      // The first group is never a next one, so that 0 stands for none.
      group = steps[group * width + classAt(text, shared)] ?? 0
      if (group === 0) return
    }
  }
}
