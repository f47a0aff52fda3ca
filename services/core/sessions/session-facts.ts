import type { Entity, Signal } from '../../../schemas/generated/types.ts'
import type { SessionField } from './session-fields.ts'

/** Who asked for a session. */
export interface SessionActor {
  /** user, service_account or node, as the signal's actor. */
  readonly identity: Entity
  readonly address: Entity | null
  /** Id of the token or certificate. */
  readonly credential: Entity | null
  readonly groups: readonly string[]
}

/** A request for a session in a container. */
export interface SessionRequest {
  /** The same for all events of one request. */
  readonly id: string
  /** exec starts a process; attach takes over the terminal of the first one; debug adds a container. */
  readonly kind: 'exec' | 'attach' | 'debug'
  /** When the API server got it, microseconds since the epoch. */
  readonly time: number
  /** Time of its earliest event, microseconds since the epoch. */
  readonly first: number
  /** When the session was over; null while it is not known to be. */
  readonly ended: number | null
  readonly pod_uid: string | null
  readonly node: string | null
  /** Names; none: the only one of the pod, or not known. */
  readonly containers: readonly string[]
  readonly command: string | null
  /** Whether what is typed goes in: without it, an attach only reads. */
  readonly stdin: boolean
  readonly actor: SessionActor
  readonly events: readonly string[]
  /** Signals that tell of it, by time. */
  readonly signals: readonly Signal[]
}

/** A process that came into a container from outside. */
export interface ProcessStart {
  /** Identity of the process, as in the ancestry of signals. */
  readonly id: string
  /** Microseconds since the epoch. */
  readonly time: number
  readonly pod_uid: string | null
  readonly node: string | null
  readonly container: string | null
  readonly command: string | null
  /** Which sensor saw it: tetragon, falco or weir. */
  readonly provider: string | null
  /** Whether it is known to be neither probe nor hook: the sensor says so, or it has a terminal. */
  readonly isExec: boolean
  readonly pid: string | null
  /** Whether it is a process that was there before and runs another program now, without a fork between. */
  readonly isReplacement: boolean
  /** What the same process ran afterwards, by time. */
  readonly later: readonly ProcessStart[]
  readonly signal: Signal
}

function valuesOf({ correlation_fields }: Signal, name: SessionField): readonly string[] {
  return Object.hasOwn(correlation_fields, name) ? (correlation_fields[name] ?? []) : []
}

const textOf = (signal: Signal, name: SessionField): string | null => valuesOf(signal, name)[0] ?? null

/** Puts what a process ran one after another together. @param starts by time */
export function joinedStarts(starts: readonly ProcessStart[]): readonly ProcessStart[] {
  const latest = new Map<string, ProcessStart>()
  const later = new Map<ProcessStart, ProcessStart[]>()
  const first: ProcessStart[] = []
  for (const start of starts) {
    const key = JSON.stringify([start.node, start.pid, start.container])
    const before = start.isReplacement && start.pid !== null ? latest.get(key) : undefined
    if (before !== undefined) later.set(before, [...(later.get(before) ?? []), start])
    else {
      latest.set(key, start)
      first.push(start)
    }
  }
  return first.map((start) => ({ ...start, later: later.get(start) ?? [] }))
}

/** The pod by namespace and name: requests know no more, and sensors give both or are helped by the inventory. */
export function podKeyOf(signal: Signal): string | null {
  const isRequest = signal.source === 'audit'
  const namespace = textOf(signal, isRequest ? 'objectRef.namespace' : 'pod.namespace')
  const name = textOf(signal, isRequest ? 'objectRef.name' : 'pod.name')
  return namespace === null || name === null ? null : `${namespace}/${name}`
}

function uidOf(signal: Signal, role: Entity['role'], pod: string): string | null {
  const found = signal.entities.find((entity) => entity.type === 'pod' && entity.role === role && entity.name === pod)
  return found === undefined || found.id === found.name ? null : found.id
}

