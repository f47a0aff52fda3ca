import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { WeirError } from '../../core/errors.ts'
import { type FollowOptions, followFile } from './follow.ts'
import type { TailPosition } from './position.ts'
import { openPositions } from './positions.ts'
import { isRotatedName } from './rotated.ts'

const running: Array<{ stop(): Promise<void> }> = []
afterEach(async () => {
  for (const follower of running.splice(0)) await follower.stop()
})

const newFolder = () => mkdtempSync(join(tmpdir(), 'weir-tail-'))

/** For what cannot be observed: that the follower has had its first look, and that the file system's clock (4 ms) has gone on. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 20))

/** Follows a file in the background and lets a test wait for what it expects. */
function follow(path: string, options: Partial<FollowOptions> = {}) {
  const stop = new AbortController()
  const lines: string[] = []
  const problems: WeirError[] = []
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const resolve of waiting) resolve()
    waiting.clear()
  }
  const follower = {
    lines,
    problems,
    codes: () => problems.map(({ code }) => code),
    position: options.position ?? null,
    async until(condition: () => boolean) {
      while (!condition()) await new Promise<void>((resolve) => waiting.add(resolve))
    },
    /** Waits until that many lines are there. */
    async count(number: number) {
      await follower.until(() => lines.length >= number)
      return lines
    },
    async stop() {
      stop.abort()
      await done
    }
  }
  const done = (async () => {
    const chunks = followFile({
      path,
      position: null,
      start: 'beginning',
      line_max_bytes: 100,
      poll_interval_ms: 100,
      rotate_wait_ms: 5000,
      signal: stop.signal,
      report: (problem) => {
        problems.push(problem)
        wake()
      },
      ...options
    })
    for await (const chunk of chunks) {
      lines.push(...chunk.lines.map(String))
      follower.position = chunk.position
      wake()
    }
  })()
  running.push(follower)
  return follower
}

/** Follows a new file with this text, of which one line has been read. */
async function following(text: string) {
  const folder = newFolder()
  const path = join(folder, 'audit.log')
  writeFileSync(path, text)
  const follower = follow(path)
  await follower.count(1)
  return { folder, path, follower }
}

