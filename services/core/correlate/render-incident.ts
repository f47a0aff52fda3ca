import type {
  CausalityNode,
  Entity,
  EntityRole,
  Incident,
  Severity,
  TimelineEntry
} from '../../../schemas/generated/types.ts'
import { columnsOf, fitted, padded, type Rendering, type StyleName, wrapped } from '../terminal-text.ts'
import { phrase } from './entities.ts'
import { clockText, counted, laterText } from './text.ts'

const SEVERITY_STYLE: Readonly<Record<Severity, StyleName>> = {
  informational: 'dim',
  low: 'green',
  medium: 'yellow',
  high: 'red',
  critical: 'magenta'
}
/** Most lines of each part; the incident itself has the rest. */
const MAX_TIMELINE_LINES = 40
const MAX_TREE_LINES = 60
const MAX_ENTITIES_PER_ROLE = 12
const DAY_US = 86_400_000_000

function headLines(incident: Incident, { width, style }: Rendering): readonly string[] {
  const { severity, score, status, revision, cluster, sources, first, last, assignee } = incident
  const label = severity.toUpperCase()
  const [title = '', ...more] = wrapped(incident.title, width - label.length - 2)
  const from = clockText(first)
  const to = clockText(last)
  const span = from === to ? from : `${from} – ${laterText(from, to)}`
  const facts = [
    `score ${score}`,
    incident.merged_into === null ? status : `merged into ${incident.merged_into}`,
    `revision ${revision}`,
    `cluster ${cluster.name || cluster.id}`,
    ...(assignee === null ? [] : [`assigned to ${assignee}`]),
    sources.join(' + '),
    `${span} UTC`
  ]
  return [
    `${style(SEVERITY_STYLE[severity], label)}  ${style('bold', title)}`,
    ...more.map((line) => ' '.repeat(label.length + 2) + style('bold', line)),
    ...wrapped(`${facts.join(' · ')} · ${incident.id}`, width).map((line) => style('dim', line))
  ]
}

/** What an analyst decided, and why. */
function verdictLines({ verdict }: Incident, { width, style }: Rendering): readonly string[] {
  if (verdict === null) return []
  const { action, by, time, until, reason } = verdict
  const what = { close: 'closed', reopen: 'opened again', assign: 'assigned', suppress: 'suppressed' }[action]
  const end = until === null ? '' : ` until ${clockText(until)}`
  const why = reason === null ? '' : `: ${reason}`
  return wrapped(`${what}${end} by ${by} at ${clockText(time)} UTC${why}`, width).map((line) => style('yellow', line))
}

function timelineLine(entry: TimelineEntry, withDate: boolean, { width, style }: Rendering): string {
  const time = withDate ? clockText(entry.time) : clockText(entry.time).slice(11)
  const times = entry.signals.length > 1 ? ` ×${entry.signals.length}` : ''
  const before = `  ${time}  ${padded(entry.source, 7)}  `
  const severity = padded(entry.severity === 'informational' ? 'info' : entry.severity, 9)
  const code = padded(entry.code ?? '', 5)
  const used = columnsOf(before) + severity.length + code.length + 1 + columnsOf(times)
  const title = fitted(entry.title, Math.max(20, width - used))
  return `${style('dim', before)}${style(SEVERITY_STYLE[entry.severity], severity)}${code} ${title}${style('dim', times)}`
}

function timelineLines({ timeline, first, last }: Incident, rendering: Rendering): readonly string[] {
  const withDate = Math.floor(first / DAY_US) !== Math.floor(last / DAY_US)
  const lines = timeline.slice(0, MAX_TIMELINE_LINES).map((entry) => timelineLine(entry, withDate, rendering))
  const more = timeline.length - lines.length
  return more > 0 ? [...lines, rendering.style('dim', `  and ${more} more`)] : lines
}

function nodeText({ type, name }: CausalityNode): string {
  return type === 'request' ? name : phrase({ type: type as Entity['type'], name })
}

/** The forest with lines that show what hangs from what. Nodes stand in pre-order, so only the ways back up are needed. */
function treeLines({ causality }: Incident, { width, style }: Rendering): readonly string[] {
  const lastChild = new Map<string | null, string>()
  for (const { id, parent } of causality) lastChild.set(parent, id)
  const indents = new Map<string, string>()
  const lines: string[] = []
  for (const node of causality.slice(0, MAX_TREE_LINES)) {
    const isLast = lastChild.get(node.parent) === node.id
    const outer = node.parent === null ? '' : (indents.get(node.parent) ?? '')
    const branch = node.parent === null ? '' : isLast ? '└─ ' : '├─ '
    indents.set(node.id, node.parent === null ? '' : `${outer}${isLast ? '   ' : '│  '}`)
    const seen = node.signals.length > 0 ? ` (${counted(node.signals.length, 'signal')})` : ''
    // However deep the tree, some of the text stays visible.
    const indent = fitted(outer, Math.max(0, width - 40))
    const room = Math.max(20, width - 2 - columnsOf(indent) - branch.length - seen.length)
    lines.push(`  ${style('dim', indent + branch)}${fitted(nodeText(node), room)}${style('dim', seen)}`)
  }
  const more = causality.length - lines.length
  return more > 0 ? [...lines, style('dim', `  and ${more} more`)] : lines
}

function entityLines({ entities }: Incident, { width, style }: Rendering): readonly string[] {
  const roles: readonly EntityRole[] = ['actor', 'target', 'context']
  return roles.flatMap((role) => {
    const names = entities.filter((entity) => entity.role === role).map(phrase)
    if (names.length === 0) return []
    const more = names.length - MAX_ENTITIES_PER_ROLE
    const list = names.slice(0, MAX_ENTITIES_PER_ROLE).join('; ') + (more > 0 ? `; and ${more} more` : '')
    return wrapped(list, width - 12).map(
      (line, place) => `  ${style('dim', padded(place === 0 ? role : '', 9))} ${line}`
    )
  })
}

/**
 * An incident for a terminal: what it is, the story, the timeline of both sources, what caused what, who and what took part,
 * and the playbook that fits. Nothing in it can control the terminal.
 * @returns lines, without a line end after the last
 */
export function renderIncident(incident: Incident, rendering: Rendering): string {
  const sized = { ...rendering, width: Math.max(60, rendering.width) }
  const { style, width } = sized
  const part = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', style('cyan', title), ...lines]
  const techniques = incident.techniques.length === 0 ? [] : wrapped(incident.techniques.join(', '), width - 2)
  const playbook = incident.playbook === null ? [] : [`  ${fitted(incident.playbook, width - 2)}`]
  return [
    ...headLines(incident, sized),
    ...verdictLines(incident, sized),
    '',
    ...wrapped(incident.narrative, width),
    ...part('Timeline', timelineLines(incident, sized)),
    ...part('Causality', treeLines(incident, sized)),
    ...part('Entities', entityLines(incident, sized)),
    ...part(
      'Techniques',
      techniques.map((line) => `  ${line}`)
    ),
    ...part('Recommended playbook', playbook)
  ].join('\n')
}
