import { hash } from 'node:crypto'
import type { CorrelatorState, Signal } from '../../../schemas/generated/types.ts'
import { boundedSignal } from '../correlate/bounded-signal.ts'
import { note, takeDue } from '../key-agenda.ts'
import type { WindowRule } from '../windows/window-rule.ts'
import { AUDIT_LOG, isUnanswered, isUnasked, nodeKey, SEEN_US } from './judge.ts'
import { expirePod, forgetPod, readSessions, shrinkPod, UNMATCHED_US } from './pod-sessions.ts'
import { podKeyOf, requestFrom, requestIdOf, startFrom } from './session-facts.ts'
import { attributedSignal, sessionSignalId, unansweredSignal, unaskedSignal } from './session-signal.ts'
import {
  emptyPod,
  emptySessionState,
  noteSeen,
  noteSessionSignal,
  noteTold,
  type PodSessions,
  type Session,
  type SessionDocument,
  type SessionIndex,
  type SessionState,
  type ToldSession
} from './state.ts'

/** Most signals of requests and processes remembered per cluster; then the pods of which nothing was heard for longest are let go. */
const MAX_SIGNALS = 20_000
/** Most events of one request: there are two, and more only where several API servers log it. */
const MAX_SIGNALS_PER_REQUEST = 4
/** How long what was heard of sensors is remembered. */
const SEEN_MEMORY_US = 2 * 3_600_000_000

/** Something that is told: a new signal, one whose content changed, or one that does not hold any more. */
export interface SessionResult {
  readonly change: 'new' | 'updated' | 'withdrawn'
  readonly signal: Signal
}

export interface SessionCounts {
  /** Signals that tell of a request or a process. */
  readonly taken: number
  readonly duplicates: number
  /** Too late for every session. */
  readonly late: number
  /** Let go because there were too many. */
  readonly dropped: number
}

export interface SessionStep {
  /** Pods, by namespace/name, in which signals may belong to other sessions than before. */
  readonly pods: ReadonlySet<string>
  readonly results: readonly SessionResult[]
  readonly counts: SessionCounts
}

const MINUTE_US = 60_000_000

/** When all is known that decides whether something of this time is told of. */
const due = (time: number, rule: WindowRule): number => time + rule.timespan_us + SEEN_US

/** Whether that has come, by the agenda, which goes by minutes: so it is known after a restart what was decided before. */
const isDue = (time: number, rule: WindowRule, closed_before: number): boolean =>
  (Math.floor(due(time, rule) / MINUTE_US) + 1) * MINUTE_US <= closed_before

type Taken = 'taken' | 'duplicate' | 'late' | 'unusable'

function keep(state: SessionState, pod: PodSessions, signal: Signal): Taken {
  if (signal.source === 'audit') {
    const request = requestFrom([signal], pod.pod)
    if (request === null) return 'unusable'
    const known = pod.requestSignals.get(request.id) ?? []
    if (known.some(({ id }) => id === signal.id) || known.length >= MAX_SIGNALS_PER_REQUEST) return 'duplicate'
    if (known.length === 0 && request.time + UNMATCHED_US < state.closed_before) return 'late'
    pod.requestSignals.set(request.id, [...known, signal])
  } else {
    const start = startFrom(signal, pod.pod)
    if (start === null) return 'unusable'
    const known = pod.startSignals.get(start.id)
    // Of several events that tell of one process, the first tells when it began.
    if (known !== undefined && (known.time < signal.time || (known.time === signal.time && known.id <= signal.id)))
      return 'duplicate'
    if (known === undefined && start.time + UNMATCHED_US < state.closed_before) return 'late'
    if (known !== undefined) {
      noteSessionSignal(state, known.id, null)
      state.signals -= 1
    }
    pod.startSignals.set(start.id, signal)
  }
  state.signals += 1
  noteSessionSignal(state, signal.id, signal)
  return 'taken'
}

/**
 * The pod is looked at when what the signal tells of is due, which goes by when that began: a request may be logged long after, and
 * after a restart whatever is due counts as decided.
 */
function schedule(state: SessionState, index: SessionIndex, pod: string, signal: Signal): void {
  const told = signal.source === 'audit' ? requestFrom([signal], pod) : startFrom(signal, pod)
  for (const rule of index.rules) note(state.agenda, due(told?.time ?? signal.time, rule), pod)
  note(state.agenda, signal.time + UNMATCHED_US, pod)
}

/** Remembers that sensors and the audit log are at work. */
function hear(state: SessionState, signals: readonly Signal[]): void {
  const changed = new Set<string>()
  const hearOf = (source: string, time: number) => {
    const spans = state.seen.get(source) ?? new Set<number>()
    const span = Math.floor(time / SEEN_US)
    if (spans.has(span) || time + SEEN_MEMORY_US < state.closed_before) return
    state.seen.set(source, spans.add(span))
    changed.add(source)
  }
  for (const { source, time, entities, parts } of signals) {
    // What is told of several events says nothing of when.
    if (parts.length > 0) continue
    if (source === 'audit') hearOf(AUDIT_LOG, time)
    else for (const { type, id } of entities) if (type === 'node') hearOf(nodeKey(id), time)
  }
  if (changed.size === 0) return
  const isOld = (span: number) =>
    Number.isFinite(state.closed_before) && (span + 1) * SEEN_US + SEEN_MEMORY_US < state.closed_before
  for (const [source, spans] of state.seen) {
    const size = spans.size
    for (const span of spans) if (isOld(span)) spans.delete(span)
    if (spans.size === 0) state.seen.delete(source)
    if (changed.has(source) || spans.size < size) noteSeen(state, source)
  }
}

