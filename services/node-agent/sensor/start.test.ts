import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { watchedNames, watchedPrefixes } from './kernel-side.ts'
import { KINDS } from './layout.ts'
import { findObject, requireBtf, sensorArch } from './object-file.ts'
import { builtinSource } from './options.ts'
import { readProcess } from './proc.ts'
import { cgroupVersion } from './start.ts'
import { callTable } from './syscalls.ts'

const codeOf = (act: () => unknown): unknown => {
  try {
    act()
    return null
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

describe('what the sensor needs', () => {
  it.each([
    ['Linux', () => sensorArch('darwin', 'arm64'), 'SENSOR_NOT_LINUX'],
    ['a processor it is written for', () => sensorArch('linux', 'riscv64'), 'SENSOR_NOT_LINUX'],
    ['types of the kernel', () => requireBtf('/no/such/file'), 'SENSOR_NO_BTF'],
    ['its program', () => findObject('/no/such/file', 'x64'), 'SENSOR_NOT_BUILT']
  ])('is %s, and it says so', (_, act, code) => {
    expect(codeOf(act)).toBe(code)
  })

  it('finds the program it is given', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'weir-object-')), 'x.o')
    writeFileSync(file, '')
    expect(findObject(file, 'arm64')).toBe(file)
  })
})

describe('control groups', () => {
  it.each([
    ['version 2', '0::/system.slice/x.service\n', { version_1: false, hierarchy: 0 }],
    ['version 1', '12:pids:/\n4:memory:/a\n1:name=systemd:/\n', { version_1: true, hierarchy: 4 }],
    ['both', '7:cpu,memory,pids:/a\n0::/\n', { version_1: true, hierarchy: 7 }],
    ['another name', '7:memory_like:/a\n0::/\n', { version_1: false, hierarchy: 0 }]
  ])('of %s', (_, lines, expected) => {
    expect(cgroupVersion(lines)).toEqual(expected)
  })
})

describe('the settings', () => {
  it('are complete when only the type is given', () => {
    const options = builtinSource.parse({ type: 'builtin' })
    expect(options.events).toEqual(KINDS.slice(1, -1))
    expect(options.read_prefixes).toContain('/run/secrets/')
  })

  it.each([
    ['a ring of an odd size', { ring_bytes: 3_000_000 }],
    ['a ring that is too small', { ring_bytes: 4096 }],
    ['a relative prefix', { read_prefixes: ['etc/'] }],
    ['a prefix that is too long', { read_prefixes: [`/${'x'.repeat(124)}`] }],
    ['an end of three parts', { read_ends: ['a/b/c'] }],
    ['an end with a part that is too long', { read_ends: [`${'x'.repeat(32)}/a`] }],
    ['an event that there is not', { events: ['cgroup'] }]
  ])('refuse %s', (_, input) => {
    expect(builtinSource.safeParse({ type: 'builtin', ...input }).success).toBe(false)
  })
})

describe('what the kernel is told', () => {
  it('a name that is enough in one place stays enough', () => {
    expect(watchedNames(['.aws/config', 'config', '.kube/config'])).toEqual(
      new Map([
        ['config', 3],
        ['.aws/config', 1],
        ['.kube/config', 1]
      ])
    )
  })

  it('a longer prefix keeps what a shorter one says', () => {
    expect(watchedPrefixes(['/run/'], ['/run/secrets/x', '/tmp/'])).toEqual(
      new Map([
        ['/run/', 1],
        ['/run/secrets/x', 3],
        ['/tmp/', 2]
      ])
    )
  })

  it.each(['x64', 'arm64'] as const)('no number of a system call stands for two on %s', (arch) => {
    const numbers = callTable(arch).map(([number]) => number)
    expect(new Set(numbers).size).toBe(numbers.length)
    expect(Math.max(...numbers)).toBeLessThan(512)
  })
})

describe('/proc', () => {
  it('tells of this process', () => {
    const found = readProcess(process.pid)
    expect(found).toMatchObject({ pid: process.pid, parent_pid: process.ppid, user_id: process.geteuid?.() ?? 0 })
    expect(found?.executable).toBe(process.execPath)
    expect(found?.cgroups.length).toBeGreaterThan(0)
  })

  it('a process that is gone is null', () => {
    expect(readProcess(0x7fffffff)).toBeNull()
  })
})
