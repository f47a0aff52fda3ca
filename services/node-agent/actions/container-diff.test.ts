import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { containerDiff, upperFolder } from './container-diff.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-diff-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const mounts = (upper: string) =>
  `20 1 0:19 / /proc rw - proc proc rw\n21 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=${upper},workdir=/w\n`

it.each([
  [mounts('/run/x/upper'), '/run/x/upper'],
  [mounts('/run/a\\040b'), '/run/a b'],
  ['21 1 8:1 / / rw - ext4 /dev/sda1 rw\n', null],
  ['21 1 0:20 / /merged rw - overlay overlay rw,upperdir=/u\n', null],
  ['', null],
  ['nonsense', null]
])('the folder of changes is found in %j: %s', (mountinfo, upper) => {
  expect(upperFolder(mountinfo)).toBe(upper)
})

it('what a container wrote, linked and removed is listed, and no link is followed', async () => {
  const upper = join(folder, 'upper')
  mkdirSync(join(upper, 'tmp'), { recursive: true })
  writeFileSync(join(upper, 'tmp', 'x'), 'payload', { mode: 0o755 })
  symlinkSync('/etc', join(upper, 'out'))
  const removes = process.getuid?.() === 0
  if (removes) execFileSync('mknod', [join(upper, 'gone'), 'c', '0', '0'])
  mkdirSync(join(folder, '7'))
  writeFileSync(join(folder, '7', 'mountinfo'), mounts(upper))
  const { entries, notes } = await containerDiff(folder, 7, async (path, size) => `hash of ${path.slice(-1)}, ${size}`)
  expect(notes).toEqual([])
  expect(entries.toSorted((a, b) => a.path.localeCompare(b.path))).toMatchObject([
    ...(removes ? [{ path: '/gone', type: 'removed', sha256: null }] : []),
    { path: '/out', type: 'link', target: '/etc' },
    { path: '/tmp', type: 'folder' },
    { path: '/tmp/x', type: 'file', mode: '755', bytes: 7, sha256: 'hash of x, 7' }
  ])
})

it('a container whose root is no overlay, or that is gone, is said to be not known', async () => {
  const { entries, notes } = await containerDiff(folder, 8, async () => null)
  expect([entries, notes]).toEqual([[], ['its root is no overlay: what it wrote is not known']])
})
