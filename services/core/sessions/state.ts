import type { CorrelatorState, Signal } from '../../../schemas/generated/types.ts'
import { BLANK_ENTRY, shortHash } from '../changelog-entry.ts'
import { type Agenda, emptyAgenda } from '../key-agenda.ts'
import type { WindowRule } from '../windows/window-rule.ts'
import type { ProcessStart, SessionActor, SessionRequest } from './session-facts.ts'

/** Somebody in a container: the tree of a process, or all of a container. */
export interface Session {
  /** Identity of the request. */
  readonly id: string
  /** What stays the same when it turns out that somebody else asked for it. */
  readonly key: string
  /** namespace/name */
  readonly pod: string
  readonly request: SessionRequest
  /** The first process, whose tree it is; null for sessions that are all of a container. */
  readonly start: ProcessStart | null
  /** Others whose session it may be as well. */
  readonly others: readonly SessionActor[]
}

/** What was told of a session, request or process, by id of the signal. */
export interface ToldSession {
  readonly id: string
  /** The rule that tells. */
  readonly rule: string
  /** What it is about: a session's key, a request or a process. */
  readonly about: string
  /** Hash of what was told: it is told again when that changes. */
  readonly content: string
  /** Ids of the signals it was told of; none for what is told of a request or process. */
  readonly parts: readonly string[]
}

export interface PodSessions {
  /** namespace/name */
  readonly pod: string
  /** Signals by request. */
  readonly requestSignals: Map<string, readonly Signal[]>
  /** The earliest signal by process. */
  readonly startSignals: Map<string, Signal>
  /** By time. */
  requests: readonly SessionRequest[]
  starts: readonly ProcessStart[]
  /** The same, what one process ran one after another being one. */
  joined: readonly ProcessStart[]
  sessions: readonly Session[]
  /** Requests and processes of which it was decided whether they are told of. */
  readonly judged: Set<string>
  readonly told: Map<string, ToldSession>
}

/** Everything known of sessions in one cluster. Changed in place by the reducer that owns it. */
export interface SessionState {
  readonly cluster_id: string
  /** Least recently changed first. */
  readonly pods: Map<string, PodSessions>
  /** First processes of sessions, and those that nobody asked for. */
  readonly byProcess: Map<string, Session | null>
  /** Sessions by the audit events of their request. */
  readonly byEvent: Map<string, Session>
  /** When something was heard of nodes (`node/NAME`) and of the audit log (`audit`), in spans of `SEEN_US`. */
  readonly seen: Map<string, Set<number>>
  readonly agenda: Agenda
  /** How many signals are remembered. */
  signals: number
  /** No event of an earlier time is expected any more, microseconds since the epoch. */
  closed_before: number
  /** What was changed since the last batch, to be written to the changelog; null is a tombstone. */
  readonly changes: Map<string, CorrelatorState | null>
}

/** What sessions are told of. */
export interface SessionIndex {
  readonly rules: readonly WindowRule[]
  /** Ids of the rules whose signals tell of requests and processes. */
  readonly parts: ReadonlySet<string>
  /** Ids of `rules`. */
  readonly own: ReadonlySet<string>
}

/** @param windows all correlations; those over sessions are picked out */
export function sessionIndexOf(windows: readonly WindowRule[]): SessionIndex {
  const rules = windows.filter(({ mode }) => mode === 'session')
  return {
    rules,
    parts: new Set(rules.flatMap(({ parts }) => parts)),
    own: new Set(rules.map(({ id }) => id))
  }
}

export function emptySessionState(cluster_id: string): SessionState {
  return {
    cluster_id,
    pods: new Map(),
    byProcess: new Map(),
    byEvent: new Map(),
    seen: new Map(),
    agenda: emptyAgenda(),
    signals: 0,
    closed_before: Number.NEGATIVE_INFINITY,
    changes: new Map()
  }
}

export function emptyPod(pod: string): PodSessions {
  return {
    pod,
    requestSignals: new Map(),
    startSignals: new Map(),
    requests: [],
    starts: [],
    joined: [],
    sessions: [],
    judged: new Set(),
    told: new Map()
  }
}

/** Notes that a signal has to be written (or, without one, deleted) in the changelog. */
export function noteSessionSignal({ changes, cluster_id }: SessionState, id: string, signal: Signal | null): void {
  const key = `session/${id}`
  changes.set(key, signal === null ? null : { ...BLANK_ENTRY, key, cluster_id, kind: 'session', signal })
}

/** Entries that are no signals. */
export type SessionDocument =
  | { readonly pod: string; readonly told: readonly ToldSession[] }
  | { readonly seen: string; readonly spans: readonly number[] }

function noteDocument({ changes, cluster_id }: SessionState, key: string, document: SessionDocument | null): void {
  changes.set(
    key,
    document === null ? null : { ...BLANK_ENTRY, key, cluster_id, kind: 'session', document: JSON.stringify(document) }
  )
}

/** Notes what was told of a pod's sessions. */
export function noteTold(state: SessionState, { pod, told }: PodSessions): void {
  const key = `session/told-${shortHash(pod)}`
  noteDocument(state, key, told.size === 0 ? null : { pod, told: [...told.values()] })
}

/** Notes when something was heard of a source. */
export function noteSeen(state: SessionState, source: string): void {
  const spans = state.seen.get(source)
  const key = `session/seen-${shortHash(source)}`
  noteDocument(state, key, spans === undefined ? null : { seen: source, spans: [...spans].sort((a, b) => a - b) })
}
