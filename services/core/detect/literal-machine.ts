import { anchoredLiterals } from './anchored-literals.ts'
import { characterClasses } from './folded-ascii.ts'
import { literalFilter } from './literal-filter.ts'

/** Something to look for in texts. */
export interface Literal {
  /** Folded ASCII, not empty. */
  readonly text: string
  readonly place: 'start' | 'end' | 'inside'
  /** What is told when the literal is found. */
  readonly hits: readonly number[]
}

/**
 * Calls back with what every literal found stands for, perhaps more than once.
 * @param text as it is: case is of no importance
 */
export type LiteralMachine = (text: string, hit: (found: number) => void) => void

interface Node {
  readonly next: Map<number, number>
  readonly ends: Literal[]
}

const ROOT = 0
const NO_OUTPUTS: readonly Literal[] = []

/**
 * Finds literals anywhere in one pass over a text that `literalFilter` does not rule out.
 * Source: Alfred Aho and Margaret Corasick, "Efficient string matching: an aid to bibliographic search", CACM 18 (1975), with
 * failures worked into the table of steps, so that each character is one look-up.
 */
function literalsInside(literals: readonly Literal[]): LiteralMachine {
  const texts = literals.map(({ text }) => text)
  const { ascii: classes, beyond, width } = characterClasses(texts)
  const filter = literalFilter(texts)
  const trie: Node[] = [{ next: new Map(), ends: [] }]
  for (const literal of literals) {
    let node = trie[ROOT]
    for (let index = 0; index < literal.text.length; index += 1) {
      const character = classes[literal.text.charCodeAt(index)] ?? 0
      const known: number | undefined = node?.next.get(character)
      if (known !== undefined) node = trie[known]
      else {
        node?.next.set(character, trie.length)
        node = { next: new Map(), ends: [] }
        trie.push(node)
      }
    }
    node?.ends.push(literal)
  }

  // Breadth first, so that the row of a state's failure is complete before its own is made from it. Rows are in this order too:
  // texts stay near the root most of the time, and so in a small part of the table.
  const queue = [ROOT]
  const places = new Int32Array(trie.length)
  for (let at = 0; at < queue.length; at += 1) {
    const state = queue[at] ?? ROOT
    places[state] = at
    for (const child of trie[state]?.next.values() ?? []) queue.push(child)
  }
  const steps = new Int32Array(trie.length * width)
  const failures = new Int32Array(trie.length)
  const outputs: (readonly Literal[])[] = trie.map(() => NO_OUTPUTS)
  queue.forEach((state, at) => {
    const node = trie[state]
    if (node === undefined) return
    const failure = failures[at] ?? ROOT
    if (at !== ROOT) steps.copyWithin(at * width, failure * width, (failure + 1) * width)
    const inherited = at === ROOT ? NO_OUTPUTS : (outputs[failure] ?? NO_OUTPUTS)
    if (node.ends.length + inherited.length > 0) outputs[at] = [...node.ends, ...inherited]
    for (const [character, child] of node.next) {
      const place = places[child] ?? ROOT
      failures[place] = at === ROOT ? ROOT : (steps[failure * width + character] ?? ROOT)
      steps[at * width + character] = place
    }
  })

  // States are known by the place of their row, and those with outputs are marked by being negative.
  for (let index = 0; index < steps.length; index += 1) {
    const state = steps[index] ?? ROOT
    steps[index] = outputs[state] === NO_OUTPUTS ? state * width : -state * width
  }
  return (text, hit) => {
    const from = filter === null ? 0 : filter(text)
    if (from < 0) return
    const { length } = text
    let row = 0
    for (let index = from; index < length; index += 1) {
      const code = text.charCodeAt(index)
      const character = code < 128 ? (classes[code] ?? 0) : (beyond.get(code) ?? 0)
      row = steps[row + character] ?? 0
      if (row >= 0) continue
      row = -row
      for (const { hits } of outputs[row / width] ?? NO_OUTPUTS) for (const found of hits) hit(found)
    }
  }
}

/** Makes the machine that finds literals. */
export function literalMachine(literals: readonly Literal[]): LiteralMachine {
  const at = (place: Literal['place']) => literals.filter((literal) => literal.place === place)
  const starts = at('start')
  const ends = at('end')
  const inside = at('inside')
  const machines = [
    ...(starts.length === 0 ? [] : [anchoredLiterals(starts, 'start')]),
    ...(ends.length === 0 ? [] : [anchoredLiterals(ends, 'end')]),
    ...(inside.length === 0 ? [] : [literalsInside(inside)])
  ]
  const [only] = machines
  if (machines.length === 1 && only !== undefined) return only
  return (text, hit) => {
    for (const machine of machines) machine(text, hit)
  }
}
