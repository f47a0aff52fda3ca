import type { Correlation } from '../detect/correlation-document.ts'
import type { RuleNode } from '../detect/rule-tree.ts'
import type { WindowRule } from './window-rule.ts'

/** One event of a group, as windows see it. */
export interface Item {
  /** Slot of the signal (or of the result of a correlation) it stands for. */
  readonly slot: number
  /** Microseconds since the epoch. */
  readonly time: number
  /** Index of its rule among the parts. */
  readonly part: number
  /** Values of the counted fields. */
  readonly values: readonly string[]
}

/** What a window measures, while events come in at its end and go out at its start. */
export interface Meter {
  add(item: Item, index: number): void
  remove(item: Item, index: number): void
  readonly value: number
  /** Index of the first event of what holds, null when it does not. `low` is the first index in the window. */
  holdsFrom(low: number): number | null
}

function meets(criteria: ReadonlyMap<string, number>, value: number): boolean {
  for (const [criterion, bound] of criteria) {
    switch (criterion) {
      case 'gt':
        if (!(value > bound)) return false
        break
      case 'gte':
        if (!(value >= bound)) return false
        break
      case 'lt':
        if (!(value < bound)) return false
        break
      case 'lte':
        if (!(value <= bound)) return false
        break
      case 'eq':
        if (value !== bound) return false
        break
      default:
        if (value === bound) return false
    }
  }
  return true
}

/** How many parts have to be there; the criteria when they are given, else all. */
function meetsParts({ criteria }: Correlation, found: number, all: number): boolean {
  return criteria.size === 0 ? found === all : meets(criteria, found)
}

function countMeter({ correlation }: WindowRule): Meter {
  let count = 0
  return {
    add: () => {
      count += 1
    },
    remove: () => {
      count -= 1
    },
    get value() {
      return count
    },
    holdsFrom: (low) => (meets(correlation.criteria, count) ? low : null)
  }
}

function distinctMeter({ correlation }: WindowRule): Meter {
  const counts = new Map<string, number>()
  return {
    add: ({ values }) => {
      for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
    },
    remove: ({ values }) => {
      for (const value of values) {
        const left = (counts.get(value) ?? 0) - 1
        if (left > 0) counts.set(value, left)
        else counts.delete(value)
      }
    },
    get value() {
      return counts.size
    },
    holdsFrom: (low) => (meets(correlation.criteria, counts.size) ? low : null)
  }
}

function numbersOf({ values }: Item): readonly number[] {
  return values.flatMap((value) => {
    const number = value.trim() === '' ? Number.NaN : Number(value)
    return Number.isFinite(number) ? [number] : []
  })
}

/** Sums, averages and percentiles (nearest rank: the smallest value that at least p % of the values do not exceed). */
function numberMeter({ correlation: { type, criteria, percentile } }: WindowRule): Meter {
  // Added up anew each time: a running sum of fractions would depend on what has gone out before.
  const numbers: number[] = []
  const measure = (): number => {
    if (type === 'value_percentile') {
      const sorted = numbers.toSorted((a, b) => a - b)
      return sorted[Math.max(0, Math.ceil(((percentile ?? 50) / 100) * sorted.length) - 1)] ?? 0
    }
    const sum = numbers.reduce((total, number) => total + number, 0)
    return type === 'value_sum' ? sum : sum / Math.max(1, numbers.length)
  }
  return {
    add: (item) => {
      numbers.push(...numbersOf(item))
    },
    remove: (item) => {
      numbers.splice(0, numbersOf(item).length)
    },
    get value() {
      return measure()
    },
    holdsFrom: (low) => (numbers.length > 0 && meets(criteria, measure()) ? low : null)
  }
}

function nodeHolds(node: RuleNode, parts: ReadonlyMap<string, number>, counts: readonly number[]): boolean {
  switch (node.kind) {
    case 'item':
      return (counts[parts.get(node.label) ?? -1] ?? 0) > 0
    case 'named':
      return nodeHolds(node.child, parts, counts)
    case 'not':
      return !nodeHolds(node.child, parts, counts)
    case 'and':
      return node.children.every((child) => nodeHolds(child, parts, counts))
    default:
      return node.children.some((child) => nodeHolds(child, parts, counts))
  }
}

function presenceMeter({ correlation, parts }: WindowRule): Meter {
  const counts = parts.map(() => 0)
  const { expression } = correlation
  const numbers = new Map(correlation.rules.map(({ text }, index) => [text, index]))
  const found = () => counts.filter((count) => count > 0).length
  return {
    add: ({ part }) => {
      counts[part] = (counts[part] ?? 0) + 1
    },
    remove: ({ part }) => {
      counts[part] = (counts[part] ?? 0) - 1
    },
    get value() {
      return found()
    },
    holdsFrom: (low) => {
      const holds =
        expression === null
          ? meetsParts(correlation, found(), parts.length)
          : nodeHolds(expression.node, numbers, counts)
      return holds ? low : null
    }
  }
}

/** For each part and length, the start of the chain of that many parts in order that ends there and starts last. */
function orderMeter({ correlation, parts }: WindowRule): Meter {
  const starts = parts.map(() => parts.map(() => -1))
  const wanted = parts.map((_, index) => index + 1).filter((length) => meetsParts(correlation, length, parts.length))
  const startOf = (length: number) => Math.max(-1, ...starts.map((lengths) => lengths[length - 1] ?? -1))
  let longest = 0
  return {
    add: ({ part }, index) => {
      const own = starts[part]
      if (own === undefined) return
      own[0] = index
      for (let earlier = 0; earlier < part; earlier += 1) {
        for (let length = 1; length <= earlier + 1; length += 1) {
          own[length] = Math.max(own[length] ?? -1, starts[earlier]?.[length - 1] ?? -1)
        }
      }
    },
    // What begins before the window is told by its index.
    remove: () => {},
    get value() {
      return longest
    },
    holdsFrom: (low) => {
      const found = wanted.map((length) => ({ length, start: startOf(length) })).filter(({ start }) => start >= low)
      longest = Math.max(longest, ...found.map(({ length }) => length))
      return found.length === 0 ? null : Math.max(...found.map(({ start }) => start))
    }
  }
}

/** No window of a rule holds with fewer events than this; 1 where that cannot be said. */
export function leastItems({ correlation: { type, criteria, expression }, parts }: WindowRule): number {
  const least = Math.max(1, criteria.get('gte') ?? 1, Math.floor(criteria.get('gt') ?? 0) + 1)
  if (type === 'event_count') return least
  if (type === 'temporal_ordered' || type === 'temporal')
    return expression !== null ? 1 : criteria.size === 0 ? parts.length : least
  return 1
}

/** A meter for one window of a rule, without any event in it. */
export function meterOf(rule: WindowRule): Meter {
  switch (rule.correlation.type) {
    case 'event_count':
      return countMeter(rule)
    case 'value_count':
      return distinctMeter(rule)
    case 'temporal':
      return presenceMeter(rule)
    case 'temporal_ordered':
      return orderMeter(rule)
    default:
      return numberMeter(rule)
  }
}
