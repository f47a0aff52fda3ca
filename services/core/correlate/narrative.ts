import type { Entity, EntityType, Signal, SourceType, TimelineEntry } from '../../../schemas/generated/types.ts'
import { severityRank } from '../severity.ts'
import { phrase } from './entities.ts'
import { type Score, SOURCE_NAMES } from './score.ts'
import { tacticWords } from './tactics.ts'
import { clockText, counted, laterText, listed, plainText } from './text.ts'

const MAX_TITLE_BYTES = 240
const MAX_NARRATIVE_BYTES = 6000
/** Most steps told one by one. */
const MAX_STEPS = 12
const MAX_STEP_BYTES = 140
/** Most sessions told of, and commands of each. */
const MAX_SESSIONS = 5
const MAX_COMMANDS = 6
const MAX_COMMAND_BYTES = 80

/** What an incident's words are made from. */
export interface Facts {
  readonly signals: readonly Signal[]
  readonly timeline: readonly TimelineEntry[]
  readonly entities: readonly Entity[]
  readonly tactics: readonly string[]
  readonly sources: readonly SourceType[]
  readonly score: Score
}

function phrases(
  entities: readonly Entity[],
  types: readonly EntityType[],
  roles: readonly Entity['role'][]
): readonly string[] {
  const found = types.flatMap((type) =>
    entities.filter((entity) => entity.type === type && roles.includes(entity.role))
  )
  return [...new Set(found.map(phrase))]
}

function actorsOf(entities: readonly Entity[]): readonly string[] {
  return phrases(entities, ['user', 'service_account', 'cloud_identity', 'node'], ['actor'])
}

/** The entity among some types that most signals name; the first to appear among equals. */
function mostNamed(signals: readonly Signal[], types: readonly EntityType[]): string | null {
  const counts = new Map<string, number>()
  for (const { entities } of signals) {
    for (const entity of entities) {
      if (!types.includes(entity.type)) continue
      const text = phrase(entity)
      counts.set(text, (counts.get(text) ?? 0) + 1)
    }
  }
  let best: string | null = null
  for (const [text, count] of counts) if (best === null || count > (counts.get(best) ?? 0)) best = text
  return best
}

/** How far it went along the kill chain, in words. */
function stretchOf(tactics: readonly string[]): string {
  const words = tactics.map(tacticWords)
  return words.length <= 4 ? listed(words) : `${words[0]} to ${words.at(-1)}, ${words.length} tactics`
}

/** One line: what was attacked, how far it went, who did it. */
export function titleOf({ signals, timeline, entities, tactics }: Facts): string {
  const [only] = timeline
  if (only !== undefined && timeline.length === 1) return plainText(only.title, MAX_TITLE_BYTES)
  const subject = mostNamed(signals, ['workload']) ?? mostNamed(signals, ['pod'])
  const actors = actorsOf(entities)
  const what = tactics.length > 0 ? stretchOf(tactics) : counted(timeline.length, 'finding')
  const by = actors.length > 0 ? `, by ${listed(actors, 3)}` : ''
  const title = subject === null ? `${what}${by}` : `${subject}: ${what}${by}`
  return plainText(title.charAt(0).toUpperCase() + title.slice(1), MAX_TITLE_BYTES)
}

/** The steps that tell most: the gravest of each tactic, then the gravest of all, in the order in which they happened. */
function toldSteps(timeline: readonly TimelineEntry[], tactics: readonly string[]): readonly TimelineEntry[] {
  if (timeline.length <= MAX_STEPS) return timeline
  const gravestFirst = timeline.toSorted((a, b) => severityRank(b.severity) - severityRank(a.severity))
  const ofTactics = tactics.flatMap((tactic) => gravestFirst.find((entry) => entry.tactics.includes(tactic)) ?? [])
  const told = new Set([...new Set([...ofTactics, ...gravestFirst])].slice(0, MAX_STEPS))
  return timeline.filter((entry) => told.has(entry))
}

