/**
 * Makes events for the benchmark of the sensor: `node sensor-load.ts FOLDER RATE SECONDS`. Opens a file for writing, RATE times a
 * second in even steps of a few milliseconds, and says as JSON how often it did and what CPU that took.
 */
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'

const STEP_MS = 5
const [folder = '', rate = '0', seconds = '0'] = process.argv.slice(2)
const path = join(folder, 'written')
closeSync(openSync(path, 'w'))
console.log('ready')
await new Promise((resolve) => process.stdin.once('data', resolve))

const total = Number(rate) * Number(seconds)
const before = process.cpuUsage()
const begin = performance.now()
let done = 0
while (done < total) {
  const due = Math.min(total, ((performance.now() - begin) / 1000) * Number(rate))
  for (; done < due; done += 1) closeSync(openSync(path, 'a'))
  await new Promise((resolve) => setTimeout(resolve, STEP_MS))
}
const took_s = (performance.now() - begin) / 1000
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ events: done, took_s, cpu_us: user + system }))
process.exit(0)
