import type { CharacterSet } from './character-sets.ts'
import { foldedAscii } from './folded-ascii.ts'
import type { RegexNode } from './regex-syntax.ts'

/** More alternatives are not written out, and longer texts not joined: they would tell little more. */
const MOST_TEXTS = 24
const MOST_CHARACTERS = 24

/** What is known of the texts that a part of an expression matches. */
interface Known {
  /** All of them, when they are few, folded; null when not known. */
  readonly all: readonly string[] | null
  /** One of these lies in each of them; null when nothing is known to. */
  readonly some: readonly string[] | null
  /** Each of them ends with one of these, unless it is empty where that is possible; null when not known. */
  readonly ends: readonly string[] | null
  readonly mayBeEmpty: boolean
}

const NOTHING: Known = { all: null, some: null, ends: null, mayBeEmpty: false }

const knownTexts = (all: readonly string[]): Known => ({ all, some: null, ends: all, mayBeEmpty: false })

function charactersOf(set: CharacterSet): Known {
  const found = new Set<string>()
  for (const [first, last] of set) {
    if (last - first > 64) return NOTHING
    for (let code = first; code <= last; code += 1) {
      const folded = foldedAscii(code)
      if (folded === null) return NOTHING
      found.add(folded)
    }
  }
  return found.size > 0 && found.size <= 4 ? knownTexts([...found]) : NOTHING
}

const shortest = (texts: readonly string[]): number => Math.min(...texts.map(({ length }) => length))

/** How few texts are thought to have one of these: longer ones are rarer, and each alternative makes it more. */
const rarity = (texts: readonly string[]): number => shortest(texts) - Math.log2(texts.length) / 2

/** The one of two sets of literals that tells more. */
export function moreTelling(one: readonly string[] | null, other: readonly string[] | null): readonly string[] | null {
  if (one === null || one.length === 0 || shortest(one) === 0) {
    return other === null || other.length === 0 || shortest(other) === 0 ? null : other
  }
  if (other === null || other.length === 0) return one
  return rarity(one) >= rarity(other) ? one : other
}

/** Texts of one part followed by texts of the next; null when there are too many or they are too long. */
function product(before: readonly string[], after: readonly string[]): readonly string[] | null {
  if (before.length * after.length > MOST_TEXTS) return null
  const joined = new Set(before.flatMap((start) => after.map((end) => start + end)))
  return [...joined].every(({ length }) => length <= MOST_CHARACTERS) ? [...joined] : null
}

/** Endings without those that end with another of them: that one says as much. */
const fewestEnds = (ends: readonly string[]): readonly string[] =>
  ends.filter((text, index) => !ends.some((other, at) => at !== index && text.endsWith(other)))

/** What the text so far ends with after a part of which not all is known. */
function endsAfter(run: readonly string[], { ends, mayBeEmpty }: Known): readonly string[] {
  if (ends === null) return ['']
  const found = fewestEnds(mayBeEmpty ? [...new Set([...run, ...ends])] : ends)
  return found.length <= MOST_TEXTS ? found : ['']
}

function sequence(nodes: readonly RegexNode[]): Known {
  // What the text so far is, or ends with.
  let run: readonly string[] = ['']
  let whole = true
  let best: readonly string[] | null = null
  for (const node of nodes) {
    const known = knownOf(node)
    const { all, some } = known
    best = moreTelling(best, some)
    const joined = all === null ? null : product(run, all)
    if (joined !== null) run = joined
    else {
      best = moreTelling(best, run)
      whole = false
      run = endsAfter(run, known)
    }
  }
  best = moreTelling(best, run)
  return { all: whole ? run : null, some: best, ends: run, mayBeEmpty: false }
}

function choice(nodes: readonly RegexNode[]): Known {
  const parts = nodes.map(knownOf)
  const all = new Set<string>()
  const some = new Set<string>()
  const ends = new Set<string>()
  let allKnown = true
  let someKnown = true
  let endsKnown = true
  for (const part of parts) {
    for (const text of part.all ?? []) all.add(text)
    allKnown &&= part.all !== null
    const own = moreTelling(part.all, part.some)
    for (const text of own ?? []) some.add(text)
    someKnown &&= own !== null
    for (const text of part.ends ?? []) ends.add(text)
    endsKnown &&= part.ends !== null && !part.mayBeEmpty
  }
  return {
    all: allKnown && all.size <= MOST_TEXTS ? [...all] : null,
    some: someKnown ? [...some] : null,
    ends: endsKnown && ends.size <= MOST_TEXTS ? [...ends] : null,
    mayBeEmpty: false
  }
}

function knownOf(node: RegexNode): Known {
  switch (node.kind) {
    case 'set':
      return charactersOf(node.set)
    case 'assertion':
      return knownTexts([''])
    case 'sequence':
      return sequence(node.nodes)
    case 'choice':
      return choice(node.nodes)
    case 'repeat': {
      const child = knownOf(node.node)
      if (node.least === 0) {
        const { all, ends } = child
        return node.most === 1 && all !== null && all.length < MOST_TEXTS
          ? knownTexts([...new Set(['', ...all])])
          : { all: null, some: null, ends: child.mayBeEmpty ? null : ends, mayBeEmpty: true }
      }
      if (node.least === 1 && node.most === 1) return child
      return {
        all: null,
        some: moreTelling(child.all, child.some),
        ends: child.mayBeEmpty ? null : child.ends,
        mayBeEmpty: false
      }
    }
  }
}

/**
 * Texts of which at least one lies in every text that an expression matches: what regular expressions are pre-filtered by.
 * @returns folded as `foldedAscii` does; null when there are none
 * Source: Russ Cox, "Regular Expression Matching with a Trigram Index" (2012), whose exact and match sets these are.
 */
export function requiredLiterals(node: RegexNode): readonly string[] | null {
  const { all, some } = knownOf(node)
  return moreTelling(all, some)
}
