import { describe, expect, it } from 'vitest'
import type { DocumentWrite } from '../opensearch/search-port.ts'
import { createMemorySearch } from './search.ts'

const context = { signal: new AbortController().signal, heartbeat: async () => {} }
const event = (id: string, document: Record<string, unknown> = {}): DocumentWrite => ({
  index: 'weir-events-2026.11.24',
  id,
  document,
  version: null
})
const revision = (version: number): DocumentWrite => ({
  index: 'weir-incidents',
  id: 'inc-1',
  document: { revision: version },
  version
})

describe('writing', () => {
  it('the same document again changes nothing', async () => {
    const search = createMemorySearch()
    expect(await search.write([event('a', { n: 1 }), event('a', { n: 2 })], context)).toEqual({
      written: 1,
      unchanged: 1,
      refused: []
    })
    expect(await search.find({ index: 'weir-events-*', size: 10 })).toEqual([
      { index: 'weir-events-2026.11.24', id: 'a', document: { n: 1 } }
    ])
  })

  it('versions in any order leaves the highest', async () => {
    const search = createMemorySearch()
    const outcomes = []
    for (const version of [2, 1, 3, 3]) outcomes.push((await search.write([revision(version)], context)).written)
    expect(outcomes).toEqual([1, 0, 1, 0])
    expect(await search.find({ index: 'weir-incidents', size: 10 })).toMatchObject([{ document: { revision: 3 } }])
  })

  it('keeps a copy, as it would come back over the wire', async () => {
    const search = createMemorySearch()
    const document = { list: [1], nothing: undefined }
    await search.write([event('a', document)], context)
    document.list.push(2)
    expect((await search.find({ index: 'weir-events-*', size: 1 }))[0]?.document).toEqual({ list: [1] })
  })

  it('refuses what it is told to refuse, alone', async () => {
    const search = createMemorySearch({ refuse: ({ id }) => (id === 'b' ? 'strict' : null) })
    expect(await search.write([event('a'), event('b'), event('c')], context)).toEqual({
      written: 2,
      unchanged: 0,
      refused: [{ position: 1, code: 'OPENSEARCH_DOCUMENT_REFUSED', message: 'strict' }]
    })
  })

  it('beyond the bound drops the oldest events, counts them, and keeps incidents', async () => {
    const search = createMemorySearch({ max_documents: 3 })
    await search.write([revision(1), event('a'), event('b'), event('c'), event('d')], context)
    expect((await search.find({ index: 'weir-*', size: 10 })).map(({ id }) => id)).toEqual(['inc-1', 'c', 'd'])
    expect([search.documents, search.evicted]).toEqual([3, 2])
  })
})

describe('finding', () => {
  const filled = async () => {
    const search = createMemorySearch()
    await search.write(
      [
        event('a', { '@timestamp': '2026-11-24T06:00:01Z', weir: { list: [{ code: 'A1' }, { code: 'A2' }] } }),
        event('b', { '@timestamp': '2026-11-24T06:00:00Z', weir: { list: [{ code: 'B1' }] } }),
        { ...revision(1), document: { '@timestamp': '2026-11-24T06:00:02Z' } }
      ],
      context
    )
    return search
  }

  it.each([
    ['an index', { index: 'weir-incidents' }, ['inc-1']],
    ['a pattern', { index: 'weir-events-*' }, ['a', 'b']],
    ['ids', { index: 'weir-*', ids: ['b', 'inc-1', 'x'] }, ['b', 'inc-1']],
    ['a value in a list', { index: 'weir-*', terms: { 'weir.list.code': ['A2', 'Z'] } }, ['a']],
    ['a start', { index: 'weir-*', prefix: { field: 'weir.list.code', value: 'B' } }, ['b']]
  ])('by %s', async (_, query, ids) => {
    expect((await (await filled()).find({ ...query, size: 10 })).map(({ id }) => id)).toEqual(ids)
  })

  it('in order, and no more than asked for', async () => {
    const search = await filled()
    const sort = { field: '@timestamp', order: 'desc' } as const
    expect((await search.find({ index: 'weir-*', sort, size: 2 })).map(({ id }) => id)).toEqual(['inc-1', 'a'])
  })
})