/** Seconds the API server is given to tell one request from another that an attacker gave the same id. */
function requestTime(signal: Signal): number {
  const text = textOf(signal, 'requestReceivedTimestamp')
  const time = text === null ? Number.NaN : Number(text)
  return Number.isSafeInteger(time) ? time : signal.time
}

/** Identity of a request: clients may choose audit ids, but not the time at which the server got the request. */
export function requestIdOf(signal: Signal): string {
  return `${textOf(signal, 'auditID') ?? signal.event_id}/${requestTime(signal)}`
}

function actorOf(signal: Signal): SessionActor | null {
  const first = (type: Entity['type'], role: Entity['role']) =>
    signal.entities.find((entity) => entity.type === type && entity.role === role) ?? null
  const identity = first('service_account', 'actor') ?? first('user', 'actor') ?? first('node', 'actor')
  if (identity === null) return null
  return {
    identity,
    address: signal.entities.find(({ type }) => type === 'source_address') ?? null,
    credential: first('credential', 'actor'),
    groups: valuesOf(signal, 'actor.groups')
  }
}

const KINDS: Readonly<Record<string, SessionRequest['kind']>> = {
  exec: 'exec',
  attach: 'attach',
  ephemeralcontainers: 'debug'
}

/**
 * The request that signals tell of.
 * @param signals of one request (`requestIdOf`) for one pod, at least one, in any order
 * @returns null when they do not say who asked for what
 */
export function requestFrom(signals: readonly Signal[], pod: string): SessionRequest | null {
  const inOrder = signals.toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
  const [signal] = inOrder
  if (signal === undefined) return null
  const subresource = textOf(signal, 'objectRef.subresource') ?? ''
  const kind = Object.hasOwn(KINDS, subresource) ? KINDS[subresource] : undefined
  const actor = actorOf(signal)
  if (kind === undefined || actor === null) return null
  const container = textOf(signal, 'facts.exec.container')
  const added = inOrder.flatMap((one) => [
    ...valuesOf(one, 'requestObject.spec.ephemeralContainers.name'),
    ...valuesOf(one, 'requestObject.value.name')
  ])
  const complete = inOrder.find((one) => textOf(one, 'stage') === 'ResponseComplete')
  return {
    id: requestIdOf(signal),
    kind,
    time: requestTime(signal),
    first: signal.time,
    ended: complete === undefined || kind === 'debug' ? null : complete.time,
    pod_uid: uidOf(signal, 'target', pod),
    node: textOf(signal, 'pod.node'),
    containers: kind === 'debug' ? [...new Set(added)] : container === null ? [] : [container],
    command: textOf(signal, 'facts.exec.command_line'),
    stdin: textOf(signal, 'facts.exec.stdin') === 'true',
    actor,
    events: inOrder.map(({ event_id }) => event_id),
    signals: inOrder
  }
}

/**
 * Tetragon gives a process a new identity with each program, and the parent of the process, not the program before, as its parent. It
 * says `clone` of the first program after a fork only (bpf/process/bpf_execve_event.c).
 */
const replaces = (flags: string | null): boolean =>
  flags !== null && /\bexecve\b/.test(flags) && !/\bclone\b/.test(flags)

/** @returns null when the signal names no process */
export function startFrom(signal: Signal, pod: string): ProcessStart | null {
  const [process] = signal.ancestry
  if (process === undefined || process.id === '') return null
  return {
    id: process.id,
    time: signal.time,
    pod_uid: uidOf(signal, 'actor', pod),
    node: textOf(signal, 'pod.node') ?? signal.entities.find(({ type }) => type === 'node')?.id ?? null,
    container: textOf(signal, 'container.name'),
    command: textOf(signal, 'process.command_line'),
    provider: textOf(signal, 'source.provider'),
    isExec: textOf(signal, 'process.entry') === 'exec' || textOf(signal, 'process.interactive') === 'true',
    pid: textOf(signal, 'process.pid'),
    isReplacement: replaces(textOf(signal, 'attributes.flags')),
    later: [],
    signal
  }
}
