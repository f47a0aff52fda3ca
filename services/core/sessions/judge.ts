import type { WindowRule } from '../windows/window-rule.ts'
import { EARLIEST_START_US, LATEST_START_US } from './match.ts'
import type { ProcessStart, SessionRequest } from './session-facts.ts'
import type { PodSessions, SessionState } from './state.ts'

/** Grain of what is remembered of when something was heard of a sensor or the audit log. */
export const SEEN_US = 300_000_000
export const AUDIT_LOG = 'audit'
export const nodeKey = (node: string): string => `node/${node}`

/** A command that the image does not have is answered like any other, and over at once: only what lasts longer ran. */
const LASTING_US = 5_000_000
/** What is started so often within the rule's timespan is done by a machine: a probe that no sensor knew as one. */
const MANY_STARTS = 3

/** Engines that tell of every process; others tell of what their own rules pick. */
const TELLS_ALL: ReadonlySet<string> = new Set(['tetragon', 'weir'])

/** Whether something was heard of a source both before and after a time, each within a timespan. */
function wasHeard(state: SessionState, source: string, time: number, timespan_us: number): boolean {
  const spans = state.seen.get(source)
  if (spans === undefined) return false
  const own = Math.floor(time / SEEN_US)
  const most = Math.max(1, Math.floor(timespan_us / SEEN_US))
  const among = (from: number, to: number) => [...spans].some((span) => span >= from && span <= to)
  return among(own - most, own - 1) && among(own + 1, own + most)
}

/** Whether sessions were seen by both halves no later than `until` in pods that pass: what shows that both can see them. */
function wasSeenByBoth(
  state: SessionState,
  until: number,
  passes: (pod: string, start: ProcessStart) => boolean
): boolean {
  return [...state.pods.values()].some(({ pod, sessions }) =>
    sessions.some(({ start }) => start !== null && start.time <= until && passes(pod, start))
  )
}

const namespaceOf = (pod: string): string => pod.slice(0, pod.indexOf('/'))

/**
 * Whether no sensor saw the session of a request although it should have: its node's sensor was heard of before and after, and
 * sees sessions in that namespace. A process that came into the container then and is no other session's shows that it can see, though
 * the program is not the one asked for: a shell may have been replaced at once by what it was to run.
 */
export function isUnanswered(
  state: SessionState,
  { timespan_us }: WindowRule,
  { pod, joined, sessions }: PodSessions,
  request: SessionRequest
): boolean {
  const { id, kind, time, first, ended, node, containers } = request
  if (kind !== 'exec' || node === null || sessions.some((session) => session.id === id)) return false
  // Logged only when it was over: what was heard of the sensor then may be forgotten.
  if (first - time > timespan_us) return false
  if (ended !== null && ended - time < LASTING_US) return false
  const cameIn = (start: ProcessStart) =>
    start.time >= time - EARLIEST_START_US &&
    start.time <= time + LATEST_START_US &&
    (containers.length === 0 || start.container === null || containers.includes(start.container)) &&
    !sessions.some((session) => session.start?.id === start.id)
  if (joined.some(cameIn)) return false
  if (!wasHeard(state, nodeKey(node), time, timespan_us)) return false
  const namespace = namespaceOf(pod)
  return wasSeenByBoth(
    state,
    time + timespan_us,
    (other, { provider }) => namespaceOf(other) === namespace && TELLS_ALL.has(provider ?? '')
  )
}

/**
 * Whether nobody asked the API for a process although the audit log would tell: it was heard of before and after, and tells of
 * sessions.
 */
export function isUnasked(
  state: SessionState,
  { timespan_us }: WindowRule,
  { requests, joined, sessions }: PodSessions,
  start: ProcessStart
): boolean {
  if (!start.isExec || sessions.some((session) => session.start?.id === start.id)) return false
  const isNear = (time: number) => Math.abs(time - start.time) <= timespan_us
  const isFree = ({ id, kind, time }: SessionRequest) =>
    kind === 'exec' && isNear(time) && !sessions.some((session) => session.id === id)
  // A request that found no process of its own is a better explanation than a way past the API: clocks may be wrong.
  if (requests.some(isFree)) return false
  const same = joined.filter(
    (one) => one.command === start.command && one.container === start.container && isNear(one.time)
  )
  if (same.length >= MANY_STARTS) return false
  if (!wasHeard(state, AUDIT_LOG, start.time, timespan_us)) return false
  return wasSeenByBoth(state, start.time + timespan_us, () => true)
}
