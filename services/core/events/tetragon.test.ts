import { describe, expect, it } from 'vitest'
import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import { eventFixture, eventRecord } from '../../../test/support/event-fixtures.ts'
import { isObject, type JsonObject } from '../json.ts'
import { tetragonEventsFrom, tetragonRecordFrom } from './tetragon.ts'
import { resolvePath } from './tetragon-arguments.ts'
import { parseTimestamp } from './timestamp.ts'

const ARRIVAL = 1_800_000_000_000_000
const RECORDS = eventFixture('tetragon.ndjson')

function event(index: number): RuntimeEvent {
  const [first] = tetragonEventsFrom(RECORDS[index] ?? {}, ARRIVAL)
  if (first === undefined) throw new Error(`record ${index} gave no event`)
  return first
}

/** The exec of the fixture with changes to its process. */
function withProcess(changes: JsonObject): JsonObject {
  const record = eventRecord('tetragon.ndjson')
  const exec = isObject(record.process_exec) ? record.process_exec : {}
  return {
    ...record,
    process_exec: { ...exec, process: { ...(isObject(exec.process) ? exec.process : {}), ...changes } }
  }
}

describe('an exec', () => {
  it('has process, ancestors, container, pod and the rest by Tetragon’s names', () => {
    expect(event(0)).toMatchObject({
      id: expect.stringMatching(/^tetragon-[0-9a-f]{32}$/),
      time: parseTimestamp('2026-11-20T14:00:00.123456Z'),
      category: 'process',
      action: 'exec',
      process: {
        entity_id: 'bm9kZS1hOjEwMDA6NDI=',
        pid: 4242,
        name: 'sh',
        executable: '/bin/sh',
        args: [],
        command_line: '/bin/sh -c id',
        working_directory: '/app',
        user_id: 0,
        start_time: parseTimestamp('2026-11-20T14:00:00Z'),
        interactive: null,
        exit_code: null,
        ancestors: [
          { entity_id: 'bm9kZS1hOjkwMDo0MQ==', pid: 4141, name: 'containerd-shim-runc-v2' },
          { entity_id: 'bm9kZS1hOjE6MQ==', pid: 1, executable: '/usr/lib/systemd/systemd' }
        ]
      },
      container: {
        id: '4f5e6d7c8b9a0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899a',
        name: 'web',
        image_name: 'registry.example.com/shop/web:2.1',
        image_id: expect.stringMatching(/^registry.example.com\/shop\/web@sha256:1{64}$/),
        privileged: true
      },
      pod: { uid: '6a7b0d9e-7c1d-4a0f-8e54-0f1d4b6f5a01', name: 'web-1', namespace: 'shop' },
      network: null,
      file: null,
      alert: null,
      attributes: {
        event_type: 'process_exec',
        in_init_tree: 'false',
        auid: '4294967295',
        'cap.effective': 'CAP_SYS_ADMIN,CAP_CHOWN',
        'pod.workload': 'web',
        'pod.workload_kind': 'Deployment'
      }
    })
  })

  it('comes with node and cluster of the record', () => {
    const { events } = tetragonRecordFrom(eventRecord('tetragon.ndjson'), ARRIVAL)
    expect(events).toMatchObject([{ provider: 'tetragon', node: 'node-a', cluster: { name: 'shop' }, audit: null }])
  })

  it('of what ran before Tetragon started is no exec', () => {
    expect(event(1)).toMatchObject({ category: 'process', action: 'running' })
  })

  it('has the container by its prefix when the pod is not known', () => {
    const [found] = tetragonEventsFrom(withProcess({ pod: undefined }), ARRIVAL)
    expect(found?.container).toEqual({
      id: '4f5e6d7c8b9a0f1e2d3c4b5a6978879',
      name: null,
      image_name: null,
      image_id: null,
      privileged: null
    })
    expect(found?.pod).toBeNull()
  })

  it('on the host has no container', () => {
    const [found] = tetragonEventsFrom(withProcess({ pod: undefined, docker: '' }), ARRIVAL)
    expect(found?.container).toBeNull()
  })

  it.each([
    ['/dev/pts/0', true],
    ['', false],
    [34816, true],
    [0, false],
    [undefined, null]
  ])('with terminal %j is interactive: %j', (tty, interactive) => {
    expect(tetragonEventsFrom(withProcess({ tty }), ARRIVAL)[0]?.process?.interactive).toBe(interactive)
  })

  it('without exec_id is told by node, pid and start', () => {
    expect(tetragonEventsFrom(withProcess({ exec_id: '' }), ARRIVAL)[0]?.process?.entity_id).toBe(
      `node-a/4242/${parseTimestamp('2026-11-20T14:00:00Z')}`
    )
  })

  it('without a time happened when the process started', () => {
    const { time: _time, ...record } = eventRecord('tetragon.ndjson')
    const [found] = tetragonEventsFrom(record, ARRIVAL)
    expect(found?.time).toBe(parseTimestamp('2026-11-20T14:00:00Z'))
    expect(found?.attributes['weir.io/time']).toBeUndefined()
  })
})

describe('an exit', () => {
  it.each([
    [2, null, 'SIGKILL'],
    [3, 127, undefined]
  ])('record %i has exit code %j and signal %j', (index, code, signal) => {
    const exit = event(index)
    expect(exit.process?.exit_code).toBe(code)
    expect(exit.attributes.signal).toBe(signal)
  })
})

