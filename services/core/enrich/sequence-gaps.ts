/** Numbers of events that came in one message, as their batch says them. */
export interface Numbered {
  /** Which numbers follow each other: cluster, node, sensor and numbering, as one string. */
  readonly stream: string
  readonly first: number
  readonly count: number
}

/** Numbers that never came. */
export interface SequenceGap<About> {
  readonly first: number
  readonly last: number
  /** What came with the message that was behind the gap. */
  readonly about: About
}

/** Notices numbers that are missing, by the partition they came in. */
export interface SequenceGaps<About> {
  /** @param about kept for the gap that this message shows, if it does */
  see(partition: string, numbered: Numbered, about: About, now_ms: number): void
  /** The gaps of a partition that have stayed open long enough, each once, in the order in which they were noticed. */
  take(partition: string, now_ms: number): SequenceGap<About>[]
  /** Forgets a partition: others may read on in it meanwhile. */
  forget(partition: string): void
}

export interface GapLimits {
  /** Streams remembered, of all partitions; what has been silent the longest is forgotten first. */
  readonly max_streams: number
  /** How long missing numbers may still come, and for how long what comes first may be only an old message again, milliseconds. */
  readonly settle_ms: number
}

interface Hole<About> {
  first: number
  last: number
  readonly about: About
  readonly since_ms: number
}

interface Stream<About> {
  readonly partition: string
  /** The highest number that has come. */
  top: number
  readonly since_ms: number
  /** Whether `top` is surely where its sender is, so that a jump from there is a gap. */
  established: boolean
  holes: Hole<About>[]
}

/** Holes of a stream that wait to be filled; of more, the oldest are told before their time. */
const HOLES_MAX = 16

/** What is left of a hole when some of its numbers have come: none, one or two. */
function without<About>(hole: Hole<About>, first: number, last: number): Hole<About>[] {
  if (last < hole.first || first > hole.last) return [hole]
  const rest: Hole<About>[] = []
  if (first > hole.first) rest.push({ ...hole, last: first - 1 })
  if (last < hole.last) rest.push({ ...hole, first: last + 1 })
  return rest
}

/**
 * A sender that numbers its events without gap, and sends them to one partition in order, leaves a gap there only when something was
 * lost on the way. Numbers may come twice (what was not acknowledged is sent again), so that going back is nothing; those that come late
 * close the gap they have left, within `settle_ms`.
 *
 * There is no false alarm. Of a stream that was not known, or was forgotten, whatever comes first counts as the beginning; and since that
 * may be an old message that a broken connection has delivered once more, so does a jump until new numbers have come for `settle_ms`.
 * What is missing in that time, and just before, is not noticed.
 */
export function createSequenceGaps<About>({ max_streams, settle_ms }: GapLimits): SequenceGaps<About> {
  // In the order in which they were last heard of.
  const streams = new Map<string, Stream<About>>()
  const open = new Map<string, Set<Stream<About>>>()
  const due = new Map<string, SequenceGap<About>[]>()

  /** The clock may have been set back. */
  const hasSettled = ({ since_ms }: { readonly since_ms: number }, now_ms: number) =>
    Math.abs(now_ms - since_ms) >= settle_ms

  function tell({ partition }: Stream<About>, holes: readonly Hole<About>[]): void {
    const waiting = due.get(partition) ?? []
    for (const { first, last, about } of holes) waiting.push({ first, last, about })
    if (waiting.length > 0) due.set(partition, waiting)
  }

  function setHoles(stream: Stream<About>, holes: Hole<About>[]): void {
    stream.holes = holes.slice(-HOLES_MAX)
    tell(stream, holes.slice(0, -HOLES_MAX))
    const waiting = open.get(stream.partition) ?? new Set()
    if (stream.holes.length > 0) waiting.add(stream)
    else waiting.delete(stream)
    if (waiting.size > 0) open.set(stream.partition, waiting)
    else open.delete(stream.partition)
  }

  function evict(): void {
    for (const [key, stream] of streams) {
      if (streams.size <= max_streams) return
      streams.delete(key)
      tell(stream, stream.holes)
      setHoles(stream, [])
    }
  }

  return {
    see(partition, numbered, about, now_ms) {
      const { first, count } = numbered
      const last = first + count - 1
      if (!(Number.isSafeInteger(first) && Number.isSafeInteger(last)) || first < 1 || count < 1) return
      const key = JSON.stringify([partition, numbered.stream])
      const stream = streams.get(key) ?? { partition, top: last, since_ms: now_ms, established: false, holes: [] }
      streams.delete(key)
      streams.set(key, stream)
      evict()
      const holes = stream.holes.flatMap((hole) => without(hole, first, last))
      if (last > stream.top) {
        if (stream.established && first > stream.top + 1) {
          holes.push({ first: stream.top + 1, last: first - 1, about, since_ms: now_ms })
        }
        stream.established ||= hasSettled(stream, now_ms)
        stream.top = last
      }
      if (holes.length > 0 || stream.holes.length > 0) setHoles(stream, holes)
    },

    take(partition, now_ms) {
      for (const stream of [...(open.get(partition) ?? [])]) {
        const isOver = (hole: Hole<About>) => hasSettled(hole, now_ms)
        tell(stream, stream.holes.filter(isOver))
        setHoles(
          stream,
          stream.holes.filter((hole) => !isOver(hole))
        )
      }
      const gaps = due.get(partition) ?? []
      due.delete(partition)
      return gaps
    },

    forget(partition) {
      for (const [key, stream] of streams) if (stream.partition === partition) streams.delete(key)
      open.delete(partition)
      due.delete(partition)
    }
  }
}
