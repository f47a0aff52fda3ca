import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { openInput, type RecordRead, readRecords } from './read-records.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-hunt-'))

async function read(content: string | Buffer, name = 'events.ndjson'): Promise<RecordRead[]> {
  const file = join(folder, name)
  writeFileSync(file, content)
  return Array.fromAsync(readRecords(await openInput(file), () => {}))
}

describe('records', () => {
  it.each([
    ['one a line', '{"a":1}\n{"a":2}\n'],
    ['without a last line end', '{"a":1}\n{"a":2}'],
    ['with Windows line ends and blank lines', '{"a":1}\r\n\r\n  \n{"a":2}\r\n']
  ])('are read %s', async (_, text) => {
    expect((await read(text)).map((record) => 'json' in record && record.json)).toEqual([{ a: 1 }, { a: 2 }])
  })

  it('are unpacked from .gz', async () => {
    expect(await read(gzipSync('{"a":1}\n'), 'events.ndjson.gz')).toEqual([{ line: 1, json: { a: 1 } }])
  })

  it('may be one document over many lines', async () => {
    expect(await read('{\n  "kind": "EventList",\n  "items": []\n}\n')).toEqual([
      { line: 1, json: { kind: 'EventList', items: [] } }
    ])
  })

  it('that are no JSON cost only themselves, and are named by line', async () => {
    const records = await read('{"a":1}\n{"a":\nnonsense\n{"a":2}\n')
    expect(records.map((record) => ('json' in record ? 'ok' : `${record.rejected.code}@${record.line}`))).toEqual([
      'ok',
      'HUNT_NOT_JSON@2',
      'HUNT_NOT_JSON@3',
      'ok'
    ])
  })

  it('of a broken .gz end with a reason', async () => {
    const packed = gzipSync('{"a":1}\n'.repeat(10_000))
    const records = await read(packed.subarray(0, packed.length - 20), 'cut.ndjson.gz')
    expect(records.at(-1)).toMatchObject({ rejected: { code: 'HUNT_READ_FAILED' } })
  })

  it('over chunk borders are the same as within one', async () => {
    const lines = Array.from({ length: 40 }, (_, index) => JSON.stringify({ index, pad: 'x'.repeat(index * 5_000) }))
    const records = await read(lines.join('\n'))
    expect(records.map((record) => 'json' in record && (record.json as { index: number }).index)).toEqual(
      lines.map((_, index) => index)
    )
  })
})
