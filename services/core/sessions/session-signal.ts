import { hash } from 'node:crypto'
import type { Severity, Signal } from '../../../schemas/generated/types.ts'
import { EVENT_LIMITS } from '../detect/limits.ts'
import { plainLine } from '../detect/plain-text.ts'
import { SEVERITIES, severityRank } from '../severity.ts'
import type { WindowRule } from '../windows/window-rule.ts'
import { peopleOf, sessionEntity, sessionEvidence, withEntities } from './attribute.ts'
import type { ProcessStart, SessionRequest } from './session-facts.ts'
import type { Session } from './state.ts'
import { placeText, whoseText } from './words.ts'

const MAX_COMMANDS = 5
const MAX_COMMAND_CHARACTERS = 80
/** What is told stays the same however much more is detected, unless that is worse. */
const MAX_PARTS = 10
const MAX_ENTITIES = 48

const digest = (parts: readonly unknown[]): string => hash('sha256', JSON.stringify(parts), 'hex').slice(0, 32)

/** Identity of what is told: the rule, and the session, request or process. */
export function sessionSignalId(rule: WindowRule, cluster_id: string, about: string): string {
  return digest(['session', rule.id, cluster_id, about])
}

interface Values {
  readonly who: string
  readonly where: string
  readonly command: string
  readonly ran: string
}

function titleFrom({ template }: WindowRule, values: Values): string {
  const known = new Map<string, string>(Object.entries(values))
  const title = template.replace(/\{([^}]*)\}/g, (_, name: string) =>
    plainLine(known.get(name) || 'unknown', EVENT_LIMITS.title_value_characters)
  )
  return plainLine(title, EVENT_LIMITS.title_characters)
}

/** The rule's signal over the signal of a request or process. */
function signalOver(rule: WindowRule, id: string, base: Signal, values: Values): Signal {
  const known = new Map<string, string>(Object.entries(values))
  const fill = (query: string) =>
    query.replace(/\{([^}]*)\}/g, (_, name: string) => (known.get(name) ?? '').replace(/["\\]/g, '\\$&'))
  return {
    ...base,
    id,
    rule: { id: rule.id, code: rule.code, title: rule.title, level: rule.level },
    severity: rule.severity,
    title: titleFrom(rule, values),
    dedup_key: digest([rule.id, base.cluster.id, id]),
    tactics: rule.tactics,
    techniques: rule.techniques,
    playbook: rule.playbook,
    investigation: rule.investigation.map(({ step, query }) => ({ step, query: query === null ? null : fill(query) })),
    role: rule.role,
    sources: [],
    parts: [base.id],
    count: 1,
    correlation_fields: {}
  }
}

/** What is told of a request whose session no sensor saw. */
export function unansweredSignal(rule: WindowRule, id: string, pod: string, request: SessionRequest): Signal | null {
  const [base] = request.signals
  if (base === undefined) return null
  const who = whoseText({ request, others: [] })
  const where = placeText(pod, request.containers[0] ?? null)
  return signalOver(rule, id, base, { who, where, command: request.command ?? '', ran: '' })
}

/** What is told of a process that nobody asked the API for. */
export function unaskedSignal(rule: WindowRule, id: string, pod: string, start: ProcessStart): Signal {
  const where = placeText(pod, start.container)
  return signalOver(rule, id, start.signal, { who: 'nobody', where, command: start.command ?? '', ran: '' })
}

const isDetected = ({ source, sources }: Signal): boolean => source === 'runtime' || sources.includes('runtime')

/** One more than the gravest, up to critical. */
const raised = (severity: Severity): Severity => SEVERITIES[severityRank(severity) + 1] ?? severity

function commandsOf({ start }: Session, tree: readonly Signal[]): string {
  const first = start === null ? [] : [start.signal.ancestry[0]?.name ?? '']
  const lines = [...first, ...tree.map(({ ancestry }) => ancestry[0]?.name ?? '')]
  const unique = [...new Set(lines.map((line) => plainLine(line, MAX_COMMAND_CHARACTERS)))].filter(
    (line) => line !== ''
  )
  return `${unique.slice(0, MAX_COMMANDS).join('; ')}${unique.length > MAX_COMMANDS ? ' and more' : ''}`
}

/**
 * What is told of somebody's session in which sensors detected something.
 * @param found alerts of the session, in any order
 * @returns null when nothing above informational was detected
 */
export function attributedSignal(
  rule: WindowRule,
  id: string,
  session: Session,
  found: readonly Signal[]
): Signal | null {
  const tree = found
    .filter((signal) => isDetected(signal) && severityRank(signal.severity) > severityRank('informational'))
    .sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
  const [first] = tree
  if (first === undefined) return null
  const shown = tree.slice(0, MAX_PARTS)
  const { request, start, pod, others } = session
  const base = start?.signal ?? first
  const worst = tree.reduce((most, { severity }) => Math.max(most, severityRank(severity)), 0)
  const own = SEVERITIES[worst] ?? rule.severity
  const asked = request.signals[0]
  const where = placeText(pod, start?.container ?? request.containers[0] ?? null)
  const values = { who: whoseText(session), where, command: request.command ?? '', ran: commandsOf(session, shown) }
  const role = others.length === 0 ? 'actor' : 'context'
  const entities = withEntities(base.entities, [
    // What a correlation only has in its context ties nothing.
    sessionEntity(session, 'target'),
    ...peopleOf(request.actor, role),
    ...others.flatMap((other) => peopleOf(other, 'context')),
    // A caller that is itself a pod comes along.
    ...(asked?.entities ?? []).filter(({ type, role: had }) => type === 'pod' && had === 'actor')
  ])
  const told = signalOver(rule, id, base, values)
  return {
    ...told,
    // After what it tells of: an incident that is there already keeps its first signal, which it is known by.
    time: first.time + 1,
    source: 'runtime',
    // What a workload's token does in another pod is worse than what a person does, who may be at work.
    severity: request.actor.identity.type === 'service_account' ? raised(own) : own,
    techniques: [...new Set([...rule.techniques, ...shown.flatMap(({ techniques }) => techniques)])].sort(),
    entities: entities.slice(0, MAX_ENTITIES),
    evidence: { ...base.evidence, ...sessionEvidence(session) },
    playbook: rule.playbook ?? shown.find(({ playbook }) => playbook !== null)?.playbook ?? null,
    sources: ['audit', 'runtime'],
    parts: shown.map((signal) => signal.id),
    count: shown.length
  }
}
