import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { rulesCommand } from './rules.ts'

const MAIN = join(import.meta.dirname, '../main.ts')
let folder = ''

interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** `weir rules …` as a user runs it. */
function weir(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'rules', ...args], { cwd: folder }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err })
    })
  })
}

/** The same in this process, which does not have to start; `~` in front of a path is the folder. */
async function rules(...args: string[]): Promise<Outcome> {
  const [out, err]: [string[], string[]] = [[], []]
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0)
  vi.spyOn(console, 'error').mockImplementation((text) => void err.push(String(text)))
  const { exitCode } = process
  process.exitCode = 0
  try {
    await rulesCommand().parseAsync(
      args.map((arg) => arg.replace(/^~/, folder)),
      { from: 'user' }
    )
    return { code: Number(process.exitCode), out: out.join(''), err: err.join('\n') }
  } finally {
    process.exitCode = exitCode
    vi.restoreAllMocks()
  }
}

const lines = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line))

const rule = (title: string, detection: object) =>
  JSON.stringify({
    title,
    tags: ['attack.t1609'],
    logsource: { product: 'kubernetes', service: 'audit' },
    detection: { ...detection, condition: 'a' }
  })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-rules-'))
  await mkdir(join(folder, 'good'))
  await mkdir(join(folder, 'bad'))
  const event = { audit: { verb: 'get', objectRef: { resource: 'pods' } } }
  const test = (expected: string) => JSON.stringify([{ name: 'a get', event, expect: expected }])
  await writeFile(join(folder, 'good/get.yml'), rule('gets', { a: { verb: 'get' } }))
  await writeFile(join(folder, 'good/get.test.yml'), test('match'))
  await writeFile(join(folder, 'good/open.yml'), rule('opens', { a: { 'user.name|contains': ['roo', 'x'] } }))
  await writeFile(join(folder, 'bad/get.yml'), rule('gets', { a: { verb: 'get' } }))
  await writeFile(join(folder, 'bad/get.test.yml'), test('no_match'))
  await writeFile(join(folder, 'bad/odd.test.yml'), '{')
  await writeFile(
    join(folder, 'events.ndjson'),
    [{ verb: 'get' }, { verb: 'list', user: { name: 'root' } }, { verb: 'get', 'user.name': 'fox' }, 'no object']
      .map((json) => `${JSON.stringify(json)}\n`)
      .join('')
  )
})
afterAll(() => rm(folder, { recursive: true }))

describe('weir rules', () => {
  it('test names every case as JSON and counts', async () => {
    const { out, code, err } = await weir('test', 'bad', '--json')
    expect(code).toBe(1)
    expect(err).toBe('')
    expect(lines(out)).toMatchObject([
      { kind: 'case', file: 'bad/odd.test.yml', passed: false, verdict: 'error' },
      { kind: 'case', file: 'bad/get.test.yml', name: 'a get', expected: 'no_match', verdict: 'match', passed: false },
      { kind: 'summary', cases: 2, failed: 2, rules: 1, untested: [], broken: 0 }
    ])
  })

  it('test shows why a case fails', async () => {
    const { out, code } = await rules('test', '~/bad')
    expect(out).toContain(`failed ${folder}/bad/get.test.yml: a get\n    expected no_match, got match:`)
    expect(out).toContain('0 of 2 cases pass; 0 of 1 rules have no test\n')
    expect(code).toBe(1)
  })

  it('test refuses a folder that is not there', async () => {
    await expect(rules('test', '~/none')).rejects.toThrow('cannot be read')
  })

  it('test passes what is right and exits 1 for rules that do not load', async () => {
    // user.name is no field of the event model.
    const { out, err, code } = await rules('test', '~/good')
    expect(out).toBe('1 of 1 cases pass; 0 of 1 rules have no test\n')
    expect(err).toContain('RULE_FIELD_UNKNOWN')
    expect(code).toBe(1)
  })

  it('list shows rules, correlations and profiles, and codes without one with the reason', async () => {
    const { out } = await rules('list', '--json')
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const ofCode = (code: string) => lines.filter((line) => line['code'] === code).map(({ kind }) => kind)
    expect([ofCode('A60'), ofCode('C02'), ofCode('R76'), ofCode('C20')]).toEqual([
      ['rule'],
      ['correlation'],
      ['profile'],
      ['left_out']
    ])
    expect(lines.find(({ kind }) => kind === 'left_out')).toMatchObject({ reason: expect.any(String) })
    expect(lines.find(({ name }) => name === 'config_map_with_credentials')).toMatchObject({
      facts: ['facts.credentials']
    })
  })

  it('coverage prints techniques with rules, and a layer', async () => {
    const text = await rules('coverage')
    const json = await rules('coverage', '--json', '--rules', '~/bad')
    const layer = await rules('coverage', '--navigator', '-')
    expect(text.out).toMatch(/^T1609 +\d+ {2}A30 /m)
    const { techniques } = JSON.parse(json.out) as { techniques: { technique: string; rules: { title: string }[] }[] }
    expect(techniques.find(({ technique }) => technique === 'T1609')?.rules.map(({ title }) => title)).toContain('gets')
    expect(JSON.parse(layer.out)).toMatchObject({ domain: 'enterprise-attack', versions: { layer: '4.5' } })
  })

  it('bench counts the matches of every event once, on raw events', async () => {
    const { out, code } = await rules(
      ...['bench', '--rules', '~/good', '--events', '~/events.ndjson', '--raw', '--json', '--passes', '2']
    )
    expect(code).toBe(0)
    const [result] = lines(out) as [Record<string, unknown>]
    expect(Object.keys(result)).toEqual([
      'engine',
      'events',
      'matches',
      'cpu_s',
      'events_per_cpu_s',
      'candidates_per_event'
    ])
    expect(result).toMatchObject({ engine: 'weir', events: 4, matches: 4 })
  })

  it('bench uses the first records only when told, and refuses to measure nothing', async () => {
    const bench = (...more: string[]) =>
      rules('bench', '--events', '~/events.ndjson', '--json', '--passes', '1', ...more)
    const limited = await bench('--rules', '~/good', '--raw', '--limit', '1')
    expect(lines(limited.out)).toMatchObject([{ events: 1, matches: 1 }])
    await expect(bench('--rules', '~/bad')).rejects.toMatchObject({ code: 'RULES_BENCH_EMPTY' })
  })
})