/** What is told when it does not hold any more: enough to find and hide what was published before. */
function withdrawnResult({ id, rule }: ToldSession, index: SessionIndex, base: Signal | undefined): SessionResult[] {
  const known = index.rules.find((one) => one.id === rule)
  if (base === undefined || known === undefined) return []
  const { code, title, level } = known
  const signal: Signal = { ...base, id, rule: { id: rule, code, title, level }, parts: [], role: 'withdrawn' }
  return [{ change: 'withdrawn', signal }]
}

const anySignal = ({ requestSignals, startSignals }: PodSessions): Signal | undefined =>
  [...requestSignals.values()].flat()[0] ?? [...startSignals.values()][0]

interface Judgement {
  readonly told: ToldSession
  readonly signal: Signal
}

/** Requests and processes whose time is over: whether they are told of is decided once, and undone by the other half only. */
function judge(state: SessionState, index: SessionIndex, pod: PodSessions): Judgement[] {
  const found: Judgement[] = []
  const decide = (rule: WindowRule, about: string, signal: (id: string) => Signal | null) => {
    const id = sessionSignalId(rule, state.cluster_id, about)
    const made = signal(id)
    if (made !== null) found.push({ told: { id, rule: rule.id, about, content: '', parts: [] }, signal: made })
  }
  for (const rule of index.rules) {
    const { find } = rule.correlation
    if (find === 'unanswered') {
      for (const request of pod.requests) {
        if (pod.judged.has(request.id) || !isDue(request.time, rule, state.closed_before)) continue
        pod.judged.add(request.id)
        if (isUnanswered(state, rule, pod, request))
          decide(rule, request.id, (id) => unansweredSignal(rule, id, pod.pod, request))
      }
    } else if (find === 'unasked') {
      for (const start of pod.joined) {
        if (pod.judged.has(start.id) || !isDue(start.time, rule, state.closed_before)) continue
        pod.judged.add(start.id)
        if (isUnasked(state, rule, pod, start)) decide(rule, start.id, (id) => unaskedSignal(rule, id, pod.pod, start))
      }
    }
  }
  return found
}

/** What was told of a request or process without its other half, and has found it; or of a session that is none any more. */
function disproved(index: SessionIndex, pod: PodSessions): readonly ToldSession[] {
  const requests = new Set(pod.sessions.map(({ id }) => id))
  const processes = new Set(pod.sessions.flatMap(({ start }) => start?.id ?? []))
  const keys = new Set(pod.sessions.map(({ key }) => key))
  return [...pod.told.values()].filter(({ rule, about }) => {
    const find = index.rules.find(({ id }) => id === rule)?.correlation.find
    if (find === 'unanswered') return requests.has(about)
    return find === 'unasked' ? processes.has(about) : !keys.has(about)
  })
}

function settle(state: SessionState, index: SessionIndex, pod: PodSessions, results: Map<string, SessionResult>): void {
  const before = anySignal(pod)
  let isChanged = false
  for (const told of disproved(index, pod)) {
    pod.told.delete(told.id)
    for (const result of withdrawnResult(told, index, before)) results.set(told.id, result)
    isChanged = true
  }
  for (const { told, signal } of judge(state, index, pod)) {
    pod.told.set(told.id, told)
    results.set(told.id, { change: 'new', signal })
    isChanged = true
  }
  if (isChanged) noteTold(state, pod)
}

function evict(state: SessionState): number {
  let dropped = 0
  for (const pod of state.pods.values()) {
    if (state.signals <= MAX_SIGNALS) break
    const before = state.signals
    pod.told.clear()
    noteTold(state, pod)
    forgetPod(state, pod)
    dropped += before - state.signals
  }
  return dropped
}

/**
 * Takes what signals tell of requests for sessions and of processes that begin them, and matches both. The sessions that are known
 * in the end do not depend on the order or batching of the signals, nor on duplicates, as long as none comes after `closed_before`
 * and no limit is reached.
 * @param state the cluster's state, changed in place
 * @param signals all of the cluster: those that tell of neither still show that sensors and the audit log are at work
 * @param closed_before no signal of an earlier time is expected any more, microseconds since the epoch; infinity closes all
 */
