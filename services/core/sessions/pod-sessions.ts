import type { Signal } from '../../../schemas/generated/types.ts'
import { EARLIEST_START_US, LATEST_START_US, matchSessions } from './match.ts'
import { joinedStarts, type ProcessStart, requestFrom, type SessionRequest, startFrom } from './session-facts.ts'
import { noteSessionSignal, type PodSessions, type Session, type SessionState } from './state.ts'

const HOUR_US = 3_600_000_000

/** How long a request or process waits for its other half: as long as a session whose request is logged when it ends. */
export const UNMATCHED_US = 24 * HOUR_US
/** How long a session is remembered from its start: longer than an incident takes signals, and stays open after the last. */
export const SESSION_US = 45 * 24 * HOUR_US
/** Most requests, and most processes, remembered per pod; then the oldest are let go. */
export const MAX_PER_POD = 256

interface Item {
  readonly time: number
  readonly request: SessionRequest | null
  readonly start: ProcessStart | null
}

function itemsOf({ requests, starts }: PodSessions): readonly Item[] {
  const items: Item[] = [
    ...requests.map((request) => ({ time: request.time, request, start: null })),
    ...starts.map((start) => ({ time: start.time, request: null, start }))
  ]
  return items.sort((a, b) => a.time - b.time)
}

/** Sessions that are all of a container: one that was added to debug, or one whose terminal was taken over. */
function containerSessions(pod: string, requests: readonly SessionRequest[]): readonly Session[] {
  const added = new Set<string>()
  return requests.flatMap((request): readonly Session[] => {
    const { id, kind } = request
    // Names of added containers are never used again, so that the first to name one made it.
    const isNew = kind === 'debug' && request.containers.some((name) => !added.has(name))
    const [name] = request.containers
    if (!isNew && !(kind === 'attach' && request.stdin && name !== undefined)) return []
    const containers = kind === 'debug' ? request.containers.filter((one) => !added.has(one)) : request.containers
    if (kind === 'debug') for (const one of containers) added.add(one)
    return [
      { id, key: `${id} ${containers[0] ?? ''}`, pod, request: { ...request, containers }, start: null, others: [] }
    ]
  })
}

/** What tells two readings of a pod's sessions apart. Within a session that is all of a container, others' processes are not in it. */
const outlineOf = ({ sessions, starts }: PodSessions): string =>
  JSON.stringify([
    sessions.some(({ start }) => start === null) ? starts.map(({ id }) => id) : [],
    sessions.map(({ key, start, request: { id, ended, events, containers }, others }) => [
      key,
      start?.later.map((one) => one.id) ?? [],
      id,
      ended,
      events,
      containers,
      others
    ])
  ])

function unindex(state: SessionState, { starts, requests }: PodSessions): void {
  for (const { id } of starts) state.byProcess.delete(id)
  for (const { events } of requests) for (const event of events) state.byEvent.delete(event)
}

/**
 * Works out a pod's sessions anew from the signals that are remembered of it.
 * @returns whether they are others than before
 */
export function readSessions(state: SessionState, pod: PodSessions): boolean {
  unindex(state, pod)
  const before = outlineOf(pod)
  const byTime = (a: { time: number; id: string }, b: { time: number; id: string }) =>
    a.time - b.time || (a.id < b.id ? -1 : 1)
  pod.requests = [...pod.requestSignals.values()].flatMap((signals) => requestFrom(signals, pod.pod) ?? []).sort(byTime)
  pod.starts = [...pod.startSignals.values()].flatMap((signal) => startFrom(signal, pod.pod) ?? []).sort(byTime)
  pod.joined = joinedStarts(pod.starts)
  const matches = matchSessions(pod.requests, pod.joined)
  pod.sessions = [
    ...matches.map(({ request, start, others }) => ({
      ...{ id: request.id, key: start.id, pod: pod.pod },
      ...{ request, start, others }
    })),
    ...containerSessions(pod.pod, pod.requests)
  ].sort((a, b) => byTime(a.request, b.request))
  for (const { id } of pod.starts) state.byProcess.set(id, null)
  for (const session of pod.sessions) {
    if (session.start !== null)
      for (const { id } of [session.start, ...session.start.later]) state.byProcess.set(id, session)
    for (const event of session.request.events) state.byEvent.set(event, session)
  }
  return outlineOf(pod) !== before
}

function forget(state: SessionState, pod: PodSessions, { request, start }: Item): void {
  const signals: readonly Signal[] = request?.signals ?? (start === null ? [] : [start.signal])
  for (const { id } of signals) noteSessionSignal(state, id, null)
  state.signals -= signals.length
  const id = request?.id ?? start?.id ?? ''
  if (request !== null) pod.requestSignals.delete(id)
  else pod.startSignals.delete(id)
  pod.judged.delete(id)
}

const idsInSessions = ({ sessions }: PodSessions): ReadonlySet<string> =>
  new Set(
    sessions.flatMap(({ id, start }) => [id, ...(start === null ? [] : [start, ...start.later].map((one) => one.id))])
  )

/** Requests and processes that could have to do with each other, over any number of others between them. */
function clustersOf(items: readonly Item[]): readonly Item[][] {
  const clusters: Item[][] = []
  let last = Number.NEGATIVE_INFINITY
  for (const item of items) {
    if (item.time - last > EARLIEST_START_US + LATEST_START_US) clusters.push([item])
    else clusters.at(-1)?.push(item)
    last = item.time
  }
  return clusters
}

/**
 * Forgets what is older than it has to be remembered, always with all that it could have to do with: so what is left means the
 * same without it.
 * @returns when to look again, microseconds since the epoch; null when nothing is left
 */
export function expirePod(state: SessionState, pod: PodSessions): number | null {
  const inSession = idsInSessions(pod)
  let due: number | null = null
  let isChanged = false
  for (const cluster of clustersOf(itemsOf(pod))) {
    const isSession = cluster.some(({ request, start }) => inSession.has(request?.id ?? start?.id ?? ''))
    const until = (cluster.at(-1)?.time ?? 0) + (isSession ? SESSION_US : UNMATCHED_US)
    if (until < state.closed_before && Number.isFinite(state.closed_before)) {
      for (const item of cluster) forget(state, pod, item)
      isChanged = true
    } else due = Math.min(due ?? until, until)
  }
  if (isChanged) readSessions(state, pod)
  return due
}

/** Lets go of the oldest of too many, what is no session first. @returns how many */
export function shrinkPod(state: SessionState, pod: PodSessions): number {
  const inSession = idsInSessions(pod)
  const gone: Item[] = []
  for (const items of [itemsOf({ ...pod, starts: [] }), itemsOf({ ...pod, requests: [] })]) {
    const rank = ({ request, start }: Item) => (inSession.has(request?.id ?? start?.id ?? '') ? 1 : 0)
    const candidates = items.toSorted((a, b) => rank(a) - rank(b) || a.time - b.time)
    gone.push(...candidates.slice(0, Math.max(0, items.length - MAX_PER_POD)))
  }
  for (const item of gone) forget(state, pod, item)
  if (gone.length > 0) readSessions(state, pod)
  return gone.length
}

/** Forgets all of a pod. */
export function forgetPod(state: SessionState, pod: PodSessions): void {
  for (const item of itemsOf(pod)) forget(state, pod, item)
  unindex(state, pod)
  state.pods.delete(pod.pod)
}
