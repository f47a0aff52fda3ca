import { commandFit } from './command.ts'
import type { ProcessStart, SessionActor, SessionRequest } from './session-facts.ts'

/**
 * How long before the request was received and after it its process may start, by the clocks of the API server and the node.
 * An exec takes the kubelet and the runtime some hundred milliseconds, seconds on a busy node.
 */
export const EARLIEST_START_US = 2_000_000
export const LATEST_START_US = 10_000_000
/** Distances that differ by less say nothing about which of two requests it was. */
const TELLING_US = 1_000_000

/** A process and who asked for it. */
export interface Match {
  readonly request: SessionRequest
  readonly start: ProcessStart
  /** Others who asked for the same at the same time, so that it may have been theirs. */
  readonly others: readonly SessionActor[]
}

interface Candidate {
  readonly request: SessionRequest
  readonly start: ProcessStart
  /** As of `commandFit`. */
  readonly fit: number
  readonly distance: number
}

function candidateOf(request: SessionRequest, start: ProcessStart): Candidate | null {
  if (request.kind !== 'exec') return null
  const late = start.time - request.time
  if (late < -EARLIEST_START_US || late > LATEST_START_US) return null
  const isOther =
    start.container !== null && request.containers.length > 0 && !request.containers.includes(start.container)
  if (isOther || (request.pod_uid !== null && start.pod_uid !== null && request.pod_uid !== start.pod_uid)) return null
  // A runtime may begin a process with a program of its own.
  const soon = start.later.filter(({ time }) => time - request.time <= LATEST_START_US)
  const fits = [start, ...soon].map(({ command }) => commandFit(request.command, command))
  const fit = Math.max(...fits)
  return fit === 0 ? null : { request, start, fit, distance: Math.abs(late) }
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The best first; never undecided, so that the order of arrival means nothing. */
function byFit(a: Candidate, b: Candidate): number {
  return (
    b.fit - a.fit ||
    a.distance - b.distance ||
    a.request.time - b.request.time ||
    a.start.time - b.start.time ||
    byText(a.request.id, b.request.id) ||
    byText(a.start.id, b.start.id)
  )
}

export const isSamePerson = (a: SessionActor, b: SessionActor): boolean =>
  a.identity.type === b.identity.type && a.identity.id === b.identity.id && a.address?.id === b.address?.id

/** Others whose request fits as well, and whose own process, if it was found, could be this one's in exchange. */
function othersOf(
  match: Candidate,
  all: readonly Candidate[],
  matched: ReadonlyMap<string, Candidate>
): SessionActor[] {
  const others: SessionActor[] = []
  for (const { request, start, fit, distance } of all) {
    if (start !== match.start || request === match.request || fit !== match.fit) continue
    if (Math.abs(distance - match.distance) >= TELLING_US) continue
    const own = matched.get(request.id)
    const exchange = all.find((one) => one.request === match.request && one.start === own?.start)
    if (own !== undefined && exchange?.fit !== own.fit) continue
    if ([match.request.actor, ...others].some((known) => isSamePerson(known, request.actor))) continue
    others.push(request.actor)
  }
  return others.sort((a, b) => byText(a.identity.id, b.identity.id) || byText(a.address?.id ?? '', b.address?.id ?? ''))
}

/**
 * Which process came of which request in one pod: what fits best, then what is nearest, each once. It follows from the requests
 * and processes alone, in whatever order they are given.
 */
export function matchSessions(requests: readonly SessionRequest[], starts: readonly ProcessStart[]): readonly Match[] {
  const candidates = requests
    .flatMap((request) => starts.flatMap((start) => candidateOf(request, start) ?? []))
    .sort(byFit)
  const taken = new Set<string>()
  const matched = new Map<string, Candidate>()
  for (const candidate of candidates) {
    if (matched.has(candidate.request.id) || taken.has(candidate.start.id)) continue
    matched.set(candidate.request.id, candidate)
    taken.add(candidate.start.id)
  }
  return [...matched.values()].map((match) => ({
    request: match.request,
    start: match.start,
    others: othersOf(match, candidates, matched)
  }))
}
