import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { WeirError } from '../../core/errors.ts'
import { encodeHeader, HEADER_BYTES } from './frame.ts'
import type { SpoolRecord } from './read.ts'
import { openSpool, type Spool, type SpoolOptions } from './spool.ts'

const opened: Spool[] = []
afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.close()
})

const newFolder = () => mkdtempSync(join(tmpdir(), 'weir-spool-'))

async function openIn(directory: string, options: Partial<SpoolOptions> = {}) {
  const problems: WeirError[] = []
  const spool = await openSpool({
    directory,
    max_bytes: 1_000_000,
    segment_bytes: 1000,
    fsync: 'interval',
    fsync_interval_ms: 60_000,
    report: (problem) => problems.push(problem),
    ...options
  })
  opened.push(spool)
  return { spool, problems, codes: () => problems.map(({ code }) => code) }
}

const bytes = (text: string) => Buffer.from(text)
const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `record ${from + index}`)
const segmentsIn = (directory: string) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.segment'))
    .sort()
    .map((name) => join(directory, name))

/** The records that are there now, without waiting for more. */
async function readNow(spool: Spool, max = Number.POSITIVE_INFINITY) {
  const records = []
  for await (const record of spool.read(new AbortController().signal, { follow: false })) {
    records.push(record)
    if (records.length === max) break
  }
  return records
}
const textsNow = async (spool: Spool) => (await readNow(spool)).map(({ payload }) => payload.toString())

describe('a spool', () => {
  it('gives back what was appended, in order, over many segments', async () => {
    const directory = newFolder()
    const { spool } = await openIn(directory)
    for (const text of texts(0, 200)) await spool.append([bytes(text)])
    expect(segmentsIn(directory).length).toBeGreaterThan(5)
    expect(await textsNow(spool)).toEqual(texts(0, 200))
  })

  it('keeps what was not committed over a restart, and nothing else', async () => {
    const directory = newFolder()
    const first = await openIn(directory)
    await first.spool.append(texts(0, 100).map(bytes))
    const records = await readNow(first.spool, 60)
    await first.spool.commit(records[59]?.next ?? first.spool.checkpoint.position, 'sixty')
    await first.spool.close()
    const second = await openIn(directory)
    expect(await textsNow(second.spool)).toEqual(texts(60, 100))
    expect(second.spool.checkpoint.note).toBe('sixty')
    expect(second.problems).toEqual([])
  })

  it('wakes a reader that waits at the end', async () => {
    const { spool } = await openIn(newFolder())
    const reading = spool.read(new AbortController().signal)
    const next = reading.next()
    await spool.append([bytes('late')])
    expect((await next).value?.payload.toString()).toBe('late')
    await reading.return()
  })

  it('lets a waiting reader go when it is aborted or closed', async () => {
    const { spool } = await openIn(newFolder())
    const stop = new AbortController()
    const aborted = spool.read(stop.signal).next()
    const closed = spool.read(new AbortController().signal).next()
    stop.abort()
    expect((await aborted).done).toBe(true)
    await spool.close()
    expect((await closed).done).toBe(true)
  })

  it('holds records of any bytes and size, larger than a segment too', async () => {
    const { spool } = await openIn(newFolder())
    const payloads = [
      Buffer.alloc(0),
      Buffer.from([0xf7, 0x57, 0x53, 0x01]),
      Buffer.alloc(300_000, 7),
      encodeHeader(bytes('x'), 9, 9)
    ]
    await spool.append(payloads)
    expect((await readNow(spool)).map(({ payload }) => payload)).toEqual(payloads)
  })

  it('refuses at its bound at once and keeps nothing of the refused append', async () => {
    const { spool } = await openIn(newFolder(), { max_bytes: 3000 })
    const accepted: string[] = []
    for (const text of texts(0, 1000)) {
      const refused = await spool.append([bytes(text)]).then(
        () => accepted.push(text) && null,
        (error: WeirError) => error
      )
      if (refused === null) continue
      expect(refused).toMatchObject({ code: 'SPOOL_FULL', retriable: true })
      break
    }
    expect(spool.stats().bytes).toBeLessThanOrEqual(3000)
    await expect(spool.append([bytes('a'), Buffer.alloc(500)])).rejects.toMatchObject({ code: 'SPOOL_FULL' })
    expect(await textsNow(spool)).toEqual(accepted)
  })

  it('counts appends that wait towards the bound', async () => {
    const { spool } = await openIn(newFolder(), { max_bytes: 3000 })
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => spool.append([Buffer.alloc(800)])))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
  })

  it('has its whole room again when all was committed', async () => {
    const { spool } = await openIn(newFolder(), { max_bytes: 3000 })
    for (let round = 0; round < 20; round += 1) {
      await spool.append([Buffer.alloc(1500, round)])
      const [record] = await readNow(spool)
      expect(record?.payload[0]).toBe(round)
      await spool.commit(record?.next ?? spool.checkpoint.position)
    }
    expect(spool.stats()).toMatchObject({ bytes: 0, records: 0 })
  })

  it('says of a record that can never fit that it is too large', async () => {
    const { spool } = await openIn(newFolder(), { max_bytes: 3000 })
    await expect(spool.append([Buffer.alloc(2500)])).rejects.toMatchObject({
      code: 'SPOOL_RECORD_TOO_LARGE',
      retriable: false
    })
  })

  it('cannot be opened twice, and can again after it was closed', async () => {
    const directory = newFolder()
    const { spool } = await openIn(directory)
    await expect(openIn(directory)).rejects.toMatchObject({ code: 'SPOOL_LOCKED' })
    await spool.close()
    await openIn(directory)
  })

  it('refuses appends after it was closed', async () => {
    const { spool } = await openIn(newFolder())
    await spool.close()
    await expect(spool.append([bytes('x')])).rejects.toMatchObject({ code: 'SPOOL_CLOSED' })
  })

  it('says when its directory cannot be used', async () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')
    await expect(openIn(file)).rejects.toMatchObject({ code: 'SPOOL_UNUSABLE' })
  })

  it('knows the age of the oldest record', async () => {
    let time = 1_000_000
    const { spool } = await openIn(newFolder(), { now: () => time })
    expect(await spool.oldest()).toBeNull()
    await spool.append([bytes('a')])
    time += 5000
    await spool.append([bytes('b')])
    expect(await spool.oldest()).toBe(1_000_000)
    const [first, second] = await readNow(spool)
    await spool.commit(first?.next ?? spool.checkpoint.position)
    expect(await spool.oldest()).toBe(1_005_000)
    await spool.commit(second?.next ?? spool.checkpoint.position)
    expect(await spool.oldest()).toBeNull()
  })

  it('can be synced again and again while it is written, over many segments, and closed meanwhile', async () => {
    const directory = newFolder()
    const { spool, problems } = await openIn(directory, { fsync_interval_ms: 1 })
    const work = texts(0, 200).map(async (text) => {
      await spool.append([bytes(text)])
      await spool.sync()
    })
    await Promise.all(work)
    void spool.sync()
    await spool.close()
    const again = await openIn(directory)
    expect((await textsNow(again.spool)).toSorted()).toEqual(texts(0, 200).toSorted())
    expect(problems).toEqual([])
  })

  it('never goes back when an older position is committed late', async () => {
    const { spool } = await openIn(newFolder())
    await spool.append(texts(0, 3).map(bytes))
    const [first, , third] = await readNow(spool)
    const start = spool.checkpoint.position
    await Promise.all([spool.commit(third?.next ?? start), spool.commit(first?.next ?? start)])
    expect(spool.stats().records).toBe(0)
  })
})

