import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Signal } from '../../schemas/generated/types.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { recordedByLine, SCARLETEEL_FIXTURE } from '../support/scarleteel-recording.ts'
import { RULES } from './rule-tests.ts'

const lines = z.object({ lines: z.array(z.number()) })
const half = z.object({ audit: lines, runtime: lines })
const truth = z
  .object({ steps: z.array(half.extend({ step: z.number(), consequences: half })) })
  .parse(JSON.parse(readFileSync(join(SCARLETEEL_FIXTURE, 'ground-truth.json'), 'utf8')))

const { rules } = loadRuleSet(await readRuleFolder(RULES))

/** Signals of one half of the recording with the number of the line they come from. */
function signalsOf(half: 'audit' | 'tetragon'): readonly (readonly [line: number, signal: Signal])[] {
  return recordedByLine(half).flatMap((events, index) =>
    events.flatMap((event) => rules.match(event)).map((signal) => [index + 1, signal] as const)
  )
}
const signals = { audit: signalsOf('audit'), runtime: signalsOf('tetragon') }

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
