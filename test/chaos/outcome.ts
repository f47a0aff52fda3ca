import type { CorrelatorState, Incident, Signal } from '../../schemas/generated/types.ts'
import type { Codec } from '../../services/core/avro/codec.ts'
import { contentOf, createMemoryRestorer, patientRules } from '../../services/core/correlate/cluster-memory.ts'
import { leastLatenessOf } from '../../services/core/correlate/settings.ts'
import type { ProfileRule } from '../../services/core/profiles/profile-rule.ts'
import { createSpreadRestorer, spreadContentOf } from '../../services/core/spread/spread-memory.ts'
import { spreadRulesOf } from '../../services/core/spread/spread-rules.ts'
import type { WindowState } from '../../services/core/windows/state.ts'
import type { WindowRule } from '../../services/core/windows/window-rule.ts'
import type { CorrelatorOptions } from '../../services/correlator/options.ts'
import { createCorrelatorStage } from '../../services/correlator/stage.ts'
import { DLQ_CODE_HEADER } from '../../services/platform/dead-letter.ts'
import { createMemoryBus } from '../../services/platform/memory/bus.ts'
import type { Message } from '../../services/platform/stage.ts'
import type { TopicDefinition } from '../../services/platform/topics.ts'

/** Committed messages of the correlator's topics, each partition in order. */
export interface Published {
  readonly incidents: readonly Message[]
  readonly correlated: readonly Message[]
  readonly dead_letters: readonly Message[]
  readonly state: readonly Message[]
  /** State of windows that are spread; none unless given. */
  readonly windows?: readonly Message[]
}

/** What the correlator judges by. */
export interface Judged {
  readonly options: CorrelatorOptions
  readonly windows: readonly WindowRule[]
  readonly profiles: readonly ProfileRule[]
}

/** What a run gave, decoded: by id what was published last, and everything in order. */
export interface Outcome {
  readonly incidents: ReadonlyMap<string, readonly Incident[]>
  readonly correlated: ReadonlyMap<string, readonly Signal[]>
  /** Places of the messages they are of, with the codes. */
  readonly dead_letters: readonly string[]
  /** What the changelog comes to. */
  readonly state: ReadonlyMap<string, CorrelatorState>
  /** What windows remember when they are restored from it: texts of signals by cluster, rule and id. */
  readonly counted: ReadonlyMap<string, string>
}

const decodeAll = <Name extends 'incident' | 'signal'>(codec: Codec, name: Name, messages: readonly Message[]) =>
  Promise.all(messages.map(({ value }) => codec.decode(name, value)))

type Changelog = ReadonlyMap<string, CorrelatorState>

/** What a changelog comes to. */
async function compacted(codec: Codec, messages: readonly Message[]): Promise<Changelog> {
  const latest = new Map<string, CorrelatorState>()
  for (const { key, value } of messages) {
    const name = String(key)
    if (value === null) latest.delete(name)
    else latest.set(name, await codec.decode('correlator-state', value))
  }
  return latest
}

/** What counts towards windows, by where: several signals lie in one entry of the changelog, which ones hangs on batches. */
function countedIn(state: Changelog, spread: readonly Changelog[], by: Judged): ReadonlyMap<string, string> {
  const restorer = createMemoryRestorer(contentOf(by.windows, by.profiles, by.options), by.options)
  for (const [name, entry] of state) restorer.take(name, entry)
  const counted = new Map<string, string>()
  const note = (cluster_id: string, { groups, parts }: WindowState) => {
    for (const group of groups.all()) {
      groups.each(group, (slot) => {
        const signal = parts.signalOf(slot)
        counted.set(`${cluster_id} ${groups.ruleOf(group).title} ${signal.id}`, JSON.stringify(signal))
        return false
      })
    }
  }
  for (const [cluster_id, { windows }] of restorer.finish()) note(cluster_id, windows)
  const rules = spreadRulesOf(patientRules(by.windows, by.profiles, by.options), by.profiles).spread
  for (const changelog of spread) {
    const ofPartition = createSpreadRestorer(spreadContentOf(rules, leastLatenessOf(by.options) * 1000))
    for (const [name, entry] of changelog) ofPartition.take(name, entry)
    for (const [cluster_id, { windows }] of ofPartition.finish().clusters)
      for (const one of windows.values()) note(cluster_id, one)
  }
  return counted
}

export async function outcomeOf(codec: Codec, published: Published, by: Judged): Promise<Outcome> {
  const incidents = await decodeAll(codec, 'incident', published.incidents)
  const correlated = await decodeAll(codec, 'signal', published.correlated)
  const state = await compacted(codec, published.state)
  const byPartition = Map.groupBy(published.windows ?? [], ({ partition }) => partition)
  const spread = await Promise.all([...byPartition.values()].map((messages) => compacted(codec, messages)))
  return {
    incidents: Map.groupBy(incidents, ({ id }) => id),
    correlated: Map.groupBy(correlated, ({ id }) => id),
    dead_letters: published.dead_letters
      .map(({ headers }) => `${headers['dlq.partition']}/${headers['dlq.offset']} ${headers[DLQ_CODE_HEADER]}`)
      .toSorted(),
    state,
    counted: countedIn(state, spread, by)
  }
}

export interface Undisturbed extends Judged {
  readonly codec: Codec
  readonly topics: readonly TopicDefinition[]
}

