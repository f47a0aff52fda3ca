import { afterEach, describe, expect, inject, it } from 'vitest'
import type { Incident } from '../../schemas/generated/types.ts'
import { loadRecording, RECORDED, type Recording, SCARLETEEL } from '../../services/cli/replay/recording.ts'
import { SERVICE_NAMES } from '../../services/cli/serve/services.ts'
import { settingsSchema } from '../../services/cli/settings.ts'
import { startEmbedded } from '../../services/cli/up/embedded.ts'
import { untilDrained } from '../../services/cli/up/finished.ts'
import { replayLive } from '../../services/cli/up/replay-live.ts'
import { REPLAY_SETTINGS } from '../../services/cli/up/replay-settings.ts'
import { arrayAt } from '../../services/core/json.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { listIncidents } from '../../services/platform/opensearch/queries.ts'
import type { SearchPort } from '../../services/platform/opensearch/search-port.ts'
import { type LivePipeline, startLivePipeline } from '../support/live-pipeline.ts'

const DRAIN_TIMEOUT_MS = 300_000
const never = new AbortController().signal

interface Outcome {
  readonly events: readonly string[]
  readonly signals: readonly string[]
  /** As published last, without their revision numbers. */
  readonly incidents: readonly Omit<Incident, 'revision'>[]
}

/** Everything of a cluster that can be searched. */
async function outcomeOf(search: SearchPort, prefix: string, cluster_id: string): Promise<Outcome> {
  const ids = async (kind: 'events' | 'signals') => {
    const found = await search.find({
      index: `${prefix}-${kind}-*`,
      terms: { 'orchestrator.cluster.id': [cluster_id] },
      size: 10_000
    })
    // What the correlator took back again when late events came hangs on how late they came.
    const stands = found.filter(({ document }) => !arrayAt(document, 'tags').includes('weir_withdrawn'))
    return stands.map(({ id }) => id).toSorted()
  }
  const incidents = (await listIncidents(search, prefix, { statuses: ['open', 'closed'], limit: 1_000 }))
    .filter(({ cluster }) => cluster.id === cluster_id)
    .map(({ revision: _revision, ...incident }) => incident)
    .toSorted((a, b) => a.id.localeCompare(b.id))
  return { events: await ids('events'), signals: await ids('signals'), incidents }
}

/** What an undisturbed run gives: all stages in this process, one after the other. */
async function undisturbed(recording: Recording): Promise<Outcome> {
  const settings = settingsSchema.parse(REPLAY_SETTINGS)
  const embedded = await startEmbedded(settings, silentLogger)
  await embedded.replay(recording, () => {})
  const outcome = await outcomeOf(embedded.search, settings.opensearch.index_prefix, recording.cluster.id)
  await embedded.bus.close()
  return outcome
}

/** The index is searchable a second after it was written. */
async function settled(pipeline: LivePipeline, recording: Recording, wanted: Outcome): Promise<Outcome> {
  const { search, world, live } = pipeline
  await untilDrained(world.kafka, DRAIN_TIMEOUT_MS, never)
  let outcome: Outcome
  const deadline_ms = Date.now() + 30_000
  do {
    outcome = await outcomeOf(search, live.settings.opensearch.index_prefix, recording.cluster.id)
    if (JSON.stringify(toldOf(outcome)) === JSON.stringify(toldOf(wanted))) return outcome
    await new Promise((resolve) => setTimeout(resolve, 500))
  } while (Date.now() < deadline_ms)
  return outcome
}

/** What of incidents does not hang on whether the address of a pod that has just come was known already. */
const toldOf = ({ incidents, events, signals }: Outcome) => ({
  events,
  signals,
  incidents: incidents.map(({ id, status, severity, score, title, timeline }) => ({
    ...{ id, status, severity, score, title },
    timeline: timeline.map(({ time, source, title: step }) => `${time} ${source} ${step}`)
  }))
})

describe('the pipeline on real servers', () => {
  let pipeline: LivePipeline | null = null
  afterEach(async () => {
    await pipeline?.stop()
    pipeline = null
  })

  it('gives the events, signals and incidents that the embedded one gives, one of them critical and seen by both halves', async () => {
    const recording = await loadRecording(SCARLETEEL, Date.now() * 1000)
    const wanted = await undisturbed(recording)
    pipeline = await startLivePipeline(inject('endpoints'), 'undisturbed', recording)
    await replayLive(recording, pipeline.live.targets, { pieces: 20, pause_ms: 50, signal: never, progress: () => {} })
    const outcome = await settled(pipeline, recording, wanted)

    expect(outcome).toEqual(wanted)
    expect(outcome.events).toHaveLength(recording.records.length)
    const critical = outcome.incidents.filter(({ severity }) => severity === 'critical')
    expect(critical).toHaveLength(1)
    expect(new Set(critical[0]?.timeline.map(({ source }) => source))).toEqual(new Set(['audit', 'runtime']))
  }, 600_000)

  it('gives the same of a recording whose pods become known from the audit log only, while their events are on the way', async () => {
    const recording = await loadRecording(RECORDED, Date.now() * 1000)
    const wanted = await undisturbed(recording)
    pipeline = await startLivePipeline(inject('endpoints'), 'recorded', recording)
    await replayLive(recording, pipeline.live.targets, { pieces: 60, pause_ms: 50, signal: never, progress: () => {} })
    const outcome = await settled(pipeline, recording, wanted)

    expect(toldOf(outcome)).toEqual(toldOf(wanted))
    expect(outcome.incidents.filter(({ severity }) => severity === 'critical')).toHaveLength(1)
  }, 600_000)

  it('gives the same when each service in turn is killed during the replay', async () => {
    const recording = await loadRecording(SCARLETEEL, Date.now() * 1000)
    const wanted = await undisturbed(recording)
    pipeline = await startLivePipeline(inject('endpoints'), 'killed', recording)
    const { services, targets } = pipeline.live
    const toKill = [...SERVICE_NAMES]
    const killed: string[] = []
    await replayLive(recording, targets, {
      pieces: 40,
      pause_ms: 250,
      signal: never,
      progress: (share) => {
        // One at a time, spread over the replay, while it has work in hand.
        const due = Math.floor(share * (SERVICE_NAMES.length + 1))
        const name = killed.length < due ? toKill.shift() : undefined
        if (name === undefined) return
        services.kill(name)
        killed.push(name)
      }
    })
    expect(killed).toEqual(SERVICE_NAMES)
    expect(await settled(pipeline, recording, wanted)).toEqual(wanted)
  }, 600_000)
})
