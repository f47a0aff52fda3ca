import type { CharacterSet } from './character-sets.ts'
import { foldedAscii } from './literal-machine.ts'
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
}

const NOTHING: Known = { all: null, some: null }
const EMPTY: Known = { all: [''], some: null }

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
  return found.size > 0 && found.size <= 4 ? { all: [...found], some: null } : NOTHING
}

const shortest = (texts: readonly string[]): number => Math.min(...texts.map(({ length }) => length))

/** The one of two sets of literals that tells more: whose shortest is longer, then the smaller one. */
export function moreTelling(one: readonly string[] | null, other: readonly string[] | null): readonly string[] | null {
  if (one === null || one.length === 0 || shortest(one) === 0) {
    return other === null || other.length === 0 || shortest(other) === 0 ? null : other
  }
  if (other === null || other.length === 0) return one
  const difference = shortest(one) - shortest(other)
  if (difference !== 0) return difference > 0 ? one : other
  return one.length <= other.length ? one : other
}

/** Texts of one part followed by texts of the next; null when there are too many or they are too long. */
function product(before: readonly string[], after: readonly string[]): readonly string[] | null {
  if (before.length * after.length > MOST_TEXTS) return null
  const joined = new Set(before.flatMap((start) => after.map((end) => start + end)))
  return [...joined].every(({ length }) => length <= MOST_CHARACTERS) ? [...joined] : null
}

function sequence(nodes: readonly RegexNode[]): Known {
  let run: readonly string[] = ['']
  let whole = true
  let best: readonly string[] | null = null
  for (const node of nodes) {
    const { all, some } = knownOf(node)
    best = moreTelling(best, some)
    const joined = all === null ? null : product(run, all)
    if (joined !== null) run = joined
    else {
      best = moreTelling(best, run)
      whole = false
      run = all ?? ['']
    }
  }
  best = moreTelling(best, run)
  return { all: whole ? run : null, some: best }
}

function choice(nodes: readonly RegexNode[]): Known {
  const parts = nodes.map(knownOf)
  const all = new Set<string>()
  const some = new Set<string>()
  let allKnown = true
  let someKnown = true
  for (const part of parts) {
    for (const text of part.all ?? []) all.add(text)
    allKnown &&= part.all !== null
    const own = moreTelling(part.all, part.some)
    for (const text of own ?? []) some.add(text)
    someKnown &&= own !== null
  }
  return {
    all: allKnown && all.size <= MOST_TEXTS ? [...all] : null,
    some: someKnown ? [...some] : null
  }
}

function knownOf(node: RegexNode): Known {
  switch (node.kind) {
    case 'set':
      return charactersOf(node.set)
    case 'assertion':
      return EMPTY
    case 'sequence':
      return sequence(node.nodes)
    case 'choice':
      return choice(node.nodes)
    case 'repeat': {
      const child = knownOf(node.node)
      if (node.least === 0) {
        const { all } = child
        return node.most === 1 && all !== null && all.length < MOST_TEXTS
          ? { all: [...new Set(['', ...all])], some: null }
          : NOTHING
      }
      if (node.least === 1 && node.most === 1) return child
      return { all: null, some: moreTelling(child.all, child.some) }
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
