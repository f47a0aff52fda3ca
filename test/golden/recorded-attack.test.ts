import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Incident, Signal } from '../../schemas/generated/types.ts'
import { loadRecording, RECORDED } from '../../services/cli/replay/recording.ts'
import { renderIncident } from '../../services/core/correlate/render-incident.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { inventoryFromList } from '../../services/core/enrich/inventory.ts'
import { decodeRecords } from '../../services/core/events/format.ts'
import { parseTimestamp } from '../../services/core/events/timestamp.ts'
import { createHunt } from '../../services/core/hunt.ts'
import { recordTime } from '../../services/core/replay/record-time.ts'
import { severityRank } from '../../services/core/severity.ts'
import { plainStyle } from '../../services/core/terminal-text.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES } from '../rules/rule-tests.ts'

const NAMES = ['audit.ndjson.gz', 'runtime.ndjson.gz', 'inventory.json', 'ground-truth.json'] as const
const bytesOf = (name: string) => readFileSync(join(RECORDED.folder, name))
const textOf = (name: string) => (name.endsWith('.gz') ? gunzipSync(bytesOf(name)) : bytesOf(name)).toString('utf8')

interface Truth {
  readonly records: { readonly audit: number; readonly runtime: number }
  readonly notebook: { readonly pod: string; readonly ip: string }
  readonly steps: ReadonlyArray<{
    readonly step: number
    readonly title: string
    readonly from: string
    readonly to: string
  }>
}
const truth = JSON.parse(textOf('ground-truth.json')) as Truth
/** When the last record was made, so that nothing is moved in time. */
const end = Math.max(
  ...['audit.ndjson.gz', 'runtime.ndjson.gz'].map(
    (name) => recordTime(JSON.parse(textOf(name).trimEnd().split('\n').at(-1) ?? '')) ?? 0
  )
)
const recording = await loadRecording(RECORDED, end)
const decoded = recording.records.map(({ json }) =>
  decodeRecords(json, { cluster: recording.cluster, instance: 'test', received: end })
)

async function hunted(): Promise<{ readonly incidents: readonly Incident[]; readonly signals: readonly Signal[] }> {
  const { rules, windows, profiles } = loadRuleSet(await readRuleFolder(RULES))
  const { cluster, records, inventory } = recording
  const hunt = createHunt({
    rules,
    windows,
    profiles,
    correlate: DEFAULT_CORRELATE_SETTINGS,
    cluster,
    instance: 'test'
  })
  hunt.learn(inventoryFromList(inventory, cluster, records[0]?.time ?? 0).records)
  const signals = records.flatMap(({ json }) => hunt.offer(json, end).signals)
  const correlated = hunt.correlated()
  return { incidents: hunt.incidents(end), signals: [...signals, ...correlated] }
}
const { incidents, signals } = await hunted()
const [critical, ...others] = incidents

describe('the attack recorded on a real cluster', () => {
  it('is one critical incident that both sources saw, and nothing else is above low', () => {
    expect(critical?.severity).toBe('critical')
    expect(critical?.sources).toEqual(['audit', 'runtime'])
    for (const { severity } of others) expect(severityRank(severity)).toBeLessThanOrEqual(severityRank('low'))
    const of_it = new Set(critical?.timeline.flatMap(({ signals: ids }) => ids))
    expect(
      signals.filter(({ id, severity }) => !of_it.has(id) && severityRank(severity) > severityRank('low'))
    ).toEqual([])
  })

  it('names accounts, pods, workloads and images', () => {
    const names = critical?.entities.map(({ name }) => name) ?? []
    for (const name of [
      `data-science/${truth.notebook.pod}`,
      'data-science/notebook',
      'shop/cart',
      'shop/kube-proxy',
      'registry.example.com/data/notebook:4.2',
      'registry.example.com/mirror/kube-proxy:1.34.4'
    ])
      expect(
        names.some((one) => one.includes(name)),
        name
      ).toBe(true)
  })

  it('has nothing of the benign work in it: the developer, the CI, the other notebook and the scheduled jobs', () => {
    // The attacker deletes events of everything; the objects themselves are none of it.
    const names = critical?.entities.flatMap(({ name }) => (name.startsWith('events/') ? [] : [name])).join('\n')
    for (const name of ['alice', 'ci/deployer', 'notebook-lisa', 'janitor', 'shop/report', 'shop/migrate', 'shop/web-'])
      expect(names).not.toContain(name)
  })

  it('gives each session the one who opened it: the attacker’s token, and the developer', () => {
    const sessions = signals
      .filter(({ rule }) => rule.code === 'C01')
      .map(({ title, severity }) => `${severity} ${title}`)
    expect(sessions).toEqual([
      expect.stringMatching(/^low alice \(10\.8\.0\.23\) opened a session in shop\/web-/),
      expect.stringMatching(/^critical service account data-science\/notebook .* opened a session in shop\/cart-/)
    ])
  })

  it('is found in every step that was taken', () => {
    const times = critical?.timeline.map(({ time, last }) => [time, last] as const) ?? []
    for (const { from, to, title } of truth.steps) {
      const [start, stop] = [parseTimestamp(from) ?? 0, parseTimestamp(to) ?? 0]
      expect(
        times.some(([first, last]) => last >= start && first <= stop),
        title
      ).toBe(true)
    }
  })

  it('reads as it should', async () => {
    const text = critical === undefined ? '' : renderIncident(critical, { width: 120, style: plainStyle })
    // What is the same in every recording: the ids and times are those of this one.
    await expect(`${text}\n`).toMatchFileSnapshot('recorded-attack.txt')
  })
})

describe('the recording', () => {
  it('decodes to one event a record, none refused, each of a container with its name, pod and image', () => {
    expect(decoded.flatMap(({ rejected }) => rejected.map(({ message }) => message))).toEqual([])
    expect(decoded.every(({ events }) => events.length === 1)).toBe(true)
    const runtimes = decoded.flatMap(({ events }) => events.flatMap(({ runtime }) => runtime ?? []))
    expect(runtimes.length).toBe(truth.records.runtime)
    const incomplete = runtimes.filter(
      ({ container, pod, category }) =>
        category !== 'sensor' && (container?.name == null || pod?.name == null || pod.namespace === null)
    )
    expect(incomplete).toEqual([])
    expect(runtimes.filter(({ action }) => action === 'drop')).toEqual([])
  })

  it('is small, and says nothing of the machine that it was made on, and no token', () => {
    expect(NAMES.reduce((total, name) => total + bytesOf(name).length, 0)).toBeLessThan(2_000_000)
    for (const name of NAMES) {
      const text = textOf(name)
      expect(text).not.toMatch(/eyJ[\w-]{20,}/)
      expect(text).not.toMatch(/PRIVATE KEY|certificate-authority-data/)
      expect(text).not.toMatch(/\.weir\/|\/home\/(?!jovyan)\w|bin\/bootstrap\.js|node_modules/)
      expect(text.match(/"(?:machineID|systemUUID|bootID)":"(?!0{8})[^"]+"/g) ?? []).toEqual([])
    }
  })
})