describe('a probe means what its function does', () => {
  it.each([
    [
      4,
      'network',
      'connect',
      {
        network: {
          direction: 'egress',
          transport: 'tcp',
          source_port: 40000,
          destination_ip: '203.0.113.99',
          destination_port: 4444
        }
      }
    ],
    [
      5,
      'network',
      'accept',
      {
        network: { direction: 'ingress', source_ip: '198.51.100.8', destination_ip: '10.1.2.3', destination_port: 8080 }
      }
    ],
    [
      6,
      'network',
      'connect',
      { network: { destination_ip: '169.254.169.254', destination_port: 80, source_ip: null } }
    ],
    [7, 'file', 'read', { file: { path: '/var/run/secrets/kubernetes.io/serviceaccount/token', mode: '-rw-r--r--' } }],
    [8, 'file', 'read', { file: { path: '/etc/shadow' } }],
    [9, 'file', 'open_write', { file: { path: '/etc/passwd' } }],
    [10, 'file', 'open_write', { file: { path: '/etc/cron.d/x' } }],
    [11, 'file', 'rename', { file: { path: '/tmp/a', target_path: '/usr/bin/b' } }],
    [12, 'privilege', 'mount', { file: null }],
    [13, 'privilege', 'setuid', { attributes: { args: '[{"int_arg":0}]' } }],
    [14, 'privilege', 'ptrace', { network: null }],
    [
      15,
      'privilege',
      'module_load',
      { attributes: { 'module.name': 'rootkit', 'module.tainted': 'TAINT_UNSIGNED_MODULE' } }
    ],
    [
      16,
      'process',
      'wonder_function',
      { attributes: { function_name: 'wonder_function', args: '[{"string_arg":"x"}]' } }
    ],
    [17, 'file', 'unlink', { file: { path: '/var/log/audit.log' }, attributes: { subsys: 'syscalls' } }],
    [
      18,
      'process',
      'exec_check',
      { file: { path: '/tmp/miner', mode: '-rwxr-xr-x' }, attributes: { action: 'KPROBE_ACTION_OVERRIDE' } }
    ],
    [19, 'process', 'library_load', { file: { path: '/usr/lib/libx.so' } }],
    [20, 'network', 'dns', { network: { domain: 'pool.example.net' } }],
    [21, 'network', 'listen', { network: { direction: 'listen', destination_ip: '0.0.0.0', destination_port: 9001 } }],
    [22, 'sensor', 'drop', { process: null, attributes: { event_type: 'process_throttle', type: 'THROTTLE_START' } }],
    [23, 'sensor', 'drop', { process: null, attributes: { number_of_dropped_process_events: '8129' } }]
  ])('record %i is %s/%s', (index, category, action, rest) => {
    expect(event(index)).toMatchObject({ category, action, ...rest })
  })
})

describe('identity', () => {
  it('every record of the fixture has its own', () => {
    expect(new Set(RECORDS.map((_, index) => event(index).id)).size).toBe(RECORDS.length)
  })

  it('does not depend on what is known of the process besides which one it is', () => {
    const [found] = tetragonEventsFrom(withProcess({ refcnt: 7, pod: undefined }), ARRIVAL)
    expect(found?.id).toBe(event(0).id)
  })

  it.each([{ tid: 1 }, { exec_id: 'other' }])('depends on %j', (changes) => {
    expect(tetragonEventsFrom(withProcess(changes), ARRIVAL)[0]?.id).not.toBe(event(0).id)
  })
})

describe('bounds', () => {
  it('a long command line and many ancestors are cut and named', () => {
    const record = eventRecord('tetragon.ndjson')
    const exec = isObject(record.process_exec) ? record.process_exec : {}
    const process = { exec_id: 'a', binary: '/bin/sh', arguments: 'x'.repeat(100_000) }
    const [found] = tetragonEventsFrom(
      { ...record, process_exec: { ...exec, process, ancestors: Array(100).fill({ exec_id: 'b' }) } },
      ARRIVAL
    )
    expect(found?.process?.command_line?.length).toBeLessThan(70_000)
    expect(found?.process?.ancestors.length).toBeLessThan(40)
    expect(found?.attributes['weir.io/cut']).toBe('process.ancestors,process.command_line')
  })
})

describe('resolvePath', () => {
  it.each([
    ['/etc/shadow', null, '/etc/shadow'],
    ['etc/passwd', '/', '/etc/passwd'],
    ['x', '/tmp', '/tmp/x'],
    ['../etc/shadow', '/tmp', '/etc/shadow'],
    ['/a/../../etc//./shadow', null, '/etc/shadow'],
    ['/.ssh/id_rsa', null, '/.ssh/id_rsa'],
    ['x', 'relative', '/x'],
    ['..', null, '/']
  ])('%j in %j is %s', (path, directory, expected) => {
    expect(resolvePath(path, directory)).toBe(expected)
  })
})

describe('what is no event', () => {
  it.each([
    ['EVENT_FORMAT_UNKNOWN', {}],
    ['EVENT_FORMAT_UNKNOWN', { process_exec: 'x' }],
    ['EVENT_INCOMPLETE', { process_exec: {} }],
    ['EVENT_INCOMPLETE', { process_exec: { process: { binary: '/bin/sh' } } }]
  ])('is refused with %s: %j', (code, json) => {
    expect(() => tetragonEventsFrom(json, ARRIVAL)).toThrowError(expect.objectContaining({ code }))
  })
})