export function advanceSessions(
  state: SessionState,
  index: SessionIndex,
  signals: readonly Signal[],
  closed_before: number
): SessionStep {
  const pods = new Set<string>()
  const results = new Map<string, SessionResult>()
  const counts = { taken: 0, duplicates: 0, late: 0, dropped: 0 }
  if (index.rules.length === 0) return { pods, results: [], counts }
  hear(state, signals)
  const touched = new Set<PodSessions>()
  for (const signal of signals) {
    if (!index.parts.has(signal.rule.id)) continue
    const key = podKeyOf(signal)
    if (key === null) continue
    const pod = state.pods.get(key) ?? emptyPod(key)
    const taken = keep(state, pod, boundedSignal(signal))
    if (taken === 'duplicate') counts.duplicates += 1
    else if (taken === 'late') counts.late += 1
    if (taken !== 'taken') continue
    counts.taken += 1
    state.pods.delete(key)
    state.pods.set(key, pod)
    touched.add(pod)
    schedule(state, index, key, signal)
  }
  state.closed_before = Math.max(state.closed_before, closed_before)
  for (const pod of touched) {
    if (readSessions(state, pod)) pods.add(pod.pod)
    counts.dropped += shrinkPod(state, pod)
  }
  const ripe = new Set(touched)
  for (const key of takeDue(state.agenda, state.closed_before)) {
    const pod = state.pods.get(key)
    if (pod !== undefined) ripe.add(pod)
  }
  for (const pod of ripe) {
    settle(state, index, pod, results)
    const next = expirePod(state, pod)
    if (next !== null) note(state.agenda, next, pod.pod)
    else if (pod.requestSignals.size === 0 && pod.startSignals.size === 0) {
      if (pod.told.size > 0) {
        pod.told.clear()
        noteTold(state, pod)
      }
      state.pods.delete(pod.pod)
    }
  }
  counts.dropped += evict(state)
  return { pods, results: [...results.values()], counts }
}

/**
 * What is told of sessions in which something was detected.
 * @param sessions those that are new or in which something more was detected
 * @param treeOf alerts that belong to a session
 * @param isElsewhere whether a signal turned out to belong to no session or another; false for one that is not known any more
 */
export function tellSessions(
  state: SessionState,
  index: SessionIndex,
  sessions: Iterable<Session>,
  treeOf: (session: Session) => readonly Signal[],
  isElsewhere: (signal: string, session: Session) => boolean
): readonly SessionResult[] {
  const results: SessionResult[] = []
  for (const rule of index.rules) {
    if (rule.correlation.find !== 'attributed') continue
    for (const session of sessions) {
      const pod = state.pods.get(session.pod)
      const id = sessionSignalId(rule, state.cluster_id, session.key)
      const signal = pod === undefined ? null : attributedSignal(rule, id, session, treeOf(session))
      if (pod === undefined) continue
      const known = pod.told.get(id)
      if (signal === null) {
        if (known?.parts.some((part) => isElsewhere(part, session)) !== true) continue
        pod.told.delete(id)
        noteTold(state, pod)
        results.push(...withdrawnResult(known, index, anySignal(pod)))
        continue
      }
      const content = hash('sha256', JSON.stringify(signal), 'hex').slice(0, 32)
      if (known?.content === content) continue
      pod.told.set(id, { id, rule: rule.id, about: session.key, content, parts: signal.parts })
      noteTold(state, pod)
      results.push({ change: known === undefined ? 'new' : 'updated', signal })
    }
  }
  return results
}

/**
 * The state as it was when the last of the entries was written. What belongs to rules that are no more is forgotten.
 * @param entries of one cluster, of the kind session; the latest of each key
 * @param closed_before as it was then, microseconds since the epoch
 */
export function restoreSessions(
  cluster_id: string,
  index: SessionIndex,
  entries: readonly CorrelatorState[],
  closed_before: number
): SessionState {
  const state = emptySessionState(cluster_id)
  for (const { key, signal } of entries) {
    if (signal === null) continue
    const pod = index.parts.has(signal.rule.id) ? podKeyOf(signal) : null
    if (pod === null) {
      state.changes.set(key, null)
      continue
    }
    const known = state.pods.get(pod) ?? emptyPod(pod)
    state.pods.set(pod, known)
    if (signal.source === 'audit') {
      const id = requestIdOf(signal)
      known.requestSignals.set(id, [...(known.requestSignals.get(id) ?? []), signal])
    } else known.startSignals.set(signal.ancestry[0]?.id ?? '', signal)
    state.signals += 1
    schedule(state, index, pod, signal)
  }
  for (const { key, document } of entries) {
    if (document === null) continue
    const stored = JSON.parse(document) as SessionDocument
    if ('seen' in stored) state.seen.set(stored.seen, new Set(stored.spans))
    else {
      const pod = state.pods.get(stored.pod)
      if (pod === undefined) state.changes.set(key, null)
      else for (const told of stored.told) pod.told.set(told.id, told)
    }
  }
  state.closed_before = closed_before
  for (const pod of state.pods.values()) {
    readSessions(state, pod)
    for (const rule of index.rules) {
      if (rule.correlation.find === 'unanswered') {
        for (const { id, time } of pod.requests) if (isDue(time, rule, closed_before)) pod.judged.add(id)
      } else if (rule.correlation.find === 'unasked') {
        for (const { id, time } of pod.joined) if (isDue(time, rule, closed_before)) pod.judged.add(id)
      }
    }
  }
  return state
}
