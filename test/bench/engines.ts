import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastLines, run } from '../../infra/native/run.ts'
import { type Build, buildCel, buildEsper, buildRust } from './engines/builds.ts'
import { celExpression, eplFilter, sigmaRustRule, tauRule } from './engines/translate.ts'
import { engineWorkload, inOneList, type Rule, type Workload } from './engines/workload.ts'

const RULES = 120
const EVENTS = 50_000
const RUN_TIMEOUT_MS = 10 * 60_000

interface Engine {
  readonly name: string
  readonly build: Build
  readonly translate: (rule: Rule) => string
  /** The first ones warm up what compiles as it runs; the best one counts. Fast engines have short passes and need more. */
  readonly passes: number
}

/** What every engine prints. */
interface Result {
  readonly events: number
  readonly matches: number
  readonly cpu_s: number
  readonly by_rule: Readonly<Record<string, number>>
}

interface Row {
  readonly engine: string
  readonly events: number
  readonly matches: number
  readonly cpu_s: number
  readonly events_per_cpu_s: number
  /** How many times less CPU time Weir takes. */
  readonly ratio: number
}

function resultIn(engine: string, output: string): Result {
  const line = output.split('\n').findLast((one) => one.startsWith('{'))
  if (line === undefined) throw new Error(`${engine} printed no result: ${lastLines(output, 5)}`)
  return JSON.parse(line) as Result
}

async function runEngine(
  engine: Engine,
  build: readonly string[],
  workload: Workload,
  folder: string
): Promise<Result> {
  const rulesFile = join(folder, `${engine.name}.json`)
  const rules = workload.rules.map((rule) => ({ id: rule.id, kind: rule.kind, rule: engine.translate(rule) }))
  writeFileSync(rulesFile, JSON.stringify({ fields: workload.fields, rules }))
  const [command = '', ...args] = build
  const all = [...args, rulesFile, join(folder, 'events.ndjson'), String(engine.passes)]
  const { code, output } = await run(command, all, { timeout_ms: RUN_TIMEOUT_MS })
  if (code !== 0) throw new Error(`${engine.name} ended with ${code}: ${lastLines(output, 5)}`)
  return resultIn(engine.name, output)
}

/** Engines that do not find the same do not do the same work. */
function same(engine: string, found: Result, expected: Result): void {
  const differing = Object.keys(expected.by_rule).filter((id) => found.by_rule[id] !== expected.by_rule[id])
  if (found.events !== expected.events) throw new Error(`${engine} read ${found.events} of ${expected.events} events`)
  if (differing.length === 0) return
  const counts = differing.map((id) => `rule ${id}: ${found.by_rule[id]} for ${expected.by_rule[id]}`)
  throw new Error(`${engine} finds other matches than Weir: ${counts.join(', ')}`)
}

const rowOf = (engine: string, { events, matches, cpu_s }: Result, weir: Result): Row => ({
  engine,
  events,
  matches,
  cpu_s: Number(cpu_s.toFixed(4)),
  events_per_cpu_s: Math.round(events / cpu_s),
  ratio: Number((cpu_s / weir.cpu_s).toFixed(2))
})

function printRows(title: string, rows: readonly Row[]): void {
  console.log(`\n${title}; × is how many times less CPU time Weir takes`)
  for (const { engine, matches, cpu_s, events_per_cpu_s, ratio } of rows) {
    console.log(
      `  ${engine.padEnd(12)} ${String(matches).padStart(6)} matches  ${cpu_s.toFixed(3).padStart(8)} CPU s  ${String(events_per_cpu_s).padStart(8)}/CPU s  ×${ratio.toFixed(2)}`
    )
  }
}

/** Runs the engines that are built, Weir being the first of them. @throws when they do not find the same */
async function compare(engines: readonly Engine[], workload: Workload): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'))
  try {
    writeFileSync(join(folder, 'events.ndjson'), `${workload.lines.join('\n')}\n`)
    const rows: Row[] = []
    let expected: Result | null = null
    for (const engine of engines) {
      if ('left_out' in engine.build) continue
      const found = await runEngine(engine, engine.build.command, workload, folder)
      expected ??= found
      same(engine.name, found, expected)
      rows.push(rowOf(engine.name, found, expected))
    }
    return rows
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Weir beside other engines: the same rules in their languages, the same events in the form they take, the same matches of each
 * rule or an error. Engines that cannot be built here are left out and named.
 * @param json one JSON object a line instead of a table
 */
export async function benchEngines(json: boolean): Promise<void> {
  const rust = await buildRust()
  const weir: Engine = {
    name: 'weir',
    build: { command: [process.execPath, '--expose-gc', join(import.meta.dirname, 'engines/weir.ts')] },
    translate: ({ sigma }) => sigma,
    passes: 25
  }
  const listed: readonly Engine[] = [
    weir,
    { name: 'tau-engine', build: rust['tau-engine'], translate: tauRule, passes: 12 },
    { name: 'sigma-rust', build: rust['sigma-rust'], translate: sigmaRustRule, passes: 5 }
  ]
  const sharded: readonly Engine[] = [
    ...listed,
    { name: 'esper', build: await buildEsper(), translate: eplFilter, passes: 12 },
    { name: 'cel-go', build: await buildCel(), translate: celExpression, passes: 5 }
  ]
  for (const { name, build } of sharded) {
    if ('left_out' in build) console.error(`left out: ${name}: ${build.left_out}`)
  }
  const workload = engineWorkload(RULES, EVENTS)
  const tables = [
    { rules: 'sharded by kind', rows: await compare(sharded, workload) },
    { rules: 'in one list', rows: await compare(listed, inOneList(workload)) }
  ]
  for (const { rules, rows } of tables) {
    if (json) for (const row of rows) console.log(JSON.stringify({ rules, ...row }))
    else printRows(`${RULES} generated rules ${rules} on ${EVENTS} flat events`, rows)
  }
}
