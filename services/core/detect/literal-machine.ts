/**
 * Finds many literals in a text in one pass. Only ASCII is told apart, in lower case; literals are chosen so that what they stand
 * for cannot be in a text without them, so that other characters and case need no attention here.
 * Source: Alfred Aho and Margaret Corasick, "Efficient string matching: an aid to bibliographic search", CACM 18 (1975), with
 * failures worked into the table of steps, so that each character is one look-up.
 */
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

/**
 * Characters beyond ASCII that become ASCII in lower case (Kelvin sign, dotted I) or differ from it only in case for regular
 * expressions (long s, dotless i).
 */
const BEYOND: ReadonlyMap<number, string> = new Map([
  [0x212a, 'k'],
  [0x0130, 'i'],
  [0x017f, 's'],
  [0x0131, 'i']
])

/** A character in lower case when it is, or may be compared as, one of ASCII; null for others. */
export function foldedAscii(code: number): string | null {
  if (code < 128) return String.fromCharCode(code).toLowerCase()
  return BEYOND.get(code) ?? null
}

interface Node {
  readonly next: Map<number, number>
  readonly ends: Literal[]
}

const ROOT = 0
const NO_OUTPUTS: readonly Output[] = []

interface Output {
  readonly literal: Literal
  readonly length: number
}

/** Makes the machine that finds literals. */
export function literalMachine(literals: readonly Literal[]): LiteralMachine {
  // Characters that no literal has are one class, 0.
  const classes = new Uint8Array(128)
  let width = 1
  for (const { text } of literals) {
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index)
      if (code < 128 && classes[code] === 0) {
        classes[code] = width
        width += 1
      }
    }
  }
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
  const outputs: (readonly Output[])[] = trie.map(() => NO_OUTPUTS)
  queue.forEach((state, at) => {
    const node = trie[state]
    if (node === undefined) return
    const failure = failures[at] ?? ROOT
    if (at !== ROOT) steps.copyWithin(at * width, failure * width, (failure + 1) * width)
    const own = node.ends.map((literal) => ({ literal, length: literal.text.length }))
    const inherited = at === ROOT ? NO_OUTPUTS : (outputs[failure] ?? NO_OUTPUTS)
    if (own.length + inherited.length > 0) outputs[at] = [...own, ...inherited]
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
  // Upper case is stepped over as lower case.
  for (let code = 0x41; code <= 0x5a; code += 1) classes[code] = classes[code + 32] ?? 0
  const beyond = new Map([...BEYOND].map(([code, folded]) => [code, classes[folded.charCodeAt(0)] ?? 0]))

  return (text, hit) => {
    const { length } = text
    let row = 0
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index)
      const character = code < 128 ? (classes[code] ?? 0) : (beyond.get(code) ?? 0)
      row = steps[row + character] ?? 0
      if (row >= 0) continue
      row = -row
      for (const { literal, length: size } of outputs[row / width] ?? NO_OUTPUTS) {
        const { place, hits } = literal
        if (place === 'start' && index + 1 !== size) continue
        if (place === 'end' && index + 1 !== length) continue
        for (const found of hits) hit(found)
      }
    }
  }
}
