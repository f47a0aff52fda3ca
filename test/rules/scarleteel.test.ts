import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Signal } from '../../schemas/generated/types.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { enrich } from '../../services/core/enrich/join.ts'
import { decodeRecords } from '../../services/core/events/format.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES } from './rule-tests.ts'

const FIXTURE = join(import.meta.dirname, '../fixtures/scarleteel')
const lines = z.object({ lines: z.array(z.number()) })
const half = z.object({ audit: lines, runtime: lines })
const truth = z
  .object({ steps: z.array(half.extend({ step: z.number(), consequences: half })) })
  .parse(JSON.parse(readFileSync(join(FIXTURE, 'ground-truth.json'), 'utf8')))

const { rules } = loadRuleSet(await readRuleFolder(RULES))

/** Signals of a recording with the number of the line they come from. */
function signalsOf(file: string): readonly (readonly [line: number, signal: Signal])[] {
  const defaults = { cluster: { id: 'c', name: 'c' }, instance: 'node', received: 0 }
  const text = gunzipSync(readFileSync(join(FIXTURE, file))).toString()
  return text.split('\n').flatMap((row, index) =>
    row === ''
      ? []
      : decodeRecords(JSON.parse(row), defaults)
          .events.flatMap((event) => rules.match(enrich(event, () => null)))
          .map((signal) => [index + 1, signal] as const)
  )
}
const signals = { audit: signalsOf('audit.ndjson.gz'), runtime: signalsOf('tetragon.ndjson.gz') }

describe('ScarletEEL among ordinary work', () => {
  it.each([
    [1, ['R03']],
    [2, ['R06', 'R18']],
    [3, ['R20']],
    [4, ['R26']],
    [5, ['R28', 'R29', 'R33']],
    [6, ['R70']],
    [7, ['R60', 'R61']],
    [8, ['A06', 'A107', 'A111', 'A23', 'A24', 'A30', 'A32', 'R05', 'R06', 'R10', 'R14', 'R23']],
    [9, ['R10', 'R12']],
    [10, ['R14', 'R18']],
    [12, ['A19', 'A42', 'R56', 'R59', 'R65']]
  ])('is seen at step %i by %j', (step, expected) => {
    const codes = new Set<string | null>()
    for (const known of truth.steps.filter((candidate) => candidate.step === step)) {
      for (const source of ['audit', 'runtime'] as const) {
        const own = new Set([...known[source].lines, ...known.consequences[source].lines])
        for (const [line, signal] of signals[source]) if (own.has(line)) codes.add(signal.rule.code)
      }
    }
    expect(expected.filter((code) => !codes.has(code))).toEqual([])
  })

  it('leaves ordinary work at low and below, and mostly alone', () => {
    const benign = (['audit', 'runtime'] as const).flatMap((source) => {
      const attack = new Set(truth.steps.flatMap((step) => [...step[source].lines, ...step.consequences[source].lines]))
      return signals[source].filter(([line]) => !attack.has(line)).map(([, signal]) => signal)
    })
    expect(
      benign.filter(({ severity }) => severity !== 'informational' && severity !== 'low').map(({ title }) => title)
    ).toEqual([])
    const low = new Set(benign.filter(({ severity }) => severity === 'low').map(({ dedup_key }) => dedup_key))
    expect(low.size).toBeLessThanOrEqual(6)
  })
})
