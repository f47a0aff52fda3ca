import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decodeRecords } from '../../services/core/events/format.ts'
import { shownBy } from '../support/record-audit/action.ts'
import { RECORDINGS, readIndex } from '../support/record-audit/files.ts'
import { refuseSecrets } from '../support/record-audit/record.ts'

/** What is committed of a real API server's events: that it is whole, readable, small and free of credentials. */

const index = readIndex()
const CLUSTER = { cluster: { id: 'recorded', name: 'recorded' }, instance: 'test', received: 0 }

function linesOf(file: string): string[] {
  const bytes = readFileSync(new URL(file, RECORDINGS))
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  return text.split('\n').slice(0, -1)
}

describe('the recordings of a real API server', () => {
  it('are exactly the files of the index', () => {
    const onDisk = readdirSync(RECORDINGS).filter((name) => /\.ndjson(\.gz)?$/.test(name))
    expect(onDisk.sort()).toEqual(index.map(({ file }) => file).sort())
  })

  it('hold at least forty codes of the catalogue', () => {
    const codes = new Set(index.map(({ code }) => code).filter((code) => /^A\d{2,3}$/.test(code)))
    expect(codes.size).toBeGreaterThanOrEqual(40)
  })

  it('are small enough to be read in every test run', () => {
    const bytes = index.map((entry) => readFileSync(new URL(entry.file, RECORDINGS)).length)
    expect(Math.max(...bytes)).toBeLessThan(300_000)
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(4_000_000)
  })

  it.each(index)('$file is read without a loss and shows what the index says', ({ file, events, holds }) => {
    const lines = linesOf(file)
    expect(lines).toHaveLength(events)
    const records = lines.map((line) => JSON.parse(line))
    expect(records.flatMap((record) => decodeRecords(record, CLUSTER).rejected)).toEqual([])
    expect(decodeRecords(records, CLUSTER).events.filter(({ audit }) => audit !== null)).toHaveLength(events)
    expect(new Set(records.map(({ auditID, stage }) => `${auditID} ${stage}`)).size).toBe(events)
    const shown = new Set(records.map(shownBy))
    for (const held of holds) expect(shown).toContain(held)
  })

  it.each(index)('$file holds no credential', ({ file }) => {
    expect(() => refuseSecrets(linesOf(file), file)).not.toThrow()
  })

  it.each([
    '{"token":"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"}',
    '{"key":"-----BEGIN EC PRIVATE KEY-----"}',
    '{"key":"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t"}'
  ])('would be refused with %s', (line) => {
    expect(() => refuseSecrets([line], 'a line')).toThrow('holds a credential')
  })
})
