import { hash } from 'node:crypto'
import type { Cluster, Signal } from '../../../schemas/generated/types.ts'
import { plainText } from '../correlate/text.ts'

const RULE_ID = 'weir.forged-action'
const RULE_TITLE = 'Somebody forged a message to the responder'
const MAX_TEXT_BYTES = 200
/** Forgeries of one kind within this are one signal: whoever can write them can write many. Microseconds. */
const SAME_US = 600_000_000

/** A message that asked the responder or an agent for something, and was refused because nobody entitled had asked. */
export interface ForgedMessage {
  /** Where it is: topic/partition/offset. */
  readonly place: string
  /** When it was written, microseconds since the epoch. */
  readonly time: number
  /** Error code of the refusal. */
  readonly code: string
  readonly reason: string
  /** Plan and name that it gives: anybody's words. */
  readonly plan: string
  readonly by: string | null
}

/**
 * The signal that a forged message raises: whoever can write to the topic of actions is inside. What the message says of itself is
 * evidence and never an entity, since an attacker must not choose what their forgery is tied to.
 * @returns the same signal for the same message, and for all of one code within ten minutes
 */
export function forgedActionSignal(cluster: Cluster, message: ForgedMessage): Signal {
  const { place, time, code, reason, plan, by } = message
  const digest = (...parts: readonly unknown[]) =>
    hash('sha256', JSON.stringify([RULE_ID, cluster.id, code, ...parts])).slice(0, 32)
  const text = (value: string) => plainText(value, MAX_TEXT_BYTES)
  return {
    id: digest(Math.floor(time / SAME_US)),
    time,
    cluster,
    source: 'audit',
    rule: { id: RULE_ID, code: 'W01', title: RULE_TITLE, level: 'high' },
    severity: 'high',
    title: text(`${RULE_TITLE}: ${code}, in the name of ${by ?? 'nobody'}`),
    dedup_key: digest(),
    event_id: place,
    action: 'weir:forge-action',
    outcome: 'failure',
    tactics: ['defense-evasion', 'impact'],
    techniques: ['T1553', 'T1565.002'],
    entities: [{ type: 'object', id: 'weir.actions.v1', name: 'topic weir.actions.v1', role: 'target' }],
    evidence: {
      'action.id': text(plan),
      'approval.by': text(by ?? ''),
      'error.code': code,
      'error.message': text(reason),
      'event.place': place
    },
    ancestry: [],
    playbook: null,
    investigation: [
      { step: 'Look at the message: `weir dlq list --topic weir.actions.v1`.', query: null },
      {
        step: 'Find out who may write to the topic weir.actions.v1, and take that from all but Weir and its people.',
        query: null
      },
      { step: 'Look for other forgeries, and for what else came at the time.', query: 'weir.signal.code:"W01"' }
    ],
    role: 'alert',
    sources: [],
    parts: [],
    count: 1,
    correlation_fields: {},
    verdict: null
  }
}
