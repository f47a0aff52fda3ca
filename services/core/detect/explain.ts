import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import {
  type CompiledDetection,
  type CompiledItem,
  combineVerdicts,
  itemVerdict,
  negateVerdict,
  type Verdict
} from './compile.ts'
import { type EventView, leftOut, viewOf } from './event-view.ts'
import { holdsAt, isOfClass, type LoadedRule } from './loaded-rule.ts'
import { plainLine, plainValues } from './plain-text.ts'
import type { RuleNode } from './rule-tree.ts'

const SEEN_CHARACTERS = 200

/** A node of the condition with what came of it. */
export interface ExplainedNode {
  readonly kind: RuleNode['kind']
  readonly verdict: Verdict
  /** and, or, not, the name of a search identifier, or the key of an item as written. */
  readonly label: string
  readonly children: readonly ExplainedNode[]
  /** Items: paths in the event model that were read. */
  readonly paths: readonly string[]
  /** Items: values of the rule. */
  readonly expected: readonly string[]
  /** Items: what the event has, null for nothing. */
  readonly seen: string | null
  /** Items that cannot be told: why. */
  readonly reason: string | null
}

export interface ExplainedFilter {
  readonly id: string
  readonly title: string
  readonly expired: boolean
  /** True lets the signal pass. */
  readonly verdict: Verdict
  readonly tree: ExplainedNode
}

export interface Explanation {
  readonly rule: { readonly id: string; readonly code: string | null; readonly title: string }
  /** not_evaluable: the audit level left out what decides; filtered: an exception silences it; other_logsource: not that kind of event. */
  readonly verdict: 'match' | 'no_match' | 'not_evaluable' | 'filtered' | 'other_logsource'
  readonly tree: ExplainedNode
  readonly filters: readonly ExplainedFilter[]
}

/** Elements of a list that are shown one by one. */
const SHOWN_ELEMENTS = 8

/** What each element of a list came to, for an item whose values are maps. */
function explainElements(compiled: CompiledItem, view: EventView): readonly ExplainedNode[] {
  return compiled.elements.flatMap(({ elements, detection }) =>
    elements(view)
      .slice(0, SHOWN_ELEMENTS)
      .map((element, index): ExplainedNode => {
        const tree = explainNode(detection.node, detection, element)
        const label = `element ${index + 1}`
        return { kind: 'named', verdict: tree.verdict, label, children: [tree], ...INNER }
      })
  )
}

/** What an item saw, in short. */
function seenBy(compiled: CompiledItem, view: EventView): string | null {
  if (compiled.item.field === null) return null
  const [element] = compiled.elements
  if (element === undefined) return plainValues(compiled.values(view).values, SEEN_CHARACTERS)
  const count = element.elements(view).length
  return count === 0 ? null : `${count} ${count === 1 ? 'element' : 'elements'}`
}

const INNER = { paths: [], expected: [], seen: null, reason: null } as const

function explainNode(node: RuleNode, detection: CompiledDetection, view: EventView): ExplainedNode {
  switch (node.kind) {
    case 'item': {
      const compiled = detection.items.get(node)
      if (compiled === undefined) throw new TypeError('an item was not compiled')
      const reasons = compiled.bodies.map((body) => leftOut(view, body)).filter((reason) => reason !== null)
      return {
        kind: 'item',
        verdict: itemVerdict(compiled, view),
        label: node.label || 'keywords',
        children: explainElements(compiled, view),
        paths: compiled.fields.flatMap(({ paths }) => paths.map(({ path }) => path)),
        expected: node.expected,
        seen: seenBy(compiled, view),
        reason: reasons[0] ?? null
      }
    }
    case 'named': {
      const child = explainNode(node.child, detection, view)
      return { kind: 'named', verdict: child.verdict, label: node.name, children: [child], ...INNER }
    }
    case 'not': {
      const child = explainNode(node.child, detection, view)
      return { kind: 'not', verdict: negateVerdict(child.verdict), label: 'not', children: [child], ...INNER }
    }
    default: {
      const children = node.children.map((child) => explainNode(child, detection, view))
      const verdict = combineVerdicts(
        node.kind,
        children.map((child) => child.verdict)
      )
      return { kind: node.kind, verdict, label: node.kind, children, ...INNER }
    }
  }
}

/** Says of every part of a rule's condition what it gives for an event, and why. */
export function explainRule(rule: LoadedRule, event: EnrichedEvent): Explanation {
  const view = viewOf(event)
  const tree = explainNode(rule.detection.node, rule.detection, view)
  const filters = rule.filters.map((filter): ExplainedFilter => {
    const explained = explainNode(filter.detection.node, filter.detection, view)
    const { id, title } = filter.document
    return { id, title, expired: !holdsAt(filter, event), verdict: explained.verdict, tree: explained }
  })
  let verdict: Explanation['verdict'] = 'no_match'
  if (!isOfClass(rule.events, event)) verdict = 'other_logsource'
  else if (tree.verdict === 'unknown') verdict = 'not_evaluable'
  else if (tree.verdict === 'true') {
    verdict = filters.some((filter) => !filter.expired && filter.verdict === 'false') ? 'filtered' : 'match'
  }
  const { id, title, weir } = rule.document
  return { rule: { id, code: weir.code, title }, verdict, tree, filters }
}

const VERDICTS: Readonly<Record<Explanation['verdict'], string>> = {
  match: 'matches',
  no_match: 'does not match',
  not_evaluable: 'cannot be evaluated: the event lacks what decides',
  filtered: 'matches, and is silenced by a filter',
  other_logsource: 'is not for this kind of event'
}

const MARKS: Readonly<Record<Verdict, string>> = { true: 'true   ', false: 'false  ', unknown: 'unknown' }

function renderNode(node: ExplainedNode, depth: number, into: string[]): void {
  const indent = '  '.repeat(depth)
  if (node.kind === 'item') {
    const shown =
      node.expected.length > 5 ? [...node.expected.slice(0, 5), `and ${node.expected.length - 5} more`] : node.expected
    const where = node.paths.length === 0 ? 'the whole event' : node.paths.join(', ')
    const saw =
      node.reason ?? (node.paths.length === 0 ? 'searched' : node.seen === null ? 'has no value' : `is ${node.seen}`)
    into.push(`${MARKS[node.verdict]} ${indent}${node.label}: ${plainLine(shown.join(', '), SEEN_CHARACTERS)}`)
    into.push(`        ${indent}  ${where} ${saw}`)
    for (const child of node.children) renderNode(child, depth + 1, into)
    return
  }
  into.push(`${MARKS[node.verdict]} ${indent}${node.label}`)
  for (const child of node.children) renderNode(child, depth + 1, into)
}

/** An explanation as lines of text for a terminal. */
export function renderExplanation(explanation: Explanation): string {
  const { rule, verdict, tree, filters } = explanation
  const lines = [`${rule.code === null ? '' : `${rule.code} `}${rule.title} (${rule.id}) ${VERDICTS[verdict]}`]
  renderNode(tree, 0, lines)
  for (const filter of filters) {
    lines.push(
      `filter ${filter.title} (${filter.id})${filter.expired ? ', expired' : ''}; a signal passes when this is true:`
    )
    renderNode(filter.tree, 0, lines)
  }
  return `${lines.join('\n')}\n`
}
