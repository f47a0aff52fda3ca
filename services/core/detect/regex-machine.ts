import { type CharacterSet, WORD } from './character-sets.ts'
import { RULE_LIMITS } from './limits.ts'
import { type Assertion, parseRegex, type RegexFlags, type RegexNode, RegexProblem } from './regex-syntax.ts'

/**
 * Matching of regular expressions in time proportional to the text, whatever the expression: an automaton (Thompson's
 * construction) that is made deterministic while it runs. Rules come from strangers and texts from attackers, so a backtracking
 * engine is not safe even for harmless-looking expressions: `a.*b.*c` takes cubic time in one.
 * Source: Russ Cox, "Regular Expression Matching Can Be Simple And Fast" (2007) and "... in the Wild" (2010).
 */
export interface RegexMachine {
  /** States of the automaton. */
  readonly size: number
  /** Whether the expression matches anywhere in the text. */
  test(text: string): boolean
}

type State =
  | { readonly kind: 'set'; readonly set: CharacterSet; next: number }
  | { readonly kind: 'split'; readonly to: number[] }
  | { readonly kind: 'assertion'; readonly assertion: Assertion; readonly next: number }
  | { readonly kind: 'match' }

/** What stands beside a place in the text, as far as assertions care. */
const EDGE = 0
const NEWLINE_KIND = 1
const WORD_KIND = 2
const OTHER_KIND = 3

function holds(assertion: Assertion, before: number, after: number): boolean {
  switch (assertion) {
    case 'start':
      return before === EDGE
    case 'end':
      return after === EDGE
    case 'line_start':
      return before === EDGE || before === NEWLINE_KIND
    case 'line_end':
      return after === EDGE || after === NEWLINE_KIND
    case 'word_edge':
      return (before === WORD_KIND) !== (after === WORD_KIND)
    case 'no_word_edge':
      return (before === WORD_KIND) === (after === WORD_KIND)
  }
}

/** States, the last of which is where to start. */
function build(root: RegexNode): { readonly states: readonly State[]; readonly start: number } {
  const states: State[] = [{ kind: 'match' }]
  let steps = 0
  const add = (state: State): number => {
    if (states.length >= RULE_LIMITS.regex_states) {
      throw new RegexProblem(`it needs more than ${RULE_LIMITS.regex_states} states; repeat less`, 0, true)
    }
    states.push(state)
    return states.length - 1
  }
  const generate = (node: RegexNode, next: number): number => {
    steps += 1
    if (steps > RULE_LIMITS.regex_states * 8) throw new RegexProblem('its repetitions are too large', 0, true)
    switch (node.kind) {
      case 'set':
        return add({ kind: 'set', set: node.set, next })
      case 'assertion':
        return add({ kind: 'assertion', assertion: node.assertion, next })
      case 'sequence':
        return node.nodes.reduceRight((after, child) => generate(child, after), next)
      case 'choice':
        return add({ kind: 'split', to: node.nodes.map((child) => generate(child, next)) })
      case 'repeat': {
        let after = next
        if (node.most === Number.POSITIVE_INFINITY) {
          const loop: State = { kind: 'split', to: [next] }
          after = add(loop)
          loop.to.push(generate(node.node, after))
        } else {
          for (let count = node.least; count < node.most; count += 1) {
            after = add({ kind: 'split', to: [next, generate(node.node, after)] })
          }
        }
        for (let count = 0; count < node.least; count += 1) after = generate(node.node, after)
        return after
      }
    }
  }
  const start = generate(root, 0)
  return { states, start }
}

interface Alphabet {
  /** Number of classes; characters of one class are the same to the whole expression. */
  readonly size: number
  /** Classes of ASCII. */
  readonly small: Uint16Array
  classOf(code: number): number
  /** Kind of the characters of a class. */
  readonly kinds: readonly number[]
  /** Some character of each class. */
  readonly samples: readonly number[]
}

function alphabetOf(states: readonly State[], asserts: boolean): Alphabet {
  const cuts = new Set([0])
  const cutAt = (set: CharacterSet) => {
    for (const [first, last] of set) cuts.add(first).add(last + 1)
  }
  for (const state of states) if (state.kind === 'set') cutAt(state.set)
  if (asserts) {
    cutAt(WORD)
    cutAt([[0x0a, 0x0a]])
  }
  const samples = [...cuts].filter((code) => code <= 0x10ffff).sort((a, b) => a - b)
  const search = (code: number): number => {
    let low = 0
    let high = samples.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((samples[middle] ?? 0) <= code) low = middle
      else high = middle - 1
    }
    return low
  }
  const small = Uint16Array.from({ length: 128 }, (_, code) => search(code))
  const kindOf = (code: number): number => {
    if (!asserts) return OTHER_KIND
    if (code === 0x0a) return NEWLINE_KIND
    return WORD.some(([first, last]) => code >= first && code <= last) ? WORD_KIND : OTHER_KIND
  }
  return {
    size: samples.length,
    small,
    samples,
    kinds: samples.map(kindOf),
    classOf: (code) => (code < 128 ? (small[code] ?? 0) : search(code))
  }
}

/** Which classes of an alphabet a set takes; both are in order, so one walk over them does. */
function classesOf(set: CharacterSet, samples: readonly number[]): Uint8Array {
  const taken = new Uint8Array(samples.length)
  let range = 0
  for (let index = 0; index < samples.length; index += 1) {
    const code = samples[index] ?? 0
    while (range < set.length && (set[range]?.[1] ?? 0) < code) range += 1
    if (range < set.length && (set[range]?.[0] ?? 0) <= code) taken[index] = 1
  }
  return taken
}

