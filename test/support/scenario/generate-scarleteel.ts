import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { fileBytes, fixtureFiles } from './files.ts'
import { START_US } from './scarleteel/cluster.ts'
import { scarleteelScenario } from './scarleteel/scenario.ts'
import { SCARLETEEL_STEPS } from './scarleteel/steps.ts'

/**
 * Writes test/fixtures/scarleteel: `node test/support/scenario/generate-scarleteel.ts [--check]`.
 * With `--check` nothing is written; the exit status is 1 when the files differ from what would be.
 */

const FOLDER = new URL('../../fixtures/scarleteel/', import.meta.url)
const SEED = 'scarleteel-2.0'

function onDisk(name: string): string | null {
  try {
    const bytes = readFileSync(new URL(name, FOLDER))
    return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  } catch {
    return null
  }
}

const { cluster, records } = scarleteelScenario(SEED)
const files = fixtureFiles(cluster, records, SCARLETEEL_STEPS, START_US)
if (process.argv.includes('--check')) {
  const differing = [...files].filter(([name, text]) => onDisk(name) !== text).map(([name]) => name)
  for (const name of differing) console.error(`${name} is not what its generator writes: run it without --check`)
  process.exitCode = differing.length === 0 ? 0 : 1
} else {
  mkdirSync(FOLDER, { recursive: true })
  for (const [name, text] of files) {
    const bytes = fileBytes(name, text)
    writeFileSync(new URL(name, FOLDER), bytes)
    console.log(`${name}: ${text.split('\n').length - 1} lines, ${bytes.length} bytes`)
  }
}
