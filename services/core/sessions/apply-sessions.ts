import type { Signal } from '../../../schemas/generated/types.ts'
import { boundedSignal } from '../correlate/bounded-signal.ts'
import { type CorrelateSettings, latenessOf } from '../correlate/settings.ts'
import type { Annotate, ClusterState, StoredSignal } from '../correlate/state.ts'
import { attributed, sessionOf } from './attribute.ts'
import { advanceSessions, type SessionCounts, type SessionResult, tellSessions } from './reducer.ts'
import type { Session, SessionIndex, SessionState } from './state.ts'

/** What sessions change in what is stitched. */
export interface AppliedSessions {
  /** Signals that were stitched before and have to be again, with the person who turned out to be behind them. */
  readonly again: readonly Signal[]
  readonly results: readonly SessionResult[]
  readonly annotate: Annotate
  readonly counts: SessionCounts
}

/** Says who is behind a signal; what is told of sessions says it already. */
export function annotateWith(state: SessionState, index: SessionIndex): Annotate {
  return (signal) => (index.own.has(signal.rule.id) ? signal : attributed(state, signal))
}

/** Stitched signals of pods that show something else than they would now. */
function outdated(
  stitching: ClusterState,
  pods: Iterable<string>,
  annotate: Annotate,
  settings: CorrelateSettings
): readonly StoredSignal[] {
  // What is older would not be taken again.
  const memory_us = (settings.close_idle_ms + settings.reopen_ms + latenessOf(settings)) * 1000
  const found = new Set<StoredSignal>()
  for (const pod of pods) {
    for (const stored of stitching.chains.get(`pod:${pod}`)?.signals ?? []) {
      if (stored.signal.time < stitching.watermark - memory_us || stored.group?.isSealed === true) continue
      const now = annotate(stored.raw)
      // Most signals were in no session and are in none.
      if (now === stored.raw && stored.signal === stored.raw) continue
      if (JSON.stringify(now) !== JSON.stringify(stored.signal)) found.add(stored)
    }
  }
  return [...found]
}

/**
 * One step of sessions, before stitching.
 * @param alerts of this batch, those of correlations among them
 * @param parts all usable signals of this batch
 * @param gone ids of signals that do not hold any more, or come again among `alerts`
 */
export function applySessions(
  state: SessionState,
  index: SessionIndex,
  stitching: ClusterState,
  batch: {
    readonly parts: readonly Signal[]
    readonly alerts: readonly Signal[]
    readonly gone: ReadonlySet<string>
    readonly closed_before: number
  },
  settings: CorrelateSettings
): AppliedSessions {
  const step = advanceSessions(state, index, batch.parts, batch.closed_before)
  const annotate = annotateWith(state, index)
  const again = outdated(stitching, step.pods, annotate, settings)
    .map(({ raw }) => raw)
    .filter(({ id }) => !batch.gone.has(id))
  const touched = new Map<string, Session>()
  const found = new Map<string, Signal[]>()
  for (const signal of [...again, ...batch.alerts]) {
    if (index.own.has(signal.rule.id) || signal.role !== 'alert') continue
    const session = sessionOf(state, signal)
    if (session === null) continue
    touched.set(session.key, session)
    found.set(session.key, [...(found.get(session.key) ?? []), boundedSignal(signal)])
  }
  for (const pod of step.pods) {
    for (const session of state.pods.get(pod)?.sessions ?? []) touched.set(session.key, session)
  }
  const treeOf = ({ id, key }: Session) => {
    const tree = new Map((found.get(key) ?? []).map((signal) => [signal.id, signal]))
    for (const { raw } of stitching.chains.get(`session:${id}`)?.signals ?? []) {
      // What came before keeps what it was when it came.
      if (!index.own.has(raw.rule.id) && !batch.gone.has(raw.id) && sessionOf(state, raw)?.key === key)
        tree.set(raw.id, raw)
    }
    return [...tree.values()]
  }
  const isElsewhere = (id: string, { key }: Session) => {
    const raw = stitching.signals.get(id)?.raw
    return raw !== undefined && sessionOf(state, raw)?.key !== key
  }
  const told = tellSessions(state, index, touched.values(), treeOf, isElsewhere)
  return { again, results: [...step.results, ...told], annotate, counts: step.counts }
}
