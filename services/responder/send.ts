import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf, WeirError } from '../core/errors.ts'
import type { ClusterAnswer, ClusterApi, ClusterRequest, SendAs } from '../platform/kubernetes/cluster-api.ts'

/** Between tries, at first and at most, milliseconds. */
const FIRST_WAIT_MS = 40
const MAX_WAIT_MS = 1_000
/** Longest that is waited because the API server asks for it, milliseconds. */
const MAX_RETRY_AFTER_MS = 5_000

export interface Patience {
  /** For how long a refusal may be because the authoriser has not yet seen a new permission, milliseconds. */
  readonly lag_ms: number
  /** For how long to try at all, milliseconds. */
  readonly deadline_ms: number
}

const isPassing = (status: number) =>
  status === 429 || status === 500 || status === 502 || status === 503 || status === 504

/**
 * Sends a request, again while the API server is busy, ails or does not answer. To be used for what may be done twice: reads,
 * and changes that say what they are to be made to.
 * @returns the last answer; status 0 when there was none, with the reason as text
 */
export async function sendPatiently(
  api: ClusterApi,
  request: ClusterRequest,
  as: SendAs,
  { lag_ms, deadline_ms }: Patience
): Promise<ClusterAnswer> {
  const started = performance.now()
  for (let wait_ms = FIRST_WAIT_MS; ; wait_ms = Math.min(wait_ms * 2, MAX_WAIT_MS)) {
    let answer: ClusterAnswer
    try {
      answer = await api.send(request, as)
    } catch (error) {
      if (!(error instanceof WeirError && error.retriable)) throw error
      answer = { status: 0, body: undefined, text: messageOf(error), retry_after_ms: null }
    }
    const spent_ms = performance.now() - started
    const mayPass = answer.status === 0 || isPassing(answer.status) || (answer.status === 403 && spent_ms < lag_ms)
    const next_ms = Math.min(answer.retry_after_ms ?? wait_ms, MAX_RETRY_AFTER_MS)
    if (!mayPass || spent_ms + next_ms > deadline_ms) return answer
    await sleep(next_ms)
  }
}
