import { expect, it } from 'vitest'
import type { Incident } from '../../schemas/generated/types.ts'
import { loadRecording, RECORDED } from '../../services/cli/replay/recording.ts'
import { settingsSchema } from '../../services/cli/settings.ts'
import { startEmbedded } from '../../services/cli/up/embedded.ts'
import { REPLAY_SETTINGS } from '../../services/cli/up/replay-settings.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { listIncidents } from '../../services/platform/opensearch/queries.ts'
import type { Stage } from '../../services/platform/stage.ts'

const END = Date.UTC(2026, 10, 24, 19) * 1000
const settings = settingsSchema.parse(REPLAY_SETTINGS)
const codec = createCodec(localSchemas())

interface Outcome {
  readonly alerts: readonly string[]
  readonly incidents: readonly string[]
}

/** What of an incident does not hang on how often it was published. */
const told = ({ id, status, severity, score, title, timeline }: Incident) =>
  `${id} ${status} ${severity} ${score} ${title}: ${timeline.map(({ time, title: step }) => `${time} ${step}`).join('; ')}`

async function replayed(inTurn: (stages: readonly Stage[]) => readonly Stage[]): Promise<Outcome> {
  const recording = await loadRecording(RECORDED, END)
  const embedded = await startEmbedded(settings, silentLogger, inTurn)
  await embedded.replay(recording, () => {})
  const messages = embedded.bus.read('weir.signals.v1')
  const signals = await Promise.all(messages.map(({ value }) => codec.decode('signal', value)))
  const found = await listIncidents(embedded.search, settings.opensearch.index_prefix, {
    statuses: ['open', 'closed'],
    limit: 1_000
  })
  await embedded.bus.close()
  return {
    alerts: signals
      .filter(({ role }) => role === 'alert')
      .map(({ id, title }) => `${id} ${title}`)
      .toSorted(),
    incidents: found.map(told).toSorted()
  }
}

const isOfInventory = ({ name }: Stage) => name.startsWith('inventory')

it('alerts and incidents are the same whether the inventory tells of pods before their events come or after', {
  timeout: 300_000
}, async () => {
  const before = await replayed((stages) => stages)
  const after = await replayed((stages) => [
    ...stages.filter((stage) => !isOfInventory(stage)),
    ...stages.filter(isOfInventory)
  ])
  expect(before.incidents.length).toBeGreaterThan(0)
  expect(after).toEqual(before)
})
