import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { listRules } from '../../services/cli/listed-rules.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { createHunt } from '../../services/core/hunt.ts'
import { severityRank } from '../../services/core/severity.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RECORDINGS, readIndex } from '../support/record-audit/files.ts'
import { RULES } from './rule-tests.ts'

/** The rules on what a real API server wrote of real actions, and of ordinary days. */

const result = loadRuleSet(await readRuleFolder(RULES))
const index = readIndex()

/** Codes with a rule on single events: one recording of an action need not fire those that only count or remember. */
const onSingleEvents = new Set(
  listRules(result)
    .filter(({ file }) => /\/(audit|runtime)\/[^/]+$/.test(file))
    .map(({ code }) => code)
)

function huntIn(file: string) {
  const bytes = readFileSync(new URL(file, RECORDINGS))
  const lines = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').split('\n').slice(0, -1)
  const hunt = createHunt({
    rules: result.rules,
    windows: result.windows,
    correlate: DEFAULT_CORRELATE_SETTINGS,
    cluster: { id: 'recorded', name: 'recorded' },
    instance: 'test'
  })
  const single = lines.flatMap((line) => hunt.offer(JSON.parse(onTheInternet(line)), 0).signals)
  const correlated = hunt.correlated()
  return { events: lines.length, signals: [...single, ...correlated], correlated, incidents: hunt.incidents(0) }
}

/** Recordings that the rules of their code do not tell of, and why that is right or known. */
const UNSEEN: Readonly<Record<string, string>> = {
  'A19-unusual-operation.ndjson': 'what is unusual for an account is told by the profile',
  'A25-discovery-in-pod.ndjson': 'kubectl asks the same at each start',
  'A27-impersonation-denied.ndjson': 'the API server does not log whom somebody failed to impersonate',
  'A30-exec-denied.ndjson': 'nobody got in',
  'A73-escalation-refused.ndjson': 'nothing was granted; the refusal has a rule of its own',
  'A113-credentials-in-configmap.ndjson': 'the audit policy leaves out what ConfigMaps hold'
}

/** In the recordings the Internet is a documentation network (RFC 5737), which is not public: it is given a public address. */
const onTheInternet = (line: string) => line.replaceAll('"203.0.113.', '"8.8.4.')

const isCode = (code: string) => /^A\d{2,3}$/.test(code)

describe('rules on recorded attacks', () => {
  const recorded = index.filter(({ code }) => isCode(code) && onSingleEvents.has(code))

  it('of forty codes and more are seen by a rule of that code', () => {
    const seen = recorded.filter(({ file }) => !Object.hasOwn(UNSEEN, file))
    expect(new Set(seen.map(({ code }) => code)).size).toBeGreaterThanOrEqual(40)
  })

  it.each(Object.entries(UNSEEN))('%s is not told by its code: %s', (file) => {
    const code = index.find((entry) => entry.file === file)?.code
    expect(huntIn(file).signals.map(({ rule }) => rule.code)).not.toContain(code)
  })

  it.each(recorded.filter(({ file }) => !Object.hasOwn(UNSEEN, file)))(
    '$code sees: $does ($file)',
    ({ file, code }) => {
      expect(huntIn(file).signals.map(({ rule }) => rule.code)).toContain(code)
    }
  )

  it.each([
    ['priv', ['A60']],
    ['hostpid', ['A61']],
    ['hostipc', ['A61']],
    ['hostnetwork', ['A61']],
    ['hostpath', ['A62']],
    ['priv-and-hostpid', ['A60', 'A61']],
    ['everything-allowed', ['A60', 'A61', 'A62']],
    ['nothing-allowed', []]
  ])('every kind of workload with %s is told by %j of those rules and no other of them', (profile, codes) => {
    const { signals } = huntIn(`manifests-${profile}.ndjson`)
    const about = signals.filter(({ rule }) => ['A60', 'A61', 'A62'].includes(rule.code ?? ''))
    expect([...new Set(about.map(({ rule }) => rule.code))].sort()).toEqual(codes)
    const kinds = (code: string) =>
      new Set(about.filter(({ rule }) => rule.code === code).map(({ action }) => action.split(/[:/]/)[0]))
    for (const code of codes) expect(kinds(code).size).toBe(8)
  })
})

describe('rules on ordinary days', () => {
  const benign = index.filter(({ file }) => file.startsWith('benign-')).map(({ file }) => ({ file, ...huntIn(file) }))

  it('give at most one signal above low for a thousand events', () => {
    const events = benign.reduce((sum, day) => sum + day.events, 0)
    const grave = benign.flatMap(({ signals }) =>
      signals.filter(({ severity }) => severityRank(severity) > severityRank('low'))
    )
    expect(events).toBeGreaterThan(2_000)
    expect(grave.map(({ title }) => title).slice(0, Math.floor(events / 1_000) + 1)).toHaveLength(
      Math.min(grave.length, Math.floor(events / 1_000))
    )
  })

  it('give no correlation above low', () => {
    const grave = benign.flatMap(({ correlated }) =>
      correlated.filter(({ severity }) => severityRank(severity) > severityRank('low'))
    )
    expect(grave.map(({ title }) => title)).toEqual([])
  })

  it('give no incident above low', () => {
    const grave = benign.flatMap(({ incidents }) =>
      incidents.filter(({ severity }) => severityRank(severity) > severityRank('low'))
    )
    expect(grave.map(({ title }) => title)).toEqual([])
  })
})
