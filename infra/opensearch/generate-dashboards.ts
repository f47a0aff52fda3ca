/**
 * Makes infra/opensearch/dashboards.ndjson from saved-objects.ts.
 *
 *   node infra/opensearch/generate-dashboards.ts           write
 *   node infra/opensearch/generate-dashboards.ts --check   exit 1 when what is committed is not what would be written
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { savedObjectsFile } from './saved-objects.ts'

const file = join(import.meta.dirname, 'dashboards.ndjson')
const wanted = savedObjectsFile()

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== wanted) {
    console.error(`${file} is not current: run node infra/opensearch/generate-dashboards.ts`)
    process.exit(1)
  }
} else {
  writeFileSync(file, wanted)
}
