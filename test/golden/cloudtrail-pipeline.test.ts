import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Incident } from '../../schemas/generated/types.ts'
import { auditCollectorOptions } from '../../services/audit-collector/options.ts'
import { trailClusters } from '../../services/audit-collector/trail-clusters.ts'
import { createTrailIntakeStage } from '../../services/audit-collector/trail-intake.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { neededParts } from '../../services/core/profiles/sent-parts.ts'
import { correlatorOptions } from '../../services/correlator/options.ts'
import { createCorrelatorStage } from '../../services/correlator/stage.ts'
import { createCachedFacts } from '../../services/enricher/cached-facts.ts'
import { enricherOptions } from '../../services/enricher/options.ts'
import { createEnricherStages } from '../../services/enricher/stages.ts'
import { loadInventoryFile } from '../../services/inventory/load-file.ts'
import { createFactsStage, inventoryMessage } from '../../services/inventory/stages.ts'
import { createMemoryFactsStore } from '../../services/platform/facts-store.ts'
import { toMessages } from '../../services/platform/ingest/batches.ts'
import { convertJson } from '../../services/platform/ingest/convert.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createMemoryBus } from '../../services/platform/memory/bus.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { loadTopics } from '../../services/platform/topics.ts'
import { RULES } from '../rules/rule-tests.ts'
import { recordedLines, SCARLETEEL_FIXTURE } from '../support/scarleteel-recording.ts'
import { cloudTrailSteps } from '../support/scenario/cloudtrail-steps.ts'

const CLUSTER = { id: 'uid-1', name: 'production' }
const COMPANY_TOPIC = 'company.cloudtrail'
const START_MS = Date.UTC(2026, 10, 17, 6, 47, 10)
const now_ms = () => Date.UTC(2026, 10, 17, 12)

it('through the stages of all services, the trail in a topic of the company joins the incident of the recording', {
  timeout: 120_000
}, async () => {
  const schemas = localSchemas()
  const codec = createCodec(schemas)
  const [model] = loadTopics().filter(({ schema }) => schema === null)
  if (model === undefined) throw new Error('there is no topic without a schema')
  const bus = createMemoryBus({ topics: [...loadTopics(), { ...model, name: COMPANY_TOPIC }], now_ms, pump: 'manual' })
  const { rules, windows, profiles } = loadRuleSet(await readRuleFolder(RULES))
  const store = createMemoryFactsStore()
  const { trail } = auditCollectorOptions.parse({
    trail: {
      topics: [COMPANY_TOPIC],
      clusters: [{ account: '111122223333', ...CLUSTER, addresses: ['3.64.10.20'] }]
    }
  })
  const context = { codec, service: 'test', instance: 'test', message_max_bytes: 1_000_000, now: now_ms }
  bus.run(createFactsStage('inventory-facts', store, { codec, now_ms, log: silentLogger }))
  bus.run(
    createTrailIntakeStage(
      trail.topics,
      { cluster: CLUSTER, instance: 'test', trail: trailClusters(trail.clusters, CLUSTER) },
      context
    )
  )
  const enrichers = createEnricherStages(
    {
      schemas,
      codec,
      rules,
      parts: neededParts(windows, profiles),
      facts: createCachedFacts(store, { max_entries: 1_000, ttl_ms: 60_000 }),
      log: silentLogger,
      now_ms,
      waitUntil: async () => {}
    },
    enricherOptions.parse({})
  )
  for (const stage of enrichers) bus.run(stage)
  bus.run(createCorrelatorStage({ codec, options: correlatorOptions.parse({}), windows, profiles, now_ms }))

  const inventory = await loadInventoryFile(join(SCARLETEEL_FIXTURE, 'inventory.json'), CLUSTER, START_MS * 1000)
  await bus.publish(inventory.map((record) => inventoryMessage(codec, record)))
  await bus.drain()
  for (const half of ['tetragon', 'audit'] as const) {
    const defaults = { cluster: CLUSTER, instance: 'test', received: START_MS * 1000, clusterOf: () => CLUSTER }
    const taken = recordedLines(half).flatMap((line) => convertJson(JSON.parse(line), defaults).taken)
    await bus.publish(toMessages(taken, [], context).messages)
  }
  const steps = cloudTrailSteps({ service_account: 'data-science/notebook', start_ms: START_MS, run: '1' })
  await bus.publish(
    [{ Records: steps.slice(0, 10) }, ...steps.slice(10)].map((record) => ({
      topic: COMPANY_TOPIC,
      key: null,
      value: Buffer.from(JSON.stringify(record))
    }))
  )
  await bus.drain()

  const letters = loadTopics().filter(
    ({ dead_letters_of, name }) => dead_letters_of !== null && bus.read(name).length > 0
  )
  expect(letters.map(({ name }) => name)).toEqual([])
  const latest = new Map<string, Incident>()
  for (const { value } of bus.read('weir.incidents.v1')) {
    const incident = await codec.decode('incident', value)
    const known = latest.get(incident.id)
    if (known === undefined || incident.revision > known.revision) latest.set(incident.id, incident)
  }
  const critical = [...latest.values()].filter(({ severity, status }) => severity === 'critical' && status === 'open')
  expect(critical.map(({ sources }) => sources)).toEqual([['audit', 'runtime', 'cloud']])
  const codes = new Set(critical[0]?.timeline.filter(({ source }) => source === 'cloud').map(({ code }) => code))
  expect([...codes].toSorted()).toEqual(['C24', 'K01', 'K02', 'K04', 'K05', 'K06', 'K07', 'K08', 'K09', 'K10'])
})
