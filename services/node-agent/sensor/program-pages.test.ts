import { describe, expect, it } from 'vitest'
import { releaseProgramPages, untouchedRanges } from './program-pages.ts'

const part = (range: string, rights: string, path: string, dirty: Readonly<Record<string, number>> = {}) =>
  [
    `${range} ${rights} 00000000 fe:00 123                          ${path}`,
    'Size:               8192 kB',
    'Rss:                4096 kB',
    ...['Shared_Dirty', 'Private_Dirty', 'Anonymous'].map((name) => `${name}:   ${dirty[name] ?? 0} kB`),
    'VmFlags: rd ex mr mw me sd'
  ].join('\n')

describe('pages of the program that can be let go', () => {
  it('are those of its file that nobody has written, and nobody can write', () => {
    const smaps = [
      part('00400000-00746000', 'r--p', '/usr/bin/node'),
      part('0074a000-03044000', 'r-xp', '/usr/bin/node'),
      part('03044000-03045000', 'r-xp', '/usr/bin/node', { Private_Dirty: 4 }),
      part('03045000-03046000', 'r--p', '/usr/bin/node', { Anonymous: 4 }),
      part('03046000-03047000', 'rw-p', '/usr/bin/node'),
      part('03047000-03048000', 'r--s', '/usr/bin/node'),
      part('04000000-05000000', 'r-xp', '/usr/lib/libc.so.6'),
      part('06000000-07000000', 'rw-p', ''),
      part('7f77cf580000-7f77cf785000', 'r-xp', '/usr/bin/node')
    ]
    expect(untouchedRanges(smaps.join('\n'), '/usr/bin/node')).toEqual([
      { from: 0x400000n, bytes: 0x346000 },
      { from: 0x74a000n, bytes: 0x28fa000 },
      { from: 0x7f77cf580000n, bytes: 0x205000 }
    ])
  })

  it('come back as they were', () => {
    releaseProgramPages()
    expect([3, 1, 2].toSorted()).toEqual([1, 2, 3])
    expect(JSON.parse('{"a":[1,"ü"]}')).toEqual({ a: [1, 'ü'] })
    expect(new Intl.NumberFormat('de').format(1234.5)).toBe('1.234,5')
  })
})
