import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { bodiesOf } from '../../services/core/bodies.ts'
import { viewOf } from '../../services/core/detect/event-view.ts'
import { enrich } from '../../services/core/enrich/join.ts'
import { enrichLazily } from '../../services/core/enrich/lazy-join.ts'
import { auditEventFrom } from '../../services/core/events/audit.ts'
import { auditEventFromText } from '../../services/core/events/audit-text.ts'
import { type CountedRules, type Print, partOf, ruleSets } from './lazy.ts'
import { measure } from './measure.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures')
const RECORDING = join(FIXTURES, 'scarleteel/audit.ndjson.gz')
const RECORDINGS = join(FIXTURES, 'recorded-audit')
const EVENTS = 4_000
const BYTES = 3_000

/** Lines of a recording that are audit events of the API server. */
function recordedLines(file: string): readonly string[] {
  const bytes = readFileSync(file)
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes)
    .toString()
    .split('\n')
    .filter((line) => line !== '' && auditEventFromText(Buffer.from(line)) !== null)
}

/**
 * Events of about 3 KB: recorded ones with a response as the API server logs it, which has most of its bytes in managed fields,
 * labels and status.
 */
function largerLines(lines: readonly string[]): readonly string[] {
  return Array.from({ length: EVENTS }, (_, number) => {
    const json = JSON.parse(lines[(number * 7) % lines.length] ?? '{}') as Record<string, unknown>
    const missing = BYTES - JSON.stringify(json).length
    const fields = Array.from({ length: Math.max(0, Math.round(missing / 80)) }, (_, index) => [
      `f:key-${index}-${number % 97}`,
      { '.': {}, 'f:value': index % 3 === 0, 'f:note': `some "quoted" text ${number}` }
    ])
    const annotations = { 'deployment.kubernetes.io/revision': String(number % 9) }
    const managedFields = [{ manager: 'kubectl', operation: 'Update', fieldsV1: Object.fromEntries(fields) }]
    const body = { kind: 'Unknown', metadata: { name: `object-${number}`, annotations, managedFields } }
    if (missing <= 200) return JSON.stringify(json)
    // In the order in which the API server writes members.
    const { responseObject: _logged, requestReceivedTimestamp, stageTimestamp, annotations: reasons, ...head } = json
    const end = { requestReceivedTimestamp, stageTimestamp, annotations: reasons }
    return JSON.stringify({ ...head, responseObject: body, ...end })
  })
}

function benchLines(
  print: Print,
  title: string,
  { matching, candidates, name }: CountedRules,
  lines: readonly string[]
) {
  const bytes = lines.map((line) => Buffer.from(line))
  // Text of its own for each pass, in no cache; making it is not counted.
  const fresh = () => bytes.map((line) => line.toString())
  const cluster = { id: 'bench', name: 'bench' }
  const source = { type: 'audit', provider: 'kubernetes', instance: 'bench' } as const
  const sourced = { runtime: null, cluster, source, received: 0 }
  let expected = 0
  let matches = 0
  let passes = 0
  const parse = measure(
    'JSON.parse',
    lines.length,
    (texts) => {
      for (const text of texts) JSON.parse(text)
    },
    fresh
  )
  const whole = measure(
    'JSON.parse, decoded, joined, matched',
    lines.length,
    (texts) => {
      expected = 0
      for (const text of texts) {
        const audit = auditEventFrom(JSON.parse(text))
        const bodies = bodiesOf(audit)
        expected += matching(
          viewOf(
            enrich({ ...sourced, audit }, () => null, bodies),
            bodies
          )
        ).length
      }
    },
    fresh
  )
  const scan = measure('scanned', lines.length, () => {
    for (const line of bytes) auditEventFromText(line)
  })
  candidates()
  const lazy = measure('scanned, joined and matched lazily', lines.length, () => {
    matches = 0
    passes += 1
    for (const line of bytes) {
      const found = auditEventFromText(line)
      if (found === null) throw new Error('a line is not read lazily')
      const { event: audit, bodies } = found
      matches += matching(
        viewOf(
          enrichLazily({ ...sourced, audit }, () => null, bodies),
          bodies
        )
      ).length
    }
  })
  if (matches !== expected) throw new Error(`${matches} matches where parsed events have ${expected}`)
  const share = Math.round((100 * candidates()) / passes / lines.length)
  const size = Math.round(bytes.reduce((sum, { length }) => sum + length, 0) / bytes.length)
  print(`${title} of ${size} bytes, ${name}, ${share} % with candidates, ${matches} matches; parts of JSON.parse`, [
    parse,
    partOf(whole, parse),
    partOf(scan, parse),
    partOf(lazy, parse)
  ])
}

/** Upper bounds of sizes, in bytes, of the recorded events that are measured together. */
const SIZES = [2_048, 4_096, Number.POSITIVE_INFINITY] as const

/** From a line of the API server's log to the rules that match, against JSON.parse of the line. */
export async function benchLazyText(print: Print): Promise<void> {
  const lines = recordedLines(RECORDING)
  const scenes = readdirSync(RECORDINGS)
    .filter((file) => /\.ndjson(\.gz)?$/.test(file))
    .flatMap((file) => recordedLines(join(RECORDINGS, file)))
  for (const rules of await ruleSets()) {
    benchLines(print, 'Audit events', rules, largerLines(lines))
    benchLines(print, 'Recorded audit events', rules, lines)
    let least = 0
    for (const most of SIZES) {
      const ofSize = scenes.filter((line) => {
        const size = Buffer.byteLength(line)
        return size >= least && size < most
      })
      benchLines(print, 'Audit events of recorded scenes', rules, ofSize)
      least = most
    }
  }
}