function stepText({ time, source, title, signals }: TimelineEntry): string {
  const times = signals.length > 1 ? ` (${signals.length} times)` : ''
  return `${clockText(time).slice(11)} ${plainText(title, MAX_STEP_BYTES).replace(/[.;\s]+$/, '')}${times} [${source}]`
}

/** Who came into which pod, and what was run that was detected, in the order of the first signals. */
function sessionSentences(signals: readonly Signal[]): readonly string[] {
  const sessions = new Map<string, { readonly name: string; readonly commands: Set<string> }>()
  for (const { entities, ancestry } of signals) {
    const session = entities.find(({ type }) => type === 'exec_session')
    if (session === undefined) continue
    const known = sessions.get(session.id) ?? { name: session.name, commands: new Set<string>() }
    sessions.set(session.id, known)
    const [process] = ancestry
    if (process !== undefined) known.commands.add(plainText(process.name, MAX_COMMAND_BYTES))
  }
  const seen = [...sessions.values()].filter(({ commands }) => commands.size > 0)
  const told = seen.slice(0, MAX_SESSIONS).map(({ name, commands }) => {
    // Names of pods have no blanks.
    const at = name.lastIndexOf(' in ')
    const more = commands.size - MAX_COMMANDS
    const ran = [...commands].slice(0, MAX_COMMANDS).join('; ')
    return `${name.slice(0, at)} opened a session in pod ${name.slice(at + 4)} and ran ${ran}${more > 0 ? `; and ${more} more` : ''}.`
  })
  const more = seen.length - told.length
  return more > 0 ? [...told, `There were ${counted(more, 'further session')}.`] : told
}

/** What happened, in sentences, from nothing but the facts. `notes` are sentences to end with. */
export function narrativeOf(facts: Facts, notes: readonly string[] = []): string {
  const { signals, timeline, entities, sources, tactics, score } = facts
  const [first] = signals
  const last = signals.at(-1)
  if (first === undefined || last === undefined) return ''
  const rules = new Set(signals.map(({ rule }) => rule.id)).size
  const from = clockText(first.time)
  const to = clockText(last.time)
  const when = from === to ? `At ${from} UTC` : `Between ${from} and ${laterText(from, to)} UTC`
  const sentences = [
    `${when}, ${counted(signals.length, 'signal')} of ${counted(rules, 'rule')} tell of one course of events in cluster ${first.cluster.name || first.cluster.id}, seen by ${listed(sources.map((source) => SOURCE_NAMES[source]))}.`
  ]

  const actors = actorsOf(entities)
  const asked = new Set(
    signals.filter(({ source }) => source === 'audit').flatMap((signal) => signal.entities.map(({ id }) => id))
  )
  const addresses = phrases(
    entities.filter(({ id }) => asked.has(id)),
    ['source_address'],
    ['actor', 'target', 'context']
  )
  if (actors.length > 0) {
    const origin = addresses.length > 0 ? `, from ${listed(addresses, 4)}` : ''
    sentences.push(`Acting through the API: ${listed(actors)}${origin}.`)
  }
  const places = phrases(entities, ['workload', 'pod', 'image', 'node'], ['actor', 'context', 'target'])
  if (places.length > 0) sentences.push(`It took place in ${listed(places, 8)}.`)
  sentences.push(...sessionSentences(signals))

  const steps = toldSteps(timeline, tactics)
  const untold = timeline.length - steps.length
  sentences.push(
    `In order: ${steps.map(stepText).join('; ')}${untold > 0 ? `; and ${counted(untold, 'further step')}` : ''}.`
  )

  const touched = phrases(entities, ['secret', 'role_binding', 'service_account', 'object', 'indicator'], ['target'])
  if (touched.length > 0) sentences.push(`It reached for ${listed(touched, 10)}.`)
  sentences.push(`Score ${score.score} of 100, ${score.severity}: ${score.reasons.join('; ')}.`, ...notes)
  return plainText(sentences.join(' '), MAX_NARRATIVE_BYTES)
}
