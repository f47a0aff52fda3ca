import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCodec, localSchemas } from '../services/core/avro/codec.ts'
import { buildType, typeOf } from '../services/core/avro/schema-types.ts'
import { loadTopics } from '../services/platform/topics.ts'
import { avroArbitrary } from '../test/support/avro-arbitrary.ts'
import { freeze, readHistory } from './freeze.ts'

const history = readHistory()

it('every schema that messages are written with has a frozen version', () => {
  const written = loadTopics().flatMap(({ schema }) => (schema === null ? [] : [schema]))
  expect(new Set(history.map(({ name }) => name))).toEqual(new Set(written))
})

describe.each(history)('$name version $version', ({ name, schema }) => {
  it('is read by today’s reader', async () => {
    const schemas = localSchemas()
    const codec = createCodec({ ...schemas, writerSchema: (id) => (id === 500 ? schema : schemas.writerSchema(id)) })
    const writer = buildType(schema)
    await fc.assert(
      fc.asyncProperty(avroArbitrary(schema), async (value) => {
        const message = Buffer.concat([Buffer.from([0, 0, 0, 1, 244]), writer.toBuffer(value)])
        const decoded = await codec.decode(name, message)
        // What both versions have is the same; field order and later fields aside.
        const again = writer.fromBuffer(writer.toBuffer(decoded))
        expect(structuredClone(again)).toEqual(structuredClone(value))
      }),
      { numRuns: 20 }
    )
  })
})

/** What others read, with their own readers of any age. Versions of our own topics promise only to be read. */
const readByOthers = new Set(
  loadTopics().flatMap(({ schema, compatibility }) => (compatibility === 'FULL_TRANSITIVE' ? [schema] : []))
)

it.each(history.filter(({ name }) => readByOthers.has(name)))(
  '$name version $version reads what is written today, as its topic promises',
  ({ name, schema }) => {
    const reader = buildType(schema)
    expect(() => reader.createResolver(typeOf(name))).not.toThrow()
  }
)

describe('freezing', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-history-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('writes version 1 of each, then nothing until something changes, then the next version of that', () => {
    const first = freeze(folder)
    expect(first).toContain('signal.1.avsc')
    expect(freeze(folder)).toEqual([])
    writeFileSync(join(folder, 'signal.1.avsc'), JSON.stringify({ type: 'record', name: 'Signal', fields: [] }))
    expect(freeze(folder)).toEqual(['signal.2.avsc'])
    expect(readdirSync(folder)).toHaveLength(first.length + 1)
  })

  it('refuses a file that is no version of a schema', () => {
    writeFileSync(join(folder, 'signal.avsc'), '{}')
    expect(() => freeze(folder)).toThrow(/NAME\.N\.avsc/)
  })
})
