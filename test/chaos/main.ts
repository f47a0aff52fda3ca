import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startNativeServers } from '../../infra/native/start.ts'
import { plainProgress } from '../../infra/progress.ts'
import { weirHome } from '../../infra/settings.ts'
import { messageOf } from '../../services/core/errors.ts'
import { CHAOS_BROKER, type ChaosResult, chaosRun } from './run.ts'

const HELP = `Feeds generated signals through Kafka to correlators that are processes of their own, and while they work kills and stalls
them, has more of them join and leave, and kills and restarts the broker. What has been committed in the end has to equal
what an undisturbed run over the same signals gives: incidents, correlated signals, dead letters and state, each once.

Usage: npm run chaos -- [--seed S] [--runs N] [--spread] [--keep]

  --seed S   seed of the first run, a whole number; the next run has the next one (default: from the clock)
  --runs N   how many runs (default: 5)
  --spread   windows of three clusters are spread over processes, which are disturbed, too
  --keep     keep settings and logs of all runs, not only of those that failed

Examples:
  npm run chaos -- --seed 1 --runs 50    the runs that README speaks of, some ten minutes
  npm run chaos -- --seed 17 --runs 1    one run again

Ends with 1 when a run differs, naming its seed.`

interface Options {
  readonly seed: number
  readonly runs: number
  readonly spread: boolean
  readonly keep: boolean
}

function optionsFrom(args: string[]): Options | null {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      runs: { type: 'string', default: '5' },
      spread: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' }
    }
  })
  if (values.help) return null
  const [seed, runs] = [Number(values.seed), Number(values.runs)]
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`--seed has to be a whole number, not ${values.seed}`)
  if (!Number.isSafeInteger(runs) || runs < 1) throw new RangeError(`--runs has to be at least 1, not ${values.runs}`)
  return { seed, runs, spread: values.spread, keep: values.keep }
}

function described({ plan, signals, parts, incidents, correlated, deaths, took_ms }: ChaosResult): string {
  const steps = plan.steps.map(({ kind }) => kind).join(' ')
  const ended = deaths.length === 0 ? '' : `, ${deaths.length} ended by themselves`
  return (
    `${signals} signals, ${parts} parts, ${incidents} incidents, ${correlated} correlated; ${plan.instances} instances of batches up to ` +
    `${plan.handle_max_messages}${plan.standby ? ' with standbys' : ''}: ${steps}${ended} (${(took_ms / 1000).toFixed(1)} s)`
  )
}

async function runAll({ seed: first, runs, spread, keep }: Options): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'weir-chaos-'))
  const progress = plainProgress(process.stderr)
  const servers = await startNativeServers({
    ...{ home: weirHome(), data: join(directory, 'servers'), ports: 'free', fresh: true, progress },
    only: ['kafka', 'registry'],
    kafka_properties: CHAOS_BROKER
  })
  const failed: number[] = []
  try {
    for (let seed = first; seed < first + runs; seed += 1) {
      const logs = join(directory, `seed-${seed}`)
      mkdirSync(logs, { recursive: true })
      const name = `run ${seed - first + 1} of ${runs}, seed ${seed}`
      try {
        const result = await chaosRun(servers, seed, logs, spread)
        const equal = result.differences.length === 0
        console.log(`${name}: ${equal ? 'equal' : 'DIFFERS'}; ${described(result)}`)
        for (const death of result.deaths) console.log(`  ${death}`)
        for (const line of result.differences.slice(0, 5)) console.log(`  ${line}`)
        if (result.differences.length > 5) console.log(`  and ${result.differences.length - 5} more differences`)
        if (!equal) failed.push(seed)
      } catch (error) {
        console.log(`${name}: FAILED; ${messageOf(error)}`)
        failed.push(seed)
      }
      if (!keep && !failed.includes(seed)) rmSync(logs, { recursive: true, force: true })
    }
  } finally {
    await servers.stop()
    progress.end()
    rmSync(join(directory, 'servers'), { recursive: true, force: true })
    if (!keep && failed.length === 0) rmSync(directory, { recursive: true, force: true })
  }
  console.log(`${runs - failed.length} of ${runs} runs gave what the undisturbed run gives`)
  for (const seed of failed) {
    console.log(
      `to repeat: npm run chaos -- --seed ${seed} --runs 1${spread ? ' --spread' : ''}; logs: ${join(directory, `seed-${seed}`)}`
    )
  }
  return failed.length === 0 ? 0 : 1
}

let options: Options | null
try {
  options = optionsFrom(process.argv.slice(2))
} catch (error) {
  console.error(`${messageOf(error)}\n\n${HELP}`)
  process.exit(2)
}
if (options === null) console.log(HELP)
else process.exitCode = await runAll(options)
