import type { CompiledItem } from './compile.ts'
import type { AddressRange } from './ip-range.ts'
import { requiredLiterals } from './regex-literals.ts'
import { parseRegex } from './regex-syntax.ts'
import type { ItemNode, RuleNode, ValueTest } from './rule-tree.ts'
import { plainText, type TextPart } from './text-pattern.ts'

/** Something that can be looked up for many rules at once and without which a test does not pass. */
export type Atom =
  /** The text in lower case is this one. */
  | { readonly kind: 'exact'; readonly text: string }
  /** The text has these ASCII characters, in any case. */
  | { readonly kind: 'literal'; readonly text: string; readonly place: 'start' | 'end' | 'inside' }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'range'; readonly range: AddressRange }
  /** There is a value. */
  | { readonly kind: 'present' }

/** An atom about the values that an item looks at. */
export interface Condition {
  readonly item: CompiledItem
  readonly atom: Atom
}

/** At least one of the conditions holds for every event that a rule matches, unless what an item reads was left out of it. */
export interface Clause {
  readonly conditions: readonly Condition[]
  /** How few events it is thought to hold for; larger is fewer. */
  readonly score: number
}

/** Texts that are long and yet in most events. */
const COMMON: ReadonlySet<string> = new Set([
  'system:',
  'system:serviceaccount:',
  'system:serviceaccounts',
  'system:authenticated',
  '/usr/',
  '/usr/bin/',
  '/usr/local/',
  'https',
  'https://',
  'linux'
])
/** Beyond so many characters a literal tells little more. */
const TELLING_CHARACTERS = 12
/** Texts end with the names of programs and files, which are few and in many events, whatever their length. */
const PLACE_SCORES = { start: 1, inside: 0, end: -1 } as const
/** Bodies have to be parsed first, and keywords are looked for in everything. */
const BODY_COST = 4
const KEYWORD_COST = 8
const PRESENT_COST = 20

function atomScore(atom: Atom): number {
  switch (atom.kind) {
    case 'exact':
      if (atom.text === 'true' || atom.text === 'false' || COMMON.has(atom.text)) return 1
      return Math.min(atom.text.length, TELLING_CHARACTERS) + 2
    case 'literal':
      if (COMMON.has(atom.text)) return 1
      return Math.min(atom.text.length, TELLING_CHARACTERS) + PLACE_SCORES[atom.place]
    case 'number':
      return 5
    case 'range': {
      // Of /16 in IPv4 5, of /24 8.
      const bits = 128 - (atom.range.last - atom.range.first).toString(2).length
      return Math.max(0, (bits - 96) / 3)
    }
    case 'present':
      // Better than testing the rule on every event, and worse than anything else.
      return -PRESENT_COST
  }
}

/** How many rules look for the same: what many rules look for, many events have, and each of those costs as many tests. */
type Demand = (condition: Condition) => number

/** The same for atoms about the same field that are the same. */
function atomKey({ item, atom }: Condition): string {
  const what =
    atom.kind === 'range'
      ? `${atom.range.first}-${atom.range.last}`
      : atom.kind === 'literal'
        ? `${atom.place} ${atom.text}`
        : atom.kind === 'exact'
          ? atom.text
          : atom.kind === 'number'
            ? String(atom.value)
            : ''
  return `${item.number} ${atom.kind} ${what}`
}

