/**
 * Mutated rules against mutated events, for a while: loading and matching never throw and end soon, the plan agrees with testing
 * every rule and with the plain interpreter, and explaining agrees with matching.
 *
 *     npm run fuzz -- --seconds 60 [--seed S] [--rounds N]
 *
 * Every round has a seed of its own, which repeats it alone: `--seed S --rounds 1`.
 */
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Told } from './worker.ts'

/** Whatever takes longer hangs: a round is some hundred evaluations of a handful of bounded rules, usually 20 ms. */
const HANG_MS = 60_000

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    rounds: { type: 'string', default: String(Number.MAX_SAFE_INTEGER) }
  }
})
const seconds = Number(values.seconds)
const seed = Number(values.seed)
const rounds = Number(values.rounds)
if (!(seconds > 0 && Number.isSafeInteger(seed) && seed >= 0 && rounds >= 1)) {
  console.error('--seconds has to be above 0, --seed a whole number, --rounds at least 1')
  process.exit(2)
}

const repeat = (failed: number): string => `npm run fuzz -- --seed ${failed} --rounds 1`
console.log(`fuzzing rules and events for ${seconds} s from seed ${seed}`)
const worker = new Worker(new URL('worker.ts', import.meta.url), {
  workerData: { seed, rounds, until: Date.now() + seconds * 1_000 }
})
let current = seed
let seen = Date.now()
const watchdog = setInterval(() => {
  if (Date.now() - seen < HANG_MS) return
  console.error(`seed ${current} has hung for ${HANG_MS / 1_000} s; to repeat it: ${repeat(current)}`)
  process.exit(1)
}, 500)

worker.on('message', (told: Told) => {
  seen = Date.now()
  if (told.kind === 'round') current = told.seed
  if (told.kind === 'failure') {
    console.error(`seed ${told.seed} failed; to repeat it: ${repeat(told.seed)}\n${told.text}`)
    process.exitCode = 1
  }
  if (told.kind === 'done') {
    const { rounds: done, rules, loaded, evaluations, matches, undecided } = told.counts
    console.log(
      `${done} rounds, ${rules} rules (${loaded} loaded), ${evaluations} evaluations, ${matches} matches, ${undecided} undecided`
    )
    clearInterval(watchdog)
  }
})
worker.on('error', (error) => {
  console.error(`seed ${current} broke the worker; to repeat it: ${repeat(current)}\n${String(error.stack ?? error)}`)
  process.exit(1)
})
