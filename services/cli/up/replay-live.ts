import { appendFile } from 'node:fs/promises'
import { messageOf, WeirError } from '../../core/errors.ts'
import { piecesOf, type Recording, type ReplayRecord } from '../replay/recording.ts'
import { UP_ERRORS } from './errors.ts'
import { postJson } from './post-json.ts'

export interface LiveTargets {
  /** The audit webhook, as an API server would be pointed at it. */
  readonly webhook_url: string
  /** Certificate authority of the webhook, PEM; undefined over plain HTTP. */
  readonly webhook_ca: Buffer | undefined
  /** Tetragon's export file, which the node agent follows. */
  readonly tetragon_file: string
  /** File of recorded events of the agent's own sensor, which the node agent follows, too. */
  readonly runtime_file: string
}

export interface ReplayPace {
  readonly pieces: number
  readonly pause_ms: number
  readonly signal: AbortSignal
  readonly progress: (share: number) => void
}

/** Events in one request, at most; kube-apiserver's own default is 400. */
const MAX_ITEMS = 400
const SEND_TRIES = 60
const SEND_RETRY_MS = 500

/** Sends as kube-apiserver does: again and again while the webhook is away or says 429. */
async function sendAudit(
  { webhook_url, webhook_ca }: LiveTargets,
  items: readonly unknown[],
  signal: AbortSignal
): Promise<void> {
  const body = JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items })
  let problem = ''
  for (let tries = 0; tries < SEND_TRIES; tries += 1) {
    try {
      const { status, text } = await postJson(webhook_url, body, { ca: webhook_ca, signal })
      if (status < 300) return
      problem = `${status} ${text}`
      if (status < 500 && status !== 429) break
    } catch (error) {
      signal.throwIfAborted()
      problem = messageOf(error)
    }
    await new Promise((resolve) => setTimeout(resolve, SEND_RETRY_MS))
  }
  throw new WeirError(
    UP_ERRORS,
    'UP_WEBHOOK_REFUSES',
    `the audit webhook ${webhook_url} does not take events: ${problem}`
  )
}

const ofSource = (records: readonly ReplayRecord[], source: ReplayRecord['source']) =>
  records.filter((record) => record.source === source).map(({ json }) => json)

/** Plays a recording into the two inputs of a running pipeline, audit log and sensor, in the order of its time. */
export async function replayLive(recording: Recording, targets: LiveTargets, pace: ReplayPace): Promise<void> {
  const pieces = piecesOf(recording.records, pace.pieces)
  for (const [index, piece] of pieces.entries()) {
    pace.signal.throwIfAborted()
    for (const [source, file] of [
      ['tetragon', targets.tetragon_file],
      ['runtime', targets.runtime_file]
    ] as const) {
      const lines = ofSource(piece, source)
      if (lines.length > 0) await appendFile(file, lines.map((json) => `${JSON.stringify(json)}\n`).join(''))
    }
    const audit = ofSource(piece, 'audit')
    for (let start = 0; start < audit.length; start += MAX_ITEMS) {
      await sendAudit(targets, audit.slice(start, start + MAX_ITEMS), pace.signal)
    }
    pace.progress((index + 1) / pieces.length)
    if (index < pieces.length - 1) await new Promise((resolve) => setTimeout(resolve, pace.pause_ms))
  }
}