/** Counts what the items of rules look for. */
function demandOf(rules: readonly (readonly CompiledItem[])[]): Demand {
  const counts = new Map<string, number>()
  for (const items of rules) {
    const own = new Set(
      items.flatMap((item) =>
        item.item.tests.flatMap((test) => (atomsOf(test) ?? []).map((atom) => atomKey({ item, atom })))
      )
    )
    for (const key of own) counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return (condition) => counts.get(atomKey(condition)) ?? 1
}

function clauseOf(item: CompiledItem, atoms: readonly Atom[], demand: Demand): Clause {
  const cost = item.number === null ? KEYWORD_COST : item.bodies.length > 0 ? BODY_COST : 0
  const conditions = atoms.map((atom) => ({ item, atom }))
  const scores = conditions.map((condition) => atomScore(condition.atom) - 2 * Math.log2(demand(condition)))
  return { conditions, score: Math.min(...scores) - Math.log2(atoms.length) / 2 - cost }
}

/** Runs of ASCII in the texts between wildcards, with where they have to be. */
function literalsOf(parts: readonly TextPart[]): readonly Extract<Atom, { kind: 'literal' }>[] {
  return parts.flatMap((part, index) => {
    if (part.kind !== 'text') return []
    const lowered = part.text.toLowerCase()
    const found: Extract<Atom, { kind: 'literal' }>[] = []
    for (const run of lowered.matchAll(/[\0-\x7f]+/g)) {
      const atStart = index === 0 && run.index === 0
      const atEnd = index === parts.length - 1 && run.index + run[0].length === lowered.length
      found.push({ kind: 'literal', text: run[0], place: atStart ? 'start' : atEnd ? 'end' : 'inside' })
    }
    return found
  })
}

/** Atoms of which one has to hold for a test to pass; null when it may pass without. */
function atomsOf(test: ValueTest): readonly Atom[] | null {
  switch (test.kind) {
    case 'text': {
      const exact = plainText(test.parts)?.toLowerCase()
      if (exact !== undefined) return [{ kind: 'exact', text: exact }]
      const [best] = literalsOf(test.parts).toSorted((a, b) => atomScore(b) - atomScore(a))
      return best === undefined ? null : [best]
    }
    case 'regex':
      return (
        requiredLiterals(parseRegex(test.pattern, test.flags))?.map((text) => ({
          kind: 'literal',
          text,
          place: 'inside'
        })) ?? null
      )
    case 'number':
      return [{ kind: 'number', value: test.value }]
    case 'boolean':
      return [{ kind: 'exact', text: String(test.value) }]
    case 'range':
      return [{ kind: 'range', range: test.range }]
    case 'exists':
      return test.value ? [{ kind: 'present' }] : null
    case 'one_of':
      return anyOf(test.tests.map(atomsOf))
    default:
      return null
  }
}

function anyOf(each: readonly (readonly Atom[] | null)[]): readonly Atom[] | null {
  const atoms: Atom[] = []
  for (const some of each) {
    if (some === null) return null
    atoms.push(...some)
  }
  return atoms.length === 0 ? null : atoms
}

const better = (one: Clause | null, other: Clause | null): Clause | null =>
  other === null || (one !== null && one.score >= other.score) ? one : other

function clauseOfItem(compiled: CompiledItem, demand: Demand): Clause | null {
  const { item } = compiled
  if (item.negated) return null
  const each = item.tests.map(atomsOf)
  if (item.linking === 'all') {
    return each.reduce<Clause | null>(
      (best, atoms) => better(best, atoms === null ? null : clauseOf(compiled, atoms, demand)),
      null
    )
  }
  const atoms = anyOf(each)
  return atoms === null ? null : clauseOf(compiled, atoms, demand)
}

/** The clause of each item, null for an item that may hold whatever can be looked up. */
export type ItemClauses = ReadonlyMap<CompiledItem, Clause | null>

/** Finds the clauses of the items of rules, once for all routes: this reads every regular expression. */
export function clausesOfItems(rules: readonly (readonly CompiledItem[])[]): ItemClauses {
  const demand = demandOf(rules)
  return new Map(rules.flat().map((item) => [item, clauseOfItem(item, demand)]))
}

/**
 * The clause of a detection that is thought to hold for the fewest events.
 * @returns null when the detection may match whatever can be looked up
 */
export function necessaryClause(
  node: RuleNode,
  items: ReadonlyMap<ItemNode, CompiledItem>,
  clauses: ItemClauses
): Clause | null {
  switch (node.kind) {
    case 'item': {
      const compiled = items.get(node)
      return compiled === undefined ? null : (clauses.get(compiled) ?? null)
    }
    case 'named':
      return necessaryClause(node.child, items, clauses)
    case 'not':
      return null
    case 'and':
      return node.children.reduce<Clause | null>(
        (best, child) => better(best, necessaryClause(child, items, clauses)),
        null
      )
    case 'or': {
      const conditions: Condition[] = []
      let score = Number.POSITIVE_INFINITY
      for (const child of node.children) {
        const clause = necessaryClause(child, items, clauses)
        if (clause === null) return null
        conditions.push(...clause.conditions)
        score = Math.min(score, clause.score)
      }
      return { conditions, score: score - Math.log2(node.children.length) / 2 }
    }
  }
}