describe('trouble with the disk', () => {
  const nextSegment = (directory: string, sequence: number) =>
    join(directory, `${String(sequence).padStart(16, '0')}.segment`)

  it('a full disk is an error with a code, and costs nothing that was acknowledged', async () => {
    const directory = newFolder()
    const { spool } = await openIn(directory)
    await spool.append([bytes('before')])
    // Every write to /dev/full is answered with ENOSPC.
    symlinkSync('/dev/full', nextSegment(directory, 2))
    const failure = { code: 'SPOOL_DISK_FULL', retriable: true }
    await expect(spool.append([Buffer.alloc(990)])).rejects.toMatchObject(failure)
    await expect(spool.append([bytes('x')])).rejects.toMatchObject(failure)
    expect(await textsNow(spool)).toEqual(['before'])
    await spool.close()
    rmSync(nextSegment(directory, 2))
    const again = await openIn(directory)
    await again.spool.append([bytes('after')])
    expect(await textsNow(again.spool)).toEqual(['before', 'after'])
  })

  it('an append that fails can be tried again and comes once', async () => {
    const directory = newFolder()
    const { spool } = await openIn(directory)
    await spool.append([bytes('before')])
    const obstacle = nextSegment(directory, 2)
    mkdirSync(obstacle)
    await expect(spool.append([Buffer.alloc(990)])).rejects.toMatchObject({ code: 'SPOOL_IO', retriable: true })
    rmdirSync(obstacle)
    await spool.append([Buffer.alloc(990)])
    expect((await readNow(spool)).map(({ payload }) => payload.length)).toEqual([6, 990])
  })

  it('a checkpoint that cannot be written is an error, and is written with the next commit', async () => {
    const directory = newFolder()
    const { spool } = await openIn(directory)
    await spool.append(texts(0, 3).map(bytes))
    const [first, second] = await readNow(spool)
    const obstacle = join(directory, 'checkpoint.json.new')
    mkdirSync(obstacle)
    const start = spool.checkpoint.position
    await expect(spool.commit(first?.next ?? start)).rejects.toMatchObject({ code: 'SPOOL_IO' })
    rmdirSync(obstacle)
    await spool.commit(second?.next ?? start)
    await spool.close()
    expect(await textsNow((await openIn(directory)).spool)).toEqual(['record 2'])
  })
})