/**
 * The same messages through the same stage in this process, without Kafka and without any disturbance.
 * @param restart_every start the stage anew, with the state from its changelog, after so many batches' worth of messages
 */
export async function undisturbed(
  { codec, topics, options, windows, profiles }: Undisturbed,
  signals: readonly Message[],
  batch_max_messages: number,
  restart_every = Number.POSITIVE_INFINITY
): Promise<Outcome> {
  const bus = createMemoryBus({ topics, now_ms: Date.now, batch_max_messages })
  const size = Math.min(signals.length, batch_max_messages * restart_every)
  for (let from = 0; from < signals.length; from += size) {
    const running = bus.run(createCorrelatorStage({ codec, options, windows, profiles, now_ms: Date.now }))
    const some = signals.slice(from, from + size)
    await bus.publish(some.map(({ topic, partition, key, value }) => ({ topic, partition, key, value })))
    await bus.drain()
    await running.stop()
  }
  const published = {
    incidents: bus.read('weir.incidents.v1'),
    correlated: bus.read('weir.correlated.v1'),
    dead_letters: bus.read('weir.signals.v1.dlq'),
    state: bus.read('weir.state.v1')
  }
  const outcome = await outcomeOf(codec, published, { options, windows, profiles })
  await bus.close()
  return outcome
}

const latest = <Value>(all: ReadonlyMap<string, readonly Value[]>): ReadonlyMap<string, Value> =>
  new Map([...all].flatMap(([id, values]) => values.slice(-1).map((value) => [id, value] as const)))

/** What stands in the end, without revision numbers; how often and in what steps it was told hangs on batches. */
function standing(outcome: Outcome): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [id, { revision: _, ...incident }] of latest(outcome.incidents)) {
    if (incident.status !== 'merged') found.set(`incident ${id}`, JSON.stringify(incident))
  }
  for (const [id, signal] of latest(outcome.correlated)) {
    if (signal.role !== 'withdrawn') found.set(`correlated signal ${id}`, JSON.stringify(signal))
  }
  for (const [key, entry] of outcome.state) {
    // What windows have told of a group, and which incidents were merged, hangs on batches; the rest does not.
    const isPart = entry.kind === 'part' && entry.packed === null
    if (entry.kind === 'signal' || isPart || entry.kind === 'clock') found.set(`state ${key}`, JSON.stringify(entry))
  }
  for (const [name, text] of outcome.counted) found.set(`counted ${name}`, text)
  for (const letter of new Set(outcome.dead_letters)) found.set(`dead letter ${letter}`, letter)
  return found
}

function differing(found: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): readonly string[] {
  const lines: string[] = []
  for (const [name, text] of wanted) {
    const other = found.get(name)
    if (other === undefined) lines.push(`${name} is missing`)
    else if (other !== text) lines.push(`${name} differs:\n  is        ${other}\n  should be ${text}`)
  }
  for (const name of found.keys()) if (!wanted.has(name)) lines.push(`${name} should not be there`)
  return lines
}

/** Whether each thing was told once: revisions only grow, no signal is told twice as it was, no message has two dead letters. */
function repetitions({ incidents, correlated, dead_letters }: Outcome): readonly string[] {
  const lines: string[] = []
  for (const [id, revisions] of incidents) {
    const numbers = revisions.map(({ revision }) => revision)
    if (numbers.some((number, place) => place > 0 && number <= (numbers[place - 1] ?? 0)))
      lines.push(`revisions of incident ${id} do not grow: ${numbers.join(', ')}`)
  }
  for (const [id, signals] of correlated) {
    const texts = signals.map((signal) => JSON.stringify(signal))
    if (texts.some((text, place) => text === texts[place - 1]))
      lines.push(`correlated signal ${id} was told twice in the same words`)
  }
  if (new Set(dead_letters).size < dead_letters.length) lines.push('a message has more than one dead letter')
  return lines
}

/** Whether an incident is of a cluster whose windows are spread, and what these told is in it. */
const isSpread = ({ cluster, timeline }: Incident, found: Outcome, spread_clusters: readonly string[]) =>
  spread_clusters.includes(cluster.id) &&
  timeline.some(({ signals }) => signals.some((signal) => found.correlated.has(signal)))

/**
 * Revisions count signals, whatever the batches: of incidents that are open and did not come about by merging or by a signal that was
 * told again, which is what the same number one by one and all together shows. Where windows are spread, what is told anew of one may come
 * by itself or together with something else.
 */
function revisions(
  found: Outcome,
  oneByOne: Outcome,
  together: Outcome,
  spread_clusters: readonly string[]
): readonly string[] {
  const [some, others] = [latest(oneByOne.incidents), latest(together.incidents)]
  return [...latest(found.incidents)].flatMap(([id, incident]) => {
    const { revision, status } = incident
    const wanted = some.get(id)?.revision
    if (status !== 'open' || wanted !== others.get(id)?.revision || revision === wanted) return []
    if (isSpread(incident, found, spread_clusters)) return []
    return [`incident ${id} has revision ${revision}, which should be ${wanted}`]
  })
}

/**
 * In what a run differs from the undisturbed one; nothing when all is well.
 * @param spread_clusters none unless given
 */
export function differences(
  found: Outcome,
  oneByOne: Outcome,
  together: Outcome,
  spread_clusters: readonly string[] = []
): readonly string[] {
  return [
    ...differing(standing(found), standing(oneByOne)),
    ...repetitions(found),
    ...revisions(found, oneByOne, together, spread_clusters)
  ]
}
