import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BulkAnswer, type BulkItem, createBulkWriter, type SendBulk } from './bulk.ts'
import type { DocumentWrite, WriteContext } from './search-port.ts'

const OPTIONS = {
  max_request_bytes: 10_000,
  max_request_documents: 100,
  min_backoff_ms: 1,
  max_backoff_ms: 2,
  heartbeat_interval_ms: 1_000,
  onRetry: () => {}
}

function context(change: Partial<WriteContext> = {}): WriteContext {
  return { signal: new AbortController().signal, heartbeat: async () => {}, ...change }
}

const writeOf = (id: string, document: Record<string, unknown> = {}): DocumentWrite => ({
  index: 'weir-events-2026.11.24',
  id,
  document,
  version: null
})

const created: BulkItem = { status: 201, type: null, reason: null }
const item = (status: number, type: string, reason = 'because'): BulkItem => ({ status, type, reason })

/** Ids of the documents of a request body. */
function idsIn(body: string): string[] {
  return body
    .split('\n')
    .filter((line) => line.startsWith('{"create"') || line.startsWith('{"index"'))
    .map((line) => Object.values(JSON.parse(line) as Record<string, { _id: string }>)[0]?._id ?? '')
}

/** A server that answers each document by its id, and keeps what it was sent. */
function server(answerTo: (id: string, attempt: number) => BulkItem) {
  const requests: string[][] = []
  const attempts = new Map<string, number>()
  const send: SendBulk = async (body) => {
    const ids = idsIn(body)
    requests.push(ids)
    const items = ids.map((id) => {
      const attempt = (attempts.get(id) ?? 0) + 1
      attempts.set(id, attempt)
      return answerTo(id, attempt)
    })
    return { status: 200, items, reason: null }
  }
  return { send, requests }
}

describe('an item', () => {
  it('that is there already is a success', async () => {
    const { send } = server((id) => (id === 'b' ? item(409, 'version_conflict_engine_exception') : created))
    const write = createBulkWriter(send, OPTIONS)
    expect(await write([writeOf('a'), writeOf('b')], context())).toEqual({ written: 1, unchanged: 1, refused: [] })
  })

  it.each([
    ['429', item(429, 'circuit_breaking_exception')],
    ['429', item(429, 'rejected_execution_exception')],
    ['503', item(503, 'unavailable_shards_exception')],
    ['a block', item(403, 'cluster_block_exception')]
  ])('answered with %s is tried again alone, for as long as it takes', async (_, failure) => {
    const { send, requests } = server((id, attempt) => (id === 'b' && attempt <= 7 ? failure : created))
    const write = createBulkWriter(send, OPTIONS)
    expect(await write([writeOf('a'), writeOf('b'), writeOf('c')], context())).toMatchObject({
      written: 3,
      refused: []
    })
    expect(requests).toEqual([['a', 'b', 'c'], ...Array.from({ length: 7 }, () => ['b'])])
  })

  it('that is refused is given back with the reason, without the value, and costs no other', async () => {
    const reason =
      "failed to parse field [process.pid] of type [long] in document with id 'b'. Preview of field's value: 's3cret'"
    const { send, requests } = server((id) => (id === 'b' ? item(400, 'mapper_parsing_exception', reason) : created))
    const outcome = await createBulkWriter(send, OPTIONS)([writeOf('a'), writeOf('b'), writeOf('c')], context())
    expect(outcome).toEqual({
      written: 2,
      unchanged: 0,
      refused: [
        {
          position: 1,
          code: 'OPENSEARCH_DOCUMENT_REFUSED',
          message:
            "400 mapper_parsing_exception: failed to parse field [process.pid] of type [long] in document with id 'b'."
        }
      ]
    })
    expect(requests).toHaveLength(1)
  })

  it('that breaks the server each time is refused in the end', async () => {
    const { send, requests } = server((id) => (id === 'b' ? item(500, 'null_pointer_exception') : created))
    const outcome = await createBulkWriter(send, OPTIONS)([writeOf('a'), writeOf('b')], context())
    expect(outcome.refused).toMatchObject([{ position: 1, code: 'OPENSEARCH_DOCUMENT_REFUSED' }])
    expect(requests).toHaveLength(5)
  })
})