describe('after a crash', () => {
  it('an append that was cut short is removed, counted and reported', async () => {
    const directory = newFolder()
    const first = await openIn(directory)
    await first.spool.append(texts(0, 3).map(bytes))
    await first.spool.close()
    const [segment = ''] = segmentsIn(directory)
    appendFileSync(segment, Buffer.concat([encodeHeader(bytes('never finished'), 4, 1), bytes('never')]))
    const second = await openIn(directory)
    expect(second.codes()).toEqual(['SPOOL_TORN_TAIL'])
    expect(second.spool.stats().torn_bytes).toBe(HEADER_BYTES + 5)
    await second.spool.append([bytes('record 3')])
    expect(await textsNow(second.spool)).toEqual(texts(0, 4))
  })

  it('a damaged record in the middle costs itself only, is counted and reported', async () => {
    const directory = newFolder()
    const first = await openIn(directory, { segment_bytes: 100_000 })
    await first.spool.append(texts(0, 50).map(bytes))
    await first.spool.close()
    const [segment = ''] = segmentsIn(directory)
    const content = readFileSync(segment)
    content.write('X', content.indexOf('record 20'))
    writeFileSync(segment, content)
    const second = await openIn(directory, { segment_bytes: 100_000 })
    expect(await textsNow(second.spool)).toEqual([...texts(0, 20), ...texts(21, 50)])
    expect(second.codes()).toEqual(['SPOOL_CORRUPT'])
    expect(second.spool.stats()).toMatchObject({ lost_records: 1, corrupt_bytes: HEADER_BYTES + 9 })
  })

  it('a damaged checkpoint means records again, never records lost', async () => {
    const directory = newFolder()
    const first = await openIn(directory)
    await first.spool.append(texts(0, 100).map(bytes))
    const records = await readNow(first.spool, 60)
    await first.spool.commit(records[59]?.next ?? first.spool.checkpoint.position)
    await first.spool.close()
    writeFileSync(join(directory, 'checkpoint.json'), '')
    const second = await openIn(directory)
    expect(second.codes()).toEqual(['SPOOL_CHECKPOINT_LOST'])
    const again = await textsNow(second.spool)
    expect(again.slice(-40)).toEqual(texts(60, 100))
  })

  it('new records are delivered even when the disk forgot records that were committed', async () => {
    const directory = newFolder()
    const first = await openIn(directory)
    await first.spool.append(texts(0, 10).map(bytes))
    const records = await readNow(first.spool)
    await first.spool.commit(records[9]?.next ?? first.spool.checkpoint.position)
    await first.spool.close()
    const [segment = ''] = segmentsIn(directory)
    truncateSync(segment, 50)
    const second = await openIn(directory)
    await second.spool.append([bytes('new')])
    expect(await textsNow(second.spool)).toEqual(['new'])
  })

  it('SIGKILL loses no record that was acknowledged', async () => {
    const directory = newFolder()
    const source = `
      import { openSpool } from ${JSON.stringify(new URL('./spool.ts', import.meta.url).href)}
      const spool = await openSpool({ directory: ${JSON.stringify(directory)}, max_bytes: 1e9, segment_bytes: 20000, fsync: 'interval', fsync_interval_ms: 1000, report: () => {} })
      for (let n = 0; ; n += 3) {
        await spool.append([0, 1, 2].map((k) => Buffer.from('record ' + (n + k))))
        process.stdout.write(n + 2 + '\\n')
      }`
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', source], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    let acknowledged = 0
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line)
      if (acknowledged > 3000) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    const { spool } = await openIn(directory)
    const found = await textsNow(spool)
    expect(found.length).toBeGreaterThan(acknowledged)
    expect(found).toEqual(texts(0, found.length))
  })
})

type Operation =
  | { readonly kind: 'append'; readonly sizes: readonly number[] }
  | { readonly kind: 'commit'; readonly share: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'crash'; readonly cut: number }

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant('append' as const),
    sizes: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 6 })
  }),
  fc.record({ kind: fc.constant('commit' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant('restart' as const) }),
  fc.record({ kind: fc.constant('crash' as const), cut: fc.double({ min: 0, max: 1, noNaN: true }) })
)

/** A payload that says which record it is. */
const numbered = (number: number, size: number) => Buffer.concat([bytes(`${number} `), Buffer.alloc(size, 'x')])
const numberOf = (payload: Buffer) => Number(payload.toString().split(' ')[0])
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

