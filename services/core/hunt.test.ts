import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { RULES } from '../../test/rules/rule-tests.ts'
import { readRuleFolder } from '../platform/rule-files.ts'
import { DEFAULT_CORRELATE_SETTINGS } from './correlate/settings.ts'
import { loadRuleSet } from './detect/load-rule-set.ts'
import { createHunt } from './hunt.ts'

const { rules } = loadRuleSet(await readRuleFolder(RULES))
const newHunt = () =>
  createHunt({ rules, correlate: DEFAULT_CORRELATE_SETTINGS, cluster: { id: 'c', name: 'c' }, instance: 'i' })
const NOW = 1_795_521_600_000_000

const fixture = join(import.meta.dirname, '../../test/fixtures/scarleteel/audit.ndjson.gz')
/** Recorded lines, made so long by a field that no one reads that they are not parsed as a whole. */
const lines = gunzipSync(readFileSync(fixture))
  .toString()
  .split('\n')
  .filter((line) => line !== '')
  .map((line) =>
    line.includes('"responseObject"') ? line : `${line.slice(0, -1)},"responseObject":{"x":"${'y'.repeat(2_100)}"}}`
  )

describe('a record offered as bytes', () => {
  it('comes to what the parsed record comes to', () => {
    const [one, other] = [newHunt(), newHunt()]
    let taken = 0
    let signals = 0
    for (const line of lines) {
      const step = one.offerBytes(Buffer.from(line), NOW)
      if (step !== null) taken += 1
      const expected = other.offer(JSON.parse(line), NOW)
      expect(JSON.stringify(step ?? one.offer(JSON.parse(line), NOW))).toBe(JSON.stringify(expected))
      signals += expected.signals.length
    }
    expect(taken).toBeGreaterThan(500)
    expect(signals).toBeGreaterThan(10)
  })

  it('that turns out to be out of order counts once it is parsed, and not as a duplicate', () => {
    const line = lines.find(
      (one) => one.includes('"resource":"pods"') && one.includes('"responseObject":{"kind":"Pod"')
    )
    const twice = (line ?? '').replace('"responseObject":', '"verb":"get","responseObject":')
    expect(twice).not.toBe(line)
    const hunt = newHunt()
    expect(hunt.offerBytes(Buffer.from(twice), NOW)).toBeNull()
    expect(hunt.offer(JSON.parse(twice), NOW).events).toBe(1)
    expect(hunt.offer(JSON.parse(twice), NOW).events).toBe(0)
  })

  it('is left to the parser when it is short, another format, or not JSON where it is read', () => {
    const hunt = newHunt()
    const long = lines.find((line) => line.length > 2_100) ?? ''
    expect(hunt.offerBytes(Buffer.from('{"kind":"Event"}'), NOW)).toBeNull()
    expect(hunt.offerBytes(Buffer.from(JSON.stringify({ message: long })), NOW)).toBeNull()
    expect(hunt.offerBytes(Buffer.from(long.slice(0, -1)), NOW)).toBeNull()
    const broken = long.replace('"user":{', '"user":{tru,')
    expect(broken).not.toBe(long)
    expect(hunt.offerBytes(Buffer.from(broken), NOW)).toBeNull()
  })
})
