/** Kinds of documents, and with the prefix the names of their indices. */
export const INDEX_KINDS = ['events', 'signals', 'incidents', 'actions', 'containers'] as const
export type IndexKind = (typeof INDEX_KINDS)[number]

/** Kinds that have one index each, whose documents are replaced by newer versions of themselves. */
export const PLAIN_KINDS = ['incidents', 'containers'] as const satisfies readonly IndexKind[]
export type PlainKind = (typeof PLAIN_KINDS)[number]
export type BucketedKind = Exclude<IndexKind, PlainKind>

const DAY_MS = 86_400_000

/**
 * How time is cut. The bucket comes from the document's own time, so a replay finds the document where it left it. The window
 * bounds the number of indices: a clock that is wrong, or an agent that lies, must not make one index per day of a century.
 */
const BUCKETS: Readonly<Record<BucketedKind, { readonly characters: number; readonly past_days: number }>> = {
  events: { characters: 'yyyy-mm-dd'.length, past_days: 90 },
  signals: { characters: 'yyyy-mm'.length, past_days: 400 },
  actions: { characters: 'yyyy-mm'.length, past_days: 400 }
}
/** Clocks run ahead of each other by minutes; a day also covers time zones taken for UTC. */
const FUTURE_DAYS = 1

export function plainIndex(prefix: string, kind: PlainKind): string {
  return `${prefix}-${kind}`
}

/** Pattern of all indices of a kind. */
export function indexPattern(prefix: string, kind: IndexKind): string {
  return kind === 'incidents' || kind === 'containers' ? plainIndex(prefix, kind) : `${prefix}-${kind}-*`
}

/**
 * The index for a document by its own time.
 * @param time_us the document's time, microseconds since the epoch
 * @param now_ms the present, milliseconds since the epoch
 * @returns `index`, such as `weir-events-2026.11.24`; `inWindow` false for times too far in the past or the future, which all
 *   share the index `weir-events-out-of-window`
 */
export function bucketIndex(
  prefix: string,
  kind: BucketedKind,
  time_us: number,
  now_ms: number
): { readonly index: string; readonly inWindow: boolean } {
  const { characters, past_days } = BUCKETS[kind]
  const day = Math.floor(time_us / 1000 / DAY_MS)
  const today = Math.floor(now_ms / DAY_MS)
  if (!(day >= today - past_days && day <= today + FUTURE_DAYS)) {
    return { index: `${prefix}-${kind}-out-of-window`, inWindow: false }
  }
  const date = new Date(day * DAY_MS).toISOString().slice(0, characters)
  return { index: `${prefix}-${kind}-${date.replaceAll('-', '.')}`, inWindow: true }
}