describe('whatever the sequence of appends, commits and crashes', () => {
  it('nothing acknowledged is lost and nothing committed comes twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
        const directory = newFolder()
        let { spool } = await openIn(directory)
        let appended = 0
        let committed = 0
        for (const step of operations) {
          if (step.kind === 'append') {
            const payloads = step.sizes.map((size, index) => numbered(appended + index, size))
            await spool.append(payloads)
            appended += payloads.length
          } else if (step.kind === 'commit') {
            const records = await readNow(spool)
            const record = records[Math.floor(step.share * records.length) - 1]
            if (record !== undefined) {
              await spool.commit(record.next)
              committed = numberOf(record.payload) + 1
            }
          } else {
            await spool.close()
            const last = segmentsIn(directory).at(-1)
            if (step.kind === 'crash' && last !== undefined) {
              // An append was under way and has not been acknowledged: any part of its bytes may be there.
              const payload = numbered(appended, 100)
              const frame = Buffer.concat([encodeHeader(payload, appended + 1, 1), payload])
              appendFileSync(last, frame.subarray(0, Math.floor(step.cut * (frame.length - 1))))
            }
            spool = (await openIn(directory)).spool
          }
        }
        expect((await readNow(spool)).map(({ payload }) => numberOf(payload))).toEqual(range(committed, appended))
        expect(spool.stats()).toMatchObject({ records: appended - committed, lost_records: 0, corrupt_bytes: 0 })
        await spool.close()
      }),
      { numRuns: 60 }
    )
  })

  it('records stay as they are until they are committed, also where their memory is used again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 400_000 }), { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 0, max: 10 }),
        async (sizes, behind) => {
          const { spool } = await openIn(newFolder(), { max_bytes: 2e7, segment_bytes: 700_000 })
          for (const [number, size] of sizes.entries()) await spool.append([numbered(number, size)])
          const waiting: SpoolRecord[] = []
          const seen: number[] = []
          const commitFirst = async () => {
            const first = waiting.shift()
            if (first === undefined) return
            const number = numberOf(first.payload)
            seen.push(number)
            expect(first.payload.equals(numbered(number, sizes[number] ?? -1))).toBe(true)
            await spool.commit(first.next)
          }
          for await (const record of spool.read(new AbortController().signal, { follow: false, reuse: true })) {
            waiting.push(record)
            if (waiting.length > behind) await commitFirst()
          }
          while (waiting.length > 0) await commitFirst()
          expect(seen).toEqual(range(0, sizes.length))
          await spool.close()
        }
      ),
      { numRuns: 25 }
    )
  })

  it('a file cut at any byte costs only the records behind the cut, and new ones still arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (count, share) => {
          const directory = newFolder()
          const first = await openIn(directory, { segment_bytes: 100_000 })
          await first.spool.append(range(0, count).map((number) => numbered(number, number * 7)))
          await first.spool.close()
          const [segment = ''] = segmentsIn(directory)
          const cut = Math.floor(share * statSync(segment).size)
          truncateSync(segment, cut)
          let end = 0
          const whole = range(0, count).filter((number) => {
            end += HEADER_BYTES + numbered(number, number * 7).length
            return end <= cut
          })
          const second = await openIn(directory, { segment_bytes: 100_000 })
          await second.spool.append([numbered(1000, 5)])
          expect((await readNow(second.spool)).map(({ payload }) => numberOf(payload))).toEqual([...whole, 1000])
          await second.spool.close()
        }
      ),
      { numRuns: 40 }
    )
  })

  it('a damaged byte costs at most the record it is in, and that is counted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 30 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (count, share) => {
          const directory = newFolder()
          const first = await openIn(directory, { segment_bytes: 700 })
          for (const number of range(0, count)) await first.spool.append([numbered(number, 60)])
          await first.spool.close()
          const files = segmentsIn(directory)
          const file = files[Math.floor(share * files.length * 0.999)] ?? ''
          const content = readFileSync(file)
          const at = Math.floor(share * 7919 * content.length) % content.length
          content[at] = (content[at] ?? 0) ^ 0xff
          writeFileSync(file, content)
          const second = await openIn(directory, { segment_bytes: 700 })
          const found = (await readNow(second.spool)).map(({ payload }) => numberOf(payload))
          const missing = range(0, count).filter((number) => !found.includes(number))
          expect(missing.length).toBe(1)
          expect(found).toEqual(range(0, count).filter((number) => number !== missing[0]))
          expect(second.codes().some((code) => code === 'SPOOL_CORRUPT' || code === 'SPOOL_TORN_TAIL')).toBe(true)
          await second.spool.close()
        }
      ),
      { numRuns: 40 }
    )
  })
})