describe('a request', () => {
  it('stays within its bounds in bytes and documents, and documents keep their order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 12_000 }), { maxLength: 60 }), async (sizes) => {
        const bodies: string[] = []
        const { send } = server(() => created)
        const writes = sizes.map((size, i) => writeOf(`d${i}`, { text: 'x'.repeat(size) }))
        const outcome = await createBulkWriter(
          (body) => {
            bodies.push(body)
            return send(body)
          },
          { ...OPTIONS, max_request_documents: 7 }
        )(writes, context())
        for (const body of bodies) {
          expect(Buffer.byteLength(body)).toBeLessThanOrEqual(OPTIONS.max_request_bytes)
          expect(idsIn(body).length).toBeLessThanOrEqual(7)
        }
        const refused = new Set(outcome.refused.map(({ position }) => `d${position}`))
        expect(bodies.flatMap(idsIn)).toEqual(writes.map(({ id }) => id).filter((id) => !refused.has(id)))
        for (const { position } of outcome.refused) expect(sizes[position]).toBeGreaterThan(9_000)
      }),
      { numRuns: 50 }
    )
  })

  it('that would hold only a document that is too large is never sent', async () => {
    const { send, requests } = server(() => created)
    const outcome = await createBulkWriter(send, OPTIONS)(
      [writeOf('big', { text: 'x'.repeat(10_000) }), writeOf('a')],
      context()
    )
    expect(outcome.refused).toMatchObject([{ position: 0, code: 'OPENSEARCH_DOCUMENT_TOO_LARGE' }])
    expect(requests).toEqual([['a']])
  })

  it.each([
    [400, 'OPENSEARCH_DOCUMENT_REFUSED'],
    [413, 'OPENSEARCH_DOCUMENT_TOO_LARGE']
  ])('refused as a whole with %i is halved until the document at fault stands alone', async (status, code) => {
    const { send, requests } = server(() => created)
    const failing: SendBulk = async (body) =>
      idsIn(body).includes('d3') ? { status, items: null, reason: 'no' } : send(body)
    const writes = Array.from({ length: 8 }, (_, i) => writeOf(`d${i}`))
    const outcome = await createBulkWriter(failing, OPTIONS)(writes, context())
    expect(outcome).toMatchObject({ written: 7, refused: [{ position: 3, code }] })
    expect(requests.flat()).toHaveLength(7)
  })

  it.each<[string, () => Promise<BulkAnswer>]>([
    ['is not answered', () => Promise.reject(new Error('connect ECONNREFUSED'))],
    ['is answered with 429', async () => ({ status: 429, items: null, reason: 'busy' })],
    ['is answered with 502', async () => ({ status: 502, items: null, reason: 'bad gateway' })],
    ['is answered with something else', async () => ({ status: 200, items: [], reason: null })]
  ])('that %s is sent again until it is', async (_, failure) => {
    const { send } = server(() => created)
    const retries: number[] = []
    let tries = 0
    const flaky: SendBulk = (body) => (++tries <= 6 ? failure() : send(body))
    const write = createBulkWriter(flaky, { ...OPTIONS, onRetry: ({ attempt }) => retries.push(attempt) })
    expect(await write([writeOf('a')], context())).toMatchObject({ written: 1 })
    expect(retries).toEqual([1, 2, 3, 4, 5, 6])
  })

  it.each([401, 403])('answered with %i ends the writer, since waiting does not mend credentials', async (status) => {
    const write = createBulkWriter(async () => ({ status, items: null, reason: 'no' }), OPTIONS)
    await expect(write([writeOf('a')], context())).rejects.toMatchObject({ code: 'OPENSEARCH_FORBIDDEN' })
  })
})

describe('waiting', () => {
  it('heartbeats while a request takes long', async () => {
    const { promise: answered, resolve } = Promise.withResolvers<void>()
    let beats = 0
    const heartbeat = async () => {
      beats += 1
      if (beats === 3) resolve()
    }
    const write = createBulkWriter(
      async () => {
        await answered
        return { status: 200, items: [created], reason: null }
      },
      { ...OPTIONS, heartbeat_interval_ms: 1 }
    )
    expect(await write([writeOf('a')], context({ heartbeat }))).toMatchObject({ written: 1 })
    expect(beats).toBeGreaterThanOrEqual(3)
  })

  it('ends with an error when the signal is aborted, during a request as between requests', async () => {
    const during = new AbortController()
    const never = createBulkWriter(() => {
      during.abort()
      return new Promise(() => {})
    }, OPTIONS)
    await expect(never([writeOf('a')], context({ signal: during.signal }))).rejects.toMatchObject({
      code: 'OPENSEARCH_ABORTED'
    })

    const between = new AbortController()
    const busy = createBulkWriter(async () => ({ status: 429, items: null, reason: 'busy' }), {
      ...OPTIONS,
      min_backoff_ms: 60_000,
      max_backoff_ms: 60_000,
      onRetry: () => between.abort()
    })
    await expect(busy([writeOf('a')], context({ signal: between.signal }))).rejects.toMatchObject({
      code: 'OPENSEARCH_ABORTED'
    })
  })

  it('does not take a failing heartbeat for a failing server', async () => {
    const heartbeat = async () => {
      throw new Error('the group is rebalancing')
    }
    const write = createBulkWriter(() => new Promise(() => {}), { ...OPTIONS, heartbeat_interval_ms: 1 })
    await expect(write([writeOf('a')], context({ heartbeat }))).rejects.toThrow('rebalancing')
  })
})
