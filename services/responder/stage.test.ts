import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Action, Incident } from '../../schemas/generated/types.ts'
import { ATTACK } from '../../test/support/scarleteel-signals.ts'
import { createCodec, localSchemas } from '../core/avro/codec.ts'
import { buildIncident, mergedIncident } from '../core/correlate/incident.ts'
import { createMemoryBus } from '../platform/memory/bus.ts'
import type { OutgoingMessage } from '../platform/stage.ts'
import { loadTopics } from '../platform/topics.ts'
import { loadPlaybooks } from './load-playbooks.ts'
import { type ResponderOptions, responderOptions } from './options.ts'
import { createResponderStage } from './stage.ts'

const codec = createCodec(localSchemas())
const INCIDENT = buildIncident({ id: '273e12d0390acc02', revision: 7, status: 'open' }, ATTACK)

const message = (incident: Incident): OutgoingMessage => ({
  topic: 'weir.incidents.v1',
  key: incident.id,
  value: codec.encode('incident', incident)
})

async function respond(messages: readonly OutgoingMessage[], changes: Partial<ResponderOptions> = {}) {
  const bus = createMemoryBus({ topics: loadTopics(), now_ms: () => 0 })
  bus.run(createResponderStage({ codec, options: { ...responderOptions.parse({}), ...changes }, now_ms: () => 0 }))
  await bus.publish(messages)
  await bus.drain()
  const written = bus.read('weir.actions.v1')
  const plans: Action[] = await Promise.all(written.map(({ value }) => codec.decode('action', value)))
  return { plans, keys: written.map(({ key }) => String(key)), letters: bus.read('weir.incidents.v1.dlq') }
}

describe('the responder service', () => {
  it('plans for an incident by the playbook that its gravest rule recommends', async () => {
    const { plans, keys } = await respond([message(INCIDENT)])
    expect(plans).toMatchObject([
      { status: 'planned', mode: 'dry_run', playbook: 'contain-workload', incident_revision: 7 }
    ])
    expect(keys).toEqual([INCIDENT.id])
  })

  it('of several revisions plans for the last, and the same plan again has the same id and time', async () => {
    const first = await respond([
      message({ ...INCIDENT, revision: 1 }),
      message(INCIDENT),
      message({ ...INCIDENT, revision: 3 })
    ])
    expect(first.plans.map(({ incident_revision }) => incident_revision)).toEqual([7])
    const again = await respond([message({ ...INCIDENT, revision: 8 })])
    expect(again.plans.map(({ id, time }) => [id, time])).toEqual(first.plans.map(({ id, time }) => [id, time]))
  })

  it.each<[string, Incident]>([
    ['below the severity of the settings', { ...INCIDENT, severity: 'medium' }],
    ['closed', { ...INCIDENT, status: 'closed' }],
    ['merged', mergedIncident('other', 2, INCIDENT)]
  ])('has no plan for an incident that is %s', async (_name, incident) => {
    expect((await respond([message(incident)])).plans).toEqual([])
  })

  it('plans for lesser ones when told to', async () => {
    expect((await respond([message({ ...INCIDENT, severity: 'low' })], { severity: 'low' })).plans.length).toBe(1)
  })

  it('what cannot be decoded goes to the dead letters, a tombstone nowhere, and neither costs another incident', async () => {
    const garbage = { topic: 'weir.incidents.v1', key: 'x', value: Buffer.from('x') }
    const { plans, letters } = await respond([garbage, { ...garbage, value: null }, message(INCIDENT)])
    expect(letters.map(({ headers }) => headers['dlq.code'])).toEqual(['CODEC_WRONG_MAGIC'])
    expect(plans.length).toBe(1)
  })
})

describe('playbooks from folders', () => {
  it('stand beside those that come with Weir, tests left out; a broken one is named with its place', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-playbooks-'))
    try {
      writeFileSync(join(folder, 'mine.yml'), 'name: mine\ntitle: Mine\nsteps: [{ action: collect_evidence }]\n')
      writeFileSync(join(folder, 'mine.test.yml'), '- not a playbook\n')
      writeFileSync(join(folder, 'notes.txt'), 'not YAML: [')
      expect(loadPlaybooks([folder]).map(({ name }) => name)).toEqual([
        'contain-workload',
        'isolate-node',
        'mine',
        'revoke-identity'
      ])
      writeFileSync(join(folder, 'broken.yml'), 'name: broken\n')
      expect(() => loadPlaybooks([folder])).toThrow(/broken\.yml:1:1: title/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('a folder that is not there is named', () => {
    expect(() => loadPlaybooks(['/no/such/folder'])).toThrow(/\/no\/such\/folder/)
  })
})
