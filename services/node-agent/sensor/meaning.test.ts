import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recordBytes } from '../../../test/support/sensor/record-bytes.ts'
import { FLAGS, KINDS } from './layout.ts'
import { addressOf, meaningOf } from './meaning.ts'
import { commOf, type KernelRecord, recordAt, textOf } from './record.ts'

/** Records that the BPF program wrote on a 6.18 kernel on x86-64. */
const GOLDEN = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/sensor/records.json', import.meta.url), 'utf8')
) as Record<string, string>

function read(bytes: Buffer): KernelRecord {
  const record = recordAt(bytes, 0, bytes.length)
  if (record === null) throw new Error('no record')
  return record
}

function meaning(record: KernelRecord) {
  return record.kind === 'cgroup' ? null : meaningOf(record, record.kind)
}

const made = (parts: Parameters<typeof recordBytes>[0]) => meaning(read(recordBytes(parts)))

describe('what the BPF program wrote', () => {
  it.each([
    [
      'open_write',
      'sh',
      { category: 'file', file: { path: '/tmp/weir-golden/a', target_path: null, mode: 'O_WRONLY|O_CREAT' } }
    ],
    ['rename', 'mv', { file: { path: '/tmp/weir-golden/a', target_path: '/tmp/weir-golden/b', mode: null } }],
    ['chmod', 'chmod', { file: { path: '/tmp/weir-golden/b', target_path: null, mode: '4755' } }],
    ['kill', 'sh', { category: 'process', attributes: { signal: 'SIGTERM', target_name: 'sh' } }],
    [
      'dns',
      'MainThread',
      {
        category: 'network',
        network: {
          transport: 'udp',
          direction: 'egress',
          destination_ip: '127.0.0.1',
          destination_port: 53,
          domain: 'weir.example.com'
        }
      }
    ],
    ['connect', 'MainThread', { network: { transport: 'udp', destination_ip: '127.0.0.1', destination_port: 53 } }],
    [
      'listen',
      'MainThread',
      { network: { transport: 'tcp', direction: 'listen', source_ip: null, destination_ip: '127.0.0.1' } }
    ],
    ['accept', 'MainThread', { network: { transport: 'tcp', direction: 'ingress', source_ip: '127.0.0.1' } }]
  ])('of %s by %s means what happened', (kind, name, expected) => {
    const record = read(Buffer.from(GOLDEN[kind] ?? '', 'hex'))
    expect([record.kind, commOf(record), record.uid]).toEqual([kind, name, 0])
    expect(meaning(record)).toMatchObject(expected)
  })

  it('of an exec has program, what was asked for, folder and arguments', () => {
    const record = read(Buffer.from(GOLDEN['exec'] ?? '', 'hex'))
    expect([0, 1, 2].map((slot) => textOf(record, slot))).toEqual(['/usr/bin/dash', '/bin/sh', '/tmp/sensor-scratch'])
    expect(textOf(record, 3).split('\0')).toHaveLength(4)
  })
})

describe('a path', () => {
  const chmod = (path: string, flags: number, folder = '') =>
    made({ kind: 'chmod', flags: FLAGS.by_path | flags, texts: [path, '', folder], values: [0o644n] })?.file?.path

  it.each([
    ['/etc/../etc/./shadow', 0, '', '/etc/shadow'],
    ['x', FLAGS.base, '/srv/work', '/srv/work/x'],
    ['../x', FLAGS.base, '/srv/work', '/srv/x'],
    ['', FLAGS.base, '/srv/work', '/srv/work'],
    ['x', 0, '', '/x']
  ])('%j is made absolute', (path, flags, folder, expected) => {
    expect(chmod(path, flags, folder)).toBe(expected)
  })

  it('of a symbolic link counts from the link', () => {
    const texts = ['/srv/a/link', '../b/file']
    expect(made({ kind: 'link', flags: FLAGS.by_path, texts })?.file).toMatchObject({
      path: '/srv/a/link',
      target_path: '/srv/b/file'
    })
  })

  it('shows that the file has no name any more, and that its front is missing', () => {
    const flags = FLAGS.deleted | FLAGS.path_cut
    expect(made({ kind: 'open_write', flags, texts: ['/deep/file'], values: [1n] })?.file?.path).toBe(
      '…/deep/file (deleted)'
    )
  })
})

describe('calls without fields of their own', () => {
  it.each([
    ['setuid', [0n], { id: '0' }],
    ['setuid', [0xffffffffn], { id: '' }],
    ['capset', [0n, 0n, 0n, 0n, 0n, 0n, 0x1fn], { cap_effective: '1f' }],
    ['unshare', [0x7e020080n], { namespaces: 'mnt,cgroup,uts,ipc,user,pid,net,time' }],
    ['setns', [3n, 0x40000000n], { namespaces: 'net' }],
    ['ptrace', [0x4206n, 17n], { request: 'seize', target_pid: '17' }],
    ['bpf', [28n], { command: 'link_create' }],
    ['exec_failed', [0n, 0n, 0n, 0n, 0n, BigInt.asUintN(64, -13n)], { error: '13' }]
  ] as const)('%s', (kind, values, attributes) => {
    expect(made({ kind, values, texts: [] })?.attributes).toMatchObject(attributes)
  })

  it('a mount by a file descriptor has its two paths', () => {
    const texts = ['/mnt', '', '', '/']
    const event = made({ kind: 'mount', flags: FLAGS.by_path, texts })
    expect(event).toMatchObject({ category: 'privilege', file: { path: '/mnt' } })
  })
})

describe('an address', () => {
  it.each([
    ['7f000001', 2, '127.0.0.1'],
    ['00000000000000000000000000000001', 10, '::1'],
    ['20010db8000000000000000000000001', 10, '2001:db8::1'],
    ['20010db8000100000000000100000001', 10, '2001:db8:1::1:0:1'],
    ['20010db8000100020003000400050006', 10, '2001:db8:1:2:3:4:5:6'],
    ['20010db8000000010001000100010001', 10, '2001:db8:0:1:1:1:1:1'],
    ['00000000000000000000ffff0a000001', 10, '10.0.0.1'],
    ['00000000000000000000000000000000', 10, '::'],
    ['fe800000000000000000000000000000', 10, 'fe80::']
  ])('%s of family %i is %s', (hex, family, text) => {
    expect(addressOf(family, Buffer.from(hex.padEnd(32, '0'), 'hex'), 0)).toBe(text)
  })
})

describe('any record', () => {
  it('has a meaning or none, and never throws', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...KINDS.slice(1)),
        fc.nat(0xffff),
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.string({ maxLength: 20 })), { maxLength: 4 }),
        fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 8 }),
        (kind, flags, texts, values) => {
          if (kind === '') return
          const event = made({ kind, flags, texts, values })
          if (event === null) return
          expect(JSON.parse(JSON.stringify(event))).toEqual(event)
          for (const value of Object.values(event.attributes)) expect(typeof value).toBe('string')
        }
      ),
      { numRuns: 2000 }
    )
  })
})
