import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { loadRules } from '../../services/cli/rules.ts'
import { DEFAULT_CORRELATE_SETTINGS } from '../../services/core/correlate/settings.ts'
import { decodeRecords } from '../../services/core/events/format.ts'
import { createHunt } from '../../services/core/hunt.ts'
import { type Figure, measure } from './measure.ts'

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'scarleteel')
const cluster = { id: 'bench', name: 'bench' }

function linesOf(file: string): readonly string[] {
  return gunzipSync(readFileSync(join(FIXTURES, file)))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
}

/**
 * The whole path in one process, as `weir hunt` runs it: JSON line → event → join → every rule → incidents; beside it what
 * JSON.parse of the same lines and decoding alone cost.
 */
export async function benchHunt(): Promise<readonly Figure[]> {
  const { rules } = await loadRules({ folders: [], builtin: true }, (message) => console.error(message))
  const figures: Figure[] = []
  for (const file of ['audit.ndjson.gz', 'tetragon.ndjson.gz']) {
    const lines = linesOf(file)
    const what = file.split('.')[0] ?? file
    const now = Date.now() * 1000
    const parse = measure(`${what}: JSON.parse`, lines.length, () => {
      for (const line of lines) JSON.parse(line)
    })
    const decode = measure(`${what}: parse and decode`, lines.length, () => {
      for (const line of lines) decodeRecords(JSON.parse(line), { cluster, instance: 'bench', received: now })
    })
    const whole = measure(`${what}: whole path, ${rules.size} rules`, lines.length, () => {
      const hunt = createHunt({ rules, correlate: DEFAULT_CORRELATE_SETTINGS, cluster, instance: 'bench' })
      for (const line of lines) hunt.offer(JSON.parse(line), now)
      hunt.incidents(now)
    })
    figures.push(
      parse,
      { ...decode, ratio: decode.us_per_event / parse.us_per_event },
      { ...whole, ratio: whole.us_per_event / parse.us_per_event }
    )
  }
  return figures
}