/** Deterministic states kept; when there are more, all are forgotten and made again as needed. */
const CACHE_STATES = 512
/** Room for states at first. */
const FIRST_STATES = 8
const FORGOTTEN = -1
const UNKNOWN = -1
const ACCEPT = -2
const DEAD = -3

/**
 * Compiles a regular expression.
 * @throws RegexProblem when it is not valid, not regular, or too large
 */
export function compileRegex(pattern: string, flags: RegexFlags): RegexMachine {
  const { states, start } = build(parseRegex(pattern, flags))
  const asserts = states.some((state) => state.kind === 'assertion')
  const alphabet = alphabetOf(states, asserts)
  /** The classes that each set takes, found when a text first gets there: most rules never look at most of theirs. */
  const taken = new Map<CharacterSet, Uint8Array>()
  const takes = (set: CharacterSet, character: number): boolean => {
    let classes = taken.get(set)
    if (classes === undefined) {
      classes = classesOf(set, alphabet.samples)
      taken.set(set, classes)
    }
    return classes[character] === 1
  }

  const seen = new Uint32Array(states.length)
  let mark = 0
  /** States reachable without a character, given what stands on both sides; null when the expression has matched. */
  const closure = (kernel: readonly number[], before: number, after: number): readonly number[] | null => {
    mark += 1
    const reading: number[] = []
    const stack = [...kernel]
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      if (seen[index] === mark) continue
      seen[index] = mark
      const state = states[index]
      if (state === undefined) continue
      if (state.kind === 'match') return null
      if (state.kind === 'set') reading.push(index)
      else if (state.kind === 'split') stack.push(...state.to)
      else if (holds(state.assertion, before, after)) stack.push(state.next)
    }
    return reading
  }
  /** An expression that can only begin where the text does is not tried anywhere else. */
  const anchored = [NEWLINE_KIND, WORD_KIND, OTHER_KIND].every((before) =>
    [EDGE, NEWLINE_KIND, WORD_KIND, OTHER_KIND].every((after) => closure([start], before, after)?.length === 0)
  )

  const width = alphabet.size
  const { small } = alphabet
  let kernels: (readonly number[])[] = []
  let befores: number[] = []
  /** Whether a text may end in a state, once it is known. */
  let ends: (boolean | undefined)[] = []
  /** A row of steps for each state; states are known by the place of their row. */
  let steps = new Int32Array(FIRST_STATES * width)
  let ids = new Map<string, number>()
  const idOf = (kernel: readonly number[], before: number): number => {
    const key = `${before}:${kernel.join(',')}`
    const known = ids.get(key)
    if (known !== undefined) return known
    const row = kernels.length * width
    if (row + width > steps.length) {
      const larger = new Int32Array(steps.length * 2)
      larger.set(steps)
      steps = larger
    }
    steps.fill(UNKNOWN, row, row + width)
    kernels.push(kernel)
    befores.push(before)
    ends.push(undefined)
    ids.set(key, row)
    return row
  }
  const forget = () => {
    kernels = []
    befores = []
    ends = []
    ids = new Map()
    idOf([start], EDGE)
  }
  forget()

  /** Where a deterministic state goes on a class of characters; worked out once and then remembered. */
  const advance = (left: number, character: number): number => {
    let row = left
    const from = row / width
    const kernel = kernels[from] ?? []
    const kind = alphabet.kinds[character] ?? OTHER_KIND
    const reading = closure(kernel, befores[from] ?? EDGE, kind)
    let to = ACCEPT
    if (reading !== null) {
      const next = new Set<number>()
      for (const index of reading) {
        const state = states[index]
        if (state?.kind === 'set' && takes(state.set, character)) next.add(state.next)
      }
      if (!anchored) next.add(start)
      if (next.size === 0) to = DEAD
      else {
        if (kernels.length >= CACHE_STATES) {
          forget()
          // The state that is left is one of those forgotten: there is no row to remember the step in.
          row = FORGOTTEN
        }
        // Without assertions what stood before makes no difference, and telling it apart would double the states.
        to = idOf(
          [...next].sort((a, b) => a - b),
          asserts ? kind : OTHER_KIND
        )
      }
    }
    if (row !== FORGOTTEN) steps[row + character] = to
    return to
  }
  const mayEnd = (row: number): boolean => {
    const state = row / width
    const known = ends[state]
    if (known !== undefined) return known
    const matched = closure(kernels[state] ?? [], befores[state] ?? EDGE, EDGE) === null
    ends[state] = matched
    return matched
  }

  return {
    size: states.length,
    test(text) {
      const { length } = text
      let row = 0
      for (let index = 0; index < length; index += 1) {
        let code = text.charCodeAt(index)
        let character: number
        if (code < 128) character = small[code] ?? 0
        else {
          if (code >= 0xd800 && code <= 0xdbff && index + 1 < length) {
            code = text.codePointAt(index) ?? code
            if (code > 0xffff) index += 1
          }
          character = alphabet.classOf(code)
        }
        let next = steps[row + character] ?? UNKNOWN
        if (next === UNKNOWN) next = advance(row, character)
        if (next < 0) return next === ACCEPT
        row = next
      }
      return mayEnd(row)
    }
  }
}