describe('following a file', () => {
  it('gives the lines that are there and those that are added', async () => {
    const path = join(newFolder(), 'audit.log')
    writeFileSync(path, 'a\nb\n')
    const follower = follow(path)
    await follower.count(2)
    appendFileSync(path, 'c\r\n')
    expect(await follower.count(3)).toEqual(['a', 'b', 'c'])
  })

  it('waits for a file, and for its folder, to appear', async () => {
    const folder = join(newFolder(), 'later')
    const follower = follow(join(folder, 'audit.log'), { start: 'end' })
    await aMoment()
    mkdirSync(folder)
    writeFileSync(join(folder, 'audit.log'), 'a\n')
    expect(await follower.count(1)).toEqual(['a'])
  })

  it('holds a line back until its end has been written', async () => {
    const { path, follower } = await following('a\nhal')
    const before = follower.position?.offset
    appendFileSync(path, 'f\n')
    expect(await follower.count(2)).toEqual(['a', 'half'])
    expect(before).toBe(2)
  })

  it('can leave out what was there before', async () => {
    const path = join(newFolder(), 'audit.log')
    writeFileSync(path, 'old\nold, not fin')
    const follower = follow(path, { start: 'end' })
    await aMoment()
    appendFileSync(path, 'ished\nnew\n')
    expect(await follower.count(1)).toEqual(['new'])
  })

  it('passes over lines that are too long, counts and reports them', async () => {
    const path = join(newFolder(), 'audit.log')
    writeFileSync(path, `a\n${'x'.repeat(1_000_000)}\nb\n`)
    const follower = follow(path)
    expect(await follower.count(2)).toEqual(['a', 'b'])
    expect(follower.codes()).toEqual(['TAIL_LINE_TOO_LONG'])
  })

  it('goes on at the saved position', async () => {
    const path = join(newFolder(), 'audit.log')
    writeFileSync(path, 'a\nb\n')
    const first = follow(path)
    await first.count(2)
    await first.stop()
    appendFileSync(path, 'c\n')
    const second = follow(path, { position: first.position })
    expect(await second.count(1)).toEqual(['c'])
  })

  it('reports once what keeps it from reading, and reads when that has gone', async () => {
    const path = join(newFolder(), 'audit.log')
    mkdirSync(path)
    const follower = follow(path, { poll_interval_ms: 10 })
    await follower.until(() => follower.problems.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(follower.codes()).toEqual(['TAIL_NOT_A_FILE'])
    rmdirSync(path)
    writeFileSync(path, 'a\n')
    expect(await follower.count(1)).toEqual(['a'])
  })

  it('does not hang on a pipe', async () => {
    const path = join(newFolder(), 'audit.log')
    execFileSync('mkfifo', [path])
    const follower = follow(path)
    await follower.until(() => follower.problems.length > 0)
    expect(follower.codes()).toEqual(['TAIL_NOT_A_FILE'])
  })

  it('reports a file that cannot be opened, and reads it once it can be', async () => {
    const path = join(newFolder(), 'audit.log')
    // A link to itself, not a file without permissions: nothing is forbidden to root.
    symlinkSync(path, path)
    const follower = follow(path)
    await follower.until(() => follower.problems.length > 0)
    expect(follower.codes()).toEqual(['TAIL_UNREADABLE'])
    unlinkSync(path)
    writeFileSync(path, 'a\n')
    expect(await follower.count(1)).toEqual(['a'])
  })
})

describe('rotation', () => {
  it('by renaming loses no line, also none written to the old file after it', async () => {
    const { folder, path, follower } = await following('a\n')
    renameSync(path, join(folder, 'audit.log.1'))
    writeFileSync(path, '')
    appendFileSync(join(folder, 'audit.log.1'), 'late\nnot ended')
    appendFileSync(path, 'b\n')
    expect(await follower.count(4)).toEqual(['a', 'late', 'not ended', 'b'])
  })

  it('more than once between two looks loses no line', async () => {
    const { folder, path, follower } = await following('a\n')
    await follower.stop()
    // As kube-apiserver names them.
    for (const [index, text] of ['b', 'c', 'd'].entries()) {
      await aMoment()
      renameSync(path, join(folder, `audit-2026-01-0${index + 1}T00-00-00.000.log`))
      writeFileSync(path, `${text}\n`)
    }
    const second = follow(path, { position: follower.position })
    expect(await second.count(3)).toEqual(['b', 'c', 'd'])
    expect(second.problems).toEqual([])
  })

  it('by copying and truncating loses no line and repeats none', async () => {
    const { folder, path, follower } = await following('a long first line\n')
    copyFileSync(path, join(folder, 'audit.log.1'))
    truncateSync(path)
    appendFileSync(path, 'b\n')
    expect(await follower.count(2)).toEqual(['a long first line', 'b'])
  })

  it('a file truncated and grown beyond the old size is read from its start', async () => {
    const { path, follower } = await following('a\n')
    writeFileSync(path, 'something else\nand more\n')
    await follower.until(() => follower.lines.includes('something else'))
    expect(await follower.count(3)).toContain('and more')
  })

  it('a file removed and made anew is read from its start', async () => {
    const { path, follower } = await following('a\n')
    unlinkSync(path)
    writeFileSync(path, 'b\n')
    expect(await follower.count(2)).toEqual(['a', 'b'])
  })

  it('a file that was written anew is not taken for the old one', async () => {
    const { path, follower: first } = await following('first file\n')
    await first.stop()
    writeFileSync(path, 'another file\n')
    const second = follow(path, { position: first.position })
    expect(await second.count(1)).toEqual(['another file'])
    expect(second.codes()).toEqual(['TAIL_LINES_MISSED'])
  })

  it('after a truncation that nobody saw still gives what was written in between', async () => {
    const { folder, path, follower: first } = await following('a long first line\n')
    await first.stop()
    truncateSync(path)
    appendFileSync(path, 'b\n')
    renameSync(path, join(folder, 'audit.log.1'))
    await aMoment()
    writeFileSync(path, 'c\n')
    const second = follow(path, { position: first.position })
    expect(await second.count(2)).toEqual(['b', 'c'])
    expect(second.codes()).toEqual(['TAIL_LINES_MISSED'])
  })

  it('that removed the file while nobody looked is reported as a gap', async () => {
    const { folder, path, follower: first } = await following('a\n')
    await first.stop()
    rmSync(path)
    writeFileSync(join(folder, 'other'), 'takes the inode')
    writeFileSync(path, 'b\n')
    const second = follow(path, { position: first.position })
    expect(await second.count(1)).toEqual(['b'])
    expect(second.codes()).toEqual(['TAIL_LINES_MISSED'])
  })

  it.each([
    ['audit.log.1', true],
    ['audit.log-20260131', true],
    ['audit-2026-01-31T10-00-00.000.log', true],
    ['audit.1.log', true],
    ['audit.log', false],
    ['audit-policy.log', false],
    ['audit2.log', false],
    ['auditor-1.log', false]
  ])('%s is an old audit.log: %s', (name, expected) => {
    expect(isRotatedName(name, 'audit.log')).toBe(expected)
  })
})

type Operation = 'write' | 'write part' | 'rename' | 'copy and truncate' | 'restart' | 'crash' | 'wait'
const operations = fc.array(
  fc.constantFrom<Operation>(
    'write',
    'write',
    'write part',
    'rename',
    'rename',
    'copy and truncate',
    'restart',
    'crash',
    'wait'
  ),
  { maxLength: 25 }
)

describe('whatever the sequence of writes, rotations and restarts', () => {
  it('every line arrives, in order, and again only after a crash', async () => {
    await fc.assert(
      fc.asyncProperty(operations, async (steps) => {
        const folder = newFolder()
        const path = join(folder, 'audit.log')
        writeFileSync(path, '')
        let rotations = 0
        let written = 0
        let parts = 0
        let partial = ''
        let mayRepeat = false
        const received: string[] = []
        let follower = follow(path, { poll_interval_ms: 30, rotate_wait_ms: 20 })
        await follower.until(() => follower.position !== null)
        let saved = follower.position
        const expected: string[] = []
        // After a crash older lines come again behind it, so it need not be the last.
        const caughtUp = () =>
          follower.until(() => {
            const last = expected.at(-1)
            return last === undefined || received.includes(last) || follower.lines.includes(last)
          })
        const restart = async (position: TailPosition | null) => {
          await follower.stop()
          received.push(...follower.lines)
          follower = follow(path, { position, poll_interval_ms: 30, rotate_wait_ms: 20 })
        }
        for (const step of steps) {
          if (step === 'write') {
            expected.push(`${partial}line ${written}`)
            appendFileSync(path, `line ${written}\n`)
            partial = ''
            written += 1
          } else if (step === 'write part') {
            parts += 1
            appendFileSync(path, `part ${parts} `)
            partial += `part ${parts} `
          } else if (step === 'rename') {
            await aMoment()
            rotations += 1
            renameSync(path, join(folder, `audit.log.${rotations}`))
            writeFileSync(path, '')
            if (partial !== '') expected.push(partial)
            partial = ''
          } else if (step === 'copy and truncate') {
            // What the reader has not seen when a file is truncated is gone for every reader.
            await caughtUp()
            if (partial !== '') continue
            truncateSync(path)
          } else if (step === 'restart') {
            await follower.stop()
            saved = follower.position
            await restart(saved)
          } else if (step === 'crash') {
            mayRepeat = true
            await restart(saved)
          } else {
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
        }
        appendFileSync(path, 'the end\n')
        expected.push(`${partial}the end`)
        await caughtUp()
        await follower.stop()
        received.push(...follower.lines)
        if (mayRepeat) expect(new Set(received)).toEqual(new Set(expected))
        else expect(received).toEqual(expected)
      }),
      { numRuns: 40 }
    )
  }, 60_000)
})

describe('saved positions', () => {
  const position: TailPosition = { file: '1:2', offset: 3, fingerprint: 'f', fingerprint_bytes: 3, created_ns: '0' }

  it('are found again', async () => {
    const file = join(newFolder(), 'positions.json')
    const first = await openPositions(file, () => undefined)
    first.set('/var/log/audit.log', position)
    first.set('__proto__', position)
    await first.save()
    const second = await openPositions(file, () => undefined)
    expect(second.get('/var/log/audit.log')).toEqual(position)
    expect(second.get('__proto__')).toEqual(position)
    expect(second.get('/other')).toBeNull()
  })

  it.each(['', '{', '[1]', '{"/a": {"offset": -1}}', '{"/a": null}'])(
    'that cannot be used are reported: %s',
    async (content) => {
      const file = join(newFolder(), 'positions.json')
      writeFileSync(file, content)
      const problems: WeirError[] = []
      const positions = await openPositions(file, (problem) => problems.push(problem))
      expect(positions.damaged).toBe(true)
      expect(problems.map(({ code }) => code)).toEqual(['TAIL_STATE_DAMAGED'])
    }
  )

  it('are whole however many save at a time', async () => {
    const file = join(newFolder(), 'positions.json')
    const positions = await openPositions(file, () => undefined)
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        positions.set(`/${index}`, position)
        return positions.save()
      })
    )
    const again = await openPositions(file, () => undefined)
    expect(again.damaged).toBe(false)
    expect(again.get('/19')).toEqual(position)
  })

  it('that cannot be written are an error', async () => {
    const folder = newFolder()
    const positions = await openPositions(join(folder, 'positions.json'), () => undefined)
    rmSync(folder, { recursive: true })
    positions.set('/a', position)
    await expect(positions.save()).rejects.toMatchObject({ code: 'TAIL_STATE_UNWRITABLE' })
  })
})
