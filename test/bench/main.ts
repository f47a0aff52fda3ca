/**
 * npm run bench            what needs no servers (hunt, rules, lazy, profiles, or only those that are named)
 * npm run bench -- kafka   the path through Kafka, on native servers started for it
 * npm run bench -- sensor  the built-in sensor and bpftrace on the running kernel, as root, after `npm run build:sensor`
 * npm run bench -- engines [--json]   rules against other engines, which are built with the cargo, go and mvn that are there
 * npm run bench -- state [--keys N]   memory, changelog and restart of the correlator's state, a broker is started for it
 * npm run bench -- transactions      what a signal takes from and to Kafka, with transactions and without
 * npm run bench -- spread    what parts cost with the windows of their cluster in one process and spread over several
 * npm run bench -- windows   what windows and stitching take per signal, and windows beside Esper
 */
import { cpus } from 'node:os'
import { printFigures } from './measure.ts'
import type { Must } from './sensor-agent.ts'

const wanted = process.argv.slice(2)
const json = wanted.includes('--json')
const head = json ? console.error : console.log
head(
  `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`
)
if (wanted.length === 0 || wanted.includes('hunt')) {
  const { benchHunt } = await import('./hunt.ts')
  printFigures('Without servers (weir hunt)', await benchHunt())
}
if (wanted.length === 0 || wanted.includes('rules')) {
  const { benchRules } = await import('./rules.ts')
  await benchRules(printFigures)
}
if (wanted.length === 0 || wanted.includes('lazy')) {
  const { benchLazyRecords } = await import('./lazy.ts')
  const { benchLazyText } = await import('./lazy-text.ts')
  await benchLazyRecords(printFigures)
  await benchLazyText(printFigures)
}
if (wanted.length === 0 || wanted.includes('profiles')) {
  const { benchProfiles } = await import('./profiles.ts')
  benchProfiles(printFigures)
}
if (wanted.includes('kafka')) {
  const { benchKafka } = await import('./kafka.ts')
  printFigures('Through Kafka', await benchKafka())
}
if (wanted.includes('engines')) {
  const { benchEngines } = await import('./engines.ts')
  await benchEngines(json)
}
if (wanted.includes('state')) {
  const { benchState } = await import('./state.ts')
  const keys = wanted.indexOf('--keys')
  console.log("\nThe correlator's state")
  await benchState(keys < 0 ? 1_000_000 : Number(wanted[keys + 1]), ({ name, value }) =>
    console.log(`  ${name.padEnd(24)} ${value}`)
  )
}
if (wanted.includes('spread')) {
  const { benchSpread } = await import('./spread.ts')
  printFigures('Windows of a cluster in one process, and spread', await benchSpread())
}
if (wanted.includes('sensor')) {
  const { benchAgent } = await import('./sensor-agent.ts')
  const { benchSensor } = await import('./sensor.ts')
  const printMust = ({ name, wanted, found, met }: Must) =>
    console.log(`  ${name.padEnd(44)} ${wanted.padStart(14)}  ${found.padStart(10)}  ${met ? 'met' : 'missed'}`)
  console.log('\nThe whole agent, with an enricher behind it')
  await benchAgent(printMust)
  await benchSensor(printFigures, printMust)
}
if (wanted.includes('windows')) {
  const { benchWindows } = await import('./windows.ts')
  await benchWindows(printFigures)
}
if (wanted.includes('transactions')) {
  const { benchTransactions } = await import('./transactions.ts')
  printFigures('The correlator from and to Kafka', await benchTransactions())
}
