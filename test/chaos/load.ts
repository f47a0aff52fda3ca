import type { Cluster, Entity, Signal } from '../../schemas/generated/types.ts'
import { ATTACK } from '../support/scarleteel-signals.ts'
import type { Random } from '../support/scenario/random.ts'
import { entityOf, signalOf } from '../support/signals.ts'
import { PARTS, type Part } from './rules.ts'

const MINUTE_US = 60_000_000
const DAY_MINUTES = 24 * 60
/** So long after the first phase, unless told otherwise, that its incidents are closed and forgotten: 14 days idle, 6 hours to reopen, lateness. */
const SECOND_PHASE_MINUTES = 15 * DAY_MINUTES
/** How much later than its time a signal comes, at most: what the correlator allows. */
const LATENESS_MINUTES = 9

/** What is sent to the topic of signals. */
export interface Sent {
  readonly cluster_id: string
  /** Null: bytes that are no signal. */
  readonly signal: Signal | null
}

interface Arrival extends Sent {
  readonly arrives: number
}

/** Entities of a copy of an attack: other names, so that copies do not join. */
function renamed(entity: Entity, copy: string): Entity {
  if (entity.type === 'node' || entity.type === 'image') return entity
  return { ...entity, id: `${copy}${entity.id}`, name: `${copy}${entity.name}` }
}

function attackSignals(cluster: Cluster, copy: string, minute: number): readonly Signal[] {
  return ATTACK.map((signal) => ({
    ...signal,
    cluster,
    id: `${copy}${signal.id}`,
    event_id: `${copy}${signal.event_id}`,
    time: signal.time + minute * MINUTE_US,
    entities: signal.entities.map((entity) => renamed(entity, copy)),
    ancestry: signal.ancestry.map((entity) => renamed(entity, copy))
  }))
}

/** Signals that only count, of a few actors, so that windows of every kind open, grow, move and fail to come about. */
function partSignals(cluster: Cluster, random: Random, count: number, copy: string, start: number): readonly Signal[] {
  return Array.from({ length: count }, (_, place) => {
    const part = random.pick<Part>(['read', 'read', 'read', 'write', 'remove', 'session'])
    const actor = `${copy}${random.pick(['alice', 'bob', 'carol'])}`
    const sketch = {
      id: `${copy}part-${place}`,
      minute: start + random.integer(0, 60),
      source: 'audit' as const,
      cluster,
      entities: [entityOf('service_account', `shop/${actor}`, 'actor')]
    }
    return {
      ...signalOf(sketch),
      rule: { id: PARTS[part], code: null, title: part, level: 'low' },
      role: 'part',
      correlation_fields: { 'actor.name': [actor], source_ip: [`192.0.2.${random.integer(1, 5)}`] }
    }
  })
}

/** Single signals of pods that nothing else happens in. */
function benignSignals(
  cluster: Cluster,
  random: Random,
  count: number,
  copy: string,
  start: number
): readonly Signal[] {
  return Array.from({ length: count }, (_, place) =>
    signalOf({
      id: `${copy}benign-${place}`,
      minute: start + random.integer(0, 60),
      cluster,
      code: `A${random.integer(1, 5)}`,
      severity: random.pick(['informational', 'low', 'medium']),
      entities: [entityOf('workload', `${copy}web-${random.integer(1, count)}`, 'actor')]
    })
  )
}

function clusterArrivals(cluster: Cluster, random: Random, second_phase_minutes: number): readonly Arrival[] {
  const arrivals: Arrival[] = []
  const cluster_id = cluster.id
  for (const [phase, start] of [0, second_phase_minutes].entries()) {
    const copy = (name: string) => `${phase}-${name}-`
    const signals = [
      ...attackSignals(cluster, copy('a'), start + random.integer(0, 20)),
      ...(random.next() < 0.5 ? attackSignals(cluster, copy('b'), start + random.integer(0, 20)) : []),
      ...partSignals(cluster, random, 30, copy('p'), start),
      ...benignSignals(cluster, random, 8, copy('n'), start)
    ]
    for (const signal of signals) {
      const arrives = signal.time + random.integer(0, LATENESS_MINUTES * 60) * 1_000_000
      arrivals.push({ cluster_id, signal, arrives })
      // Duplicates come right after, or once more within what is remembered.
      if (random.next() < 0.1)
        arrivals.push({ cluster_id, signal, arrives: arrives + random.integer(0, 1) * MINUTE_US })
    }
  }
  const end = Math.max(...arrivals.map(({ arrives }) => arrives))
  const tick = signalOf({ id: 'tick', minute: second_phase_minutes + 180, cluster, severity: 'informational' })
  const tooLate = signalOf({ id: 'too-late', minute: 5, cluster })
  const withoutId = signalOf({ id: '', minute: second_phase_minutes + 5, cluster })
  arrivals.push(
    { cluster_id, signal: null, arrives: end - random.integer(0, 60) * MINUTE_US },
    { cluster_id, signal: withoutId, arrives: end - random.integer(0, 60) * MINUTE_US },
    { cluster_id, signal: tooLate, arrives: end - random.integer(0, 20) * MINUTE_US },
    // Time goes on, and everything that is still open in windows is told.
    { cluster_id, signal: tick, arrives: end + 200 * MINUTE_US }
  )
  return arrivals.toSorted((a, b) => a.arrives - b.arrives)
}

/**
 * Signals of several clusters, each in the order of its arrival: attacks and lonely signals for stitching, parts for windows, late
 * within what is allowed, some twice, some unusable; two phases so far apart that the first is closed and forgotten.
 * The same seed gives the same.
 * @param second_phase_minutes from the beginning of the first phase to that of the second
 */
export function chaosLoad(
  random: Random,
  clusters: number,
  second_phase_minutes: number = SECOND_PHASE_MINUTES
): readonly Sent[] {
  const queues = Array.from({ length: clusters }, (_, number) => [
    ...clusterArrivals(
      { id: `cluster-${number}`, name: `cluster ${number}` },
      random.fork(`cluster-${number}`),
      second_phase_minutes
    )
  ])
  const order = random.fork('order')
  const sent: Sent[] = []
  for (let left = queues.filter(({ length }) => length > 0); left.length > 0; left = left.filter((q) => q.length > 0)) {
    const next = order.pick(left).shift()
    if (next !== undefined) sent.push({ cluster_id: next.cluster_id, signal: next.signal })
  }
  return sent
}
