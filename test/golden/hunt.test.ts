import { execFile } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'services/cli/main.ts')
const FIXTURE = join(ROOT, 'test/fixtures/scarleteel')
const ATTACK = [
  join(FIXTURE, 'audit.ndjson.gz'),
  join(FIXTURE, 'tetragon.ndjson.gz'),
  '--inventory',
  join(FIXTURE, 'inventory.json')
]
const folder = mkdtempSync(join(tmpdir(), 'weir-hunt-'))
/** For what is not about the rules that come with Weir, which take seconds to load. */
const NO_RULES = '--no-builtin-rules'

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `weir` as a user would. */
function weir(args: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, stdout, stderr })
      }
    )
    child.stdin?.end(input)
  })
}

type Line = Record<string, unknown> & { readonly kind: string }
const linesOf = ({ stdout }: Ran): Line[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

const event = (auditID: string, fields: object = {}) =>
  JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    auditID,
    stage: 'ResponseComplete',
    verb: 'get',
    user: { username: 'alice' },
    objectRef: { resource: 'pods', namespace: 'shop', name: 'web' },
    responseStatus: { code: 200 },
    stageTimestamp: '2026-11-24T10:00:00.000000Z',
    ...fields
  })

describe('weir hunt on the recorded attack', () => {
  let ran: Ran = { code: 0, stdout: '', stderr: '' }
  beforeAll(async () => {
    ran = await weir(['hunt', ...ATTACK, '--format', 'ndjson', '--fail-on', 'critical'])
  })

  it('exits with 3, as --fail-on critical asks for', () => {
    expect(ran.code).toBe(3)
  })

  it('tells it as one critical incident from both sources, and nothing else above low', () => {
    const lines = linesOf(ran)
    const incidents = lines.filter(({ kind }) => kind === 'incident')
    const [critical, ...others] = incidents
    expect([critical?.['severity'], ...new Set(others.map(({ severity }) => severity))]).toEqual(['critical', 'low'])
    expect(critical?.['tactics']).toEqual([
      'initial-access',
      'execution',
      'persistence',
      'privilege-escalation',
      'defense-evasion',
      'credential-access',
      'discovery',
      'lateral-movement',
      'collection',
      'command-and-control',
      'exfiltration',
      'impact'
    ])
    const entities = JSON.stringify(critical?.['entities'])
    for (const name of ['data-science/notebook', 'shop/cart', 'shop/kube-proxy']) expect(entities).toContain(name)
    expect(lines.at(-1)).toMatchObject({ kind: 'summary', events: 3411, incidents: 4, rejected: 0 })
  })

  it('prints one object a line, with the signals of an incident among those printed before', () => {
    const lines = linesOf(ran)
    const signals = lines.filter(({ kind }) => kind === 'signal')
    const ids = new Set(signals.map(({ id }) => id))
    for (const incident of lines.filter(({ kind }) => kind === 'incident')) {
      for (const id of incident['signals'] as string[]) expect(ids).toContain(id)
    }
    expect(signals[0]).toMatchObject({
      rule: { id: expect.any(String), code: expect.any(String), title: expect.any(String), level: expect.any(String) },
      event: { id: expect.any(String), file: expect.stringContaining('.ndjson.gz'), line: expect.any(Number) }
    })
  })
})

describe('weir hunt', () => {
  it('reads standard input, counts duplicates once, and names lines it cannot use without ending', async () => {
    const input = [event('a'), 'nonsense', event('a'), '{"kind":0}', event('b')].join('\n')
    const ran = await weir(['hunt', '-', NO_RULES, '--format', 'ndjson'], input)
    expect(ran.code).toBe(0)
    const lines = linesOf(ran)
    expect(lines.filter(({ kind }) => kind === 'rejected').map(({ line, code }) => [line, code])).toEqual([
      [2, 'HUNT_NOT_JSON'],
      [4, 'EVENT_FORMAT_UNKNOWN']
    ])
    expect(lines.at(-1)).toMatchObject({ events: 2, rejected: 2 })
  })

  it('takes a reused audit id for another event when the request is another', async () => {
    const times = ['2026-11-24T10:00:00.000001Z', '2026-11-24T10:00:00.000002Z']
    const input = times.map((time) => event('a', { requestReceivedTimestamp: time })).join('\n')
    expect(linesOf(await weir(['hunt', '-', NO_RULES, '--format', 'ndjson'], input)).at(-1)).toMatchObject({
      events: 2
    })
  })

  it('exits with 1 when a file is not there', async () => {
    const missing = await weir(['hunt', NO_RULES, join(folder, 'missing.ndjson')])
    expect([missing.code, missing.stdout]).toEqual([1, ''])
    expect(missing.stderr).toContain('missing.ndjson')
  })

  const rules = mkdtempSync(join(tmpdir(), 'weir-rules-'))
  const rule = (title: string, field: string) =>
    `title: ${title}\nid: ${crypto.randomUUID()}\nstatus: test\nlevel: high\nlogsource: { product: kubernetes, service: audit }\ndetection:\n  selection:\n    ${field}: alice\n  condition: selection\n`
  writeFileSync(join(rules, 'right.yml'), rule('Alice was here', 'user.username'))
  writeFileSync(join(rules, 'wrong.yml'), rule('Wrong', 'user.usernam'))

  it('adds the rules of a folder, and names what is wrong with one without leaving the others out', async () => {
    const { stdout, stderr } = await weir(['hunt', '-', '--rules', rules], event('a'))
    expect(stdout).toContain('Alice was here')
    expect(stderr).toMatch(/wrong\.yml:\d+:\d+ RULE_FIELD_UNKNOWN .*did you mean user\.username/)
  })

  it.each([
    ['low', 3],
    ['high', 3],
    ['critical', 0]
  ])('with --fail-on %s exits with %i when the worst it finds is high', async (level, code) => {
    const ran = await weir(['hunt', '-', NO_RULES, '--rules', rules, '--fail-on', level], event('a'))
    expect([ran.stdout.includes('Alice was here'), ran.code]).toEqual([true, code])
  })
})
