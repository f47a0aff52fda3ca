import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Incident } from '../../schemas/generated/types.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { networksOf } from '../../services/core/events/cloud-source.ts'
import { createHunt } from '../../services/core/hunt.ts'
import { loadInventoryFile } from '../../services/inventory/load-file.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES } from '../rules/rule-tests.ts'
import { recordedLines, SCARLETEEL_FIXTURE } from '../support/scarleteel-recording.ts'
import { cloudTrailSteps } from '../support/scenario/cloudtrail-steps.ts'

const CLUSTER = { id: 'recorded', name: 'recorded' }
const NOW = Date.UTC(2026, 10, 18) * 1000
/** When step 11 comes, by the recording's clock. */
const START_MS = Date.UTC(2026, 10, 17, 6, 47, 10)

const { rules, windows, profiles } = loadRuleSet(await readRuleFolder(RULES))
const inventory = await loadInventoryFile(join(SCARLETEEL_FIXTURE, 'inventory.json'), CLUSTER, NOW)
const recorded = [...recordedLines('audit'), ...recordedLines('tetragon')]

/** Incidents of the recording and these records, and what each record gave by id of its event. */
function hunt(trail: readonly Record<string, unknown>[], addresses: readonly string[]) {
  const networks = networksOf(addresses)
  const engine = createHunt({
    rules,
    windows,
    profiles,
    correlate: DEFAULT_CORRELATE_SETTINGS,
    cluster: CLUSTER,
    instance: 'test',
    trail: { clusterOf: () => CLUSTER, networksOf: () => networks }
  })
  engine.learn(inventory)
  for (const line of recorded) engine.offer(JSON.parse(line), NOW)
  const single = engine.offer({ Records: trail }, NOW)
  expect(single.rejected).toEqual([])
  const signals = [
    ...single.signals,
    ...engine.correlated().filter(({ source, sources }) => [source, ...sources].includes('cloud'))
  ]
  return { signals, incidents: engine.incidents(NOW) }
}

const idsOf = ({ timeline }: Incident) => timeline.flatMap(({ signals }) => signals)
const codesOf = (incident: Incident) =>
  new Set(incident.timeline.filter(({ source }) => source === 'cloud').map(({ code }) => code))
const critical = (incidents: readonly Incident[]) => incidents.filter(({ severity }) => severity === 'critical')

describe("the cloud's part of an attack after ScarletEEL", { timeout: 120_000 }, () => {
  const steps = cloudTrailSteps({ service_account: 'data-science/notebook', start_ms: START_MS, run: '1' })

  it('belongs to the one critical incident of the attack, all of it, and makes no other', () => {
    const { signals, incidents } = hunt(steps, ['3.64.10.0/24'])
    const [incident, ...others] = critical(incidents)
    expect(others).toEqual([])
    expect(incident?.sources).toEqual(['audit', 'runtime', 'cloud'])
    const ids = new Set(incident === undefined ? [] : idsOf(incident))
    expect(signals.filter(({ id, role }) => role === 'alert' && !ids.has(id)).map(({ title }) => title)).toEqual([])
    expect([...codesOf(incident as Incident)].sort()).toEqual([
      'C24',
      'K01',
      'K02',
      'K04',
      'K05',
      'K06',
      'K07',
      'K08',
      'K09',
      'K10'
    ])
    expect(incident?.narrative).toContain("the cloud account's trail")
    // From the account the chain leads over the session's key to the user's.
    const nodes = new Map((incident?.causality ?? []).map((node) => [node.id, node]))
    const path: string[] = []
    const stopped = [...nodes.values()].find(({ name }) => name.startsWith('cloudtrail:StopLogging'))
    for (let node = stopped; node !== undefined; node = nodes.get(node.parent ?? ''))
      path.unshift(node.name.split(' ')[0] ?? '')
    expect(path.slice(-6)).toEqual([
      'data-science/notebook',
      'sts:AssumeRoleWithWebIdentity',
      'ASIAEXAMPLE1SESSION',
      'iam:CreateAccessKey',
      'AKIAEXAMPLE1USERKEY',
      'cloudtrail:StopLogging'
    ])
  })

  it('belongs to it where nobody knows the addresses of the cluster, too', () => {
    const { signals, incidents } = hunt(steps, [])
    const [incident, ...others] = critical(incidents)
    expect(others).toEqual([])
    const ids = new Set(incident === undefined ? [] : idsOf(incident))
    expect(signals.filter(({ id, role }) => role === 'alert' && !ids.has(id)).map(({ title }) => title)).toEqual([])
    expect(codesOf(incident as Incident)).not.toContain('C24')
  })

  it('is an incident of its own when it is about the role of another account', () => {
    const { signals, incidents } = hunt(
      cloudTrailSteps({ service_account: 'data-science/reports', start_ms: START_MS, run: '2' }),
      ['3.64.10.0/24']
    )
    const cloud = new Set(signals.map(({ id }) => id))
    const [incident] = critical(incidents)
    expect(incident?.sources).toEqual(['audit', 'runtime'])
    expect(idsOf(incident as Incident).filter((id) => cloud.has(id))).toEqual([])
    const own = incidents.filter((one) => idsOf(one).some((id) => cloud.has(id)))
    expect(own.map(({ severity, sources }) => `${severity} ${sources.join()}`)).toEqual(['high cloud'])
    expect(codesOf(own[0] as Incident)).not.toContain('C24')
  })
})
