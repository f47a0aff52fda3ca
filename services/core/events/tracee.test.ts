import { describe, expect, it } from 'vitest'
import { eventFixture, eventRecord } from '../../../test/support/event-fixtures.ts'
import type { JsonObject } from '../json.ts'
import { isTraceeEvent, traceeEventFrom } from './tracee.ts'

const decoded = eventFixture('tracee.ndjson').map((event) => traceeEventFrom(event, null, 'node-b'))
const runtime = (index: number) => decoded[index]?.runtime
const flat = (changes: JsonObject) => ({ ...eventRecord('tracee.ndjson'), ...changes })

const CONTAINER = {
  id: '4f5e6d7c8b9a4f5e6d7c8b9a4f5e6d7c8b9a4f5e6d7c8b9a4f5e6d7c8b9a4f5e',
  name: 'web',
  image_name: 'registry.example.com/shop/web:2.1',
  image_id: 'sha256:1111',
  privileged: null
}
const POD = { uid: '6a7b0d9e-7c1d-4a0f-8e54-0f1d4b6f5a01', name: 'web-1', namespace: 'shop' }

describe('the start of a program', () => {
  it('has arguments, terminal, container and pod in the flat shape', () => {
    expect(decoded[0]).toMatchObject({
      provider: 'tracee',
      node: 'node-a',
      runtime: {
        id: expect.stringMatching(/^tracee-[0-9a-f]{32}$/),
        time: 1_795_359_600_124_456,
        category: 'process',
        action: 'exec',
        process: {
          entity_id: 'node-a/3953446441',
          pid: 4242,
          name: 'sh',
          executable: '/bin/busybox',
          args: ['sh', '-c', 'id; cat /etc/passwd'],
          command_line: '/bin/busybox -c id; cat /etc/passwd',
          user_id: 1000,
          start_time: 1_795_359_599_000_000,
          interactive: true,
          socket_stdio: false,
          ancestors: [{ entity_id: 'node-a/2142180145', pid: 4141 }]
        },
        container: CONTAINER,
        pod: POD,
        alert: null,
        attributes: { event_name: 'sched_process_exec', 'args.prev_comm': 'runc:[2:INIT]', container_started: 'true' }
      }
    })
  })

  it('has the same in the nested shape, of the node that read it', () => {
    expect(runtime(11)).toMatchObject({
      time: 1_795_359_601_123_456,
      action: 'exec',
      process: {
        entity_id: 'node-b/3953446441',
        pid: 4242,
        name: 'sh',
        executable: '/bin/busybox',
        args: ['sh', '-c', 'id'],
        user_id: 1000,
        start_time: 1_795_359_599_000_000,
        interactive: null,
        socket_stdio: true,
        ancestors: [{ entity_id: 'node-b/2142180145', pid: 4141, name: 'runc' }]
      },
      container: CONTAINER,
      pod: POD,
      attributes: { 'args.inode': '18446744073709551615' }
    })
  })

  it('keeps no environment', () => {
    expect(JSON.stringify(decoded)).not.toContain('TOKEN=secret')
  })
})

it.each([
  [1, 'file', 'read', { file: { path: '/run/secrets/kubernetes.io/serviceaccount/token' } }],
  [2, 'network', 'connect', { network: { destination_ip: '203.0.113.99', destination_port: 4444, transport: 'tcp' } }],
  [3, 'network', 'dns', { network: { domain: 'pool.example.net', destination_ip: '10.96.0.10', direction: 'egress' } }],
  // The folder that a relative path begins at is not known, so it stays as it is.
  [4, 'file', 'open_write', { file: { path: 'loot.txt' } }],
  [5, 'file', 'read_failed', { file: { path: '/etc/shadow' }, attributes: { error: '13' } }],
  [6, 'file', 'rename', { file: { path: '/tmp/a', target_path: '/usr/bin/ls' } }],
  [7, 'process', 'exit', { process: { exit_code: 3 } }],
  [9, 'process', 'kill', { container: null, pod: null, attributes: { signal: 'SIGKILL', target_pid: '4000' } }],
  [10, 'network', 'packet', { network: { source_ip: 'fd12:3456:789a::2', transport: 'udp', direction: null } }],
  [12, 'network', 'connect', { network: { destination_ip: '2001:db8::7', destination_port: 443 }, pod: POD }]
])('event %i is %s %s', (index, category, action, more) => {
  expect(runtime(index)).toMatchObject({ category, action, alert: null, ...more })
})

describe('a finding', () => {
  it('of a signature is an alert about what the event behind it did', () => {
    expect(runtime(8)).toMatchObject({
      category: 'alert',
      action: 'ptrace',
      alert: {
        engine: 'tracee',
        rule: 'Anti-Debugging detected',
        priority: 'LOW',
        message: 'A process blocks debuggers.',
        tags: ['TRC-102', 'T1622', 'Debugger Evasion', 'defense-evasion']
      },
      attributes: { 'cause.request': '0' }
    })
  })

  it('of a detector as well, with a user of zero that its encoder left out', () => {
    expect(runtime(13)).toMatchObject({
      category: 'alert',
      action: 'open_write',
      file: { path: '/etc/crontab' },
      process: { user_id: 0, start_time: null },
      alert: {
        rule: 'File modification',
        priority: 'HIGH',
        tags: ['TRC-5', 'T1546', 'Event triggered execution', 'Persistence']
      }
    })
  })

  it('without an event behind it is an alert about its process', () => {
    const finding = flat({ eventName: 'dropped', args: null, metadata: { Properties: { Severity: 9 } } })
    expect(traceeEventFrom(finding, null).runtime).toMatchObject({
      category: 'alert',
      action: 'alert',
      alert: { rule: 'dropped', priority: '9' }
    })
  })
})

it('a thread’s start is not its process’s, and a time since the boot is no time of day', () => {
  expect(traceeEventFrom(flat({ hostThreadId: 4243 }), null).runtime?.process?.start_time).toBeNull()
  expect(runtime(10)?.process).toMatchObject({ start_time: null, entity_id: `node-a/3120261/${CONTAINER.id}` })
})

it.each([
  [{ sa_family: 'AF_UNIX', sun_path: '/run/dbus/system_bus_socket' }, null],
  [
    { sa_family: 'AF_INET6', sin6_addr: '::1', sin6_port: '80' },
    { destination_ip: '::1', destination_port: 80 }
  ],
  [
    { sa_family: 'AF_INET', sin_addr: '10.0.0.1', sin_port: 70_000 },
    { destination_ip: '10.0.0.1', destination_port: null }
  ],
  ['10.0.0.1', null]
])('a connection to %j is %j', (value, expected) => {
  const event = flat({
    eventName: 'connect',
    args: [{ name: 'addr', type: 'struct sockaddr*', value }],
    returnValue: -115
  })
  const { network, action } = traceeEventFrom(event, null).runtime ?? {}
  expect(action).toBe('connect')
  if (expected === null) expect(network).toBeNull()
  else expect(network).toMatchObject(expected)
})

it.each([
  ['openat', 'O_WRONLY|O_CREAT', 'open_write'],
  ['openat', 'O_RDONLY|O_CLOEXEC', 'read'],
  ['openat', 0o101, 'open_write'],
  ['openat', '0', 'read'],
  ['security_file_open', 'O_RDWR', 'open_write']
])('%s with flags %s is %s', (eventName, flags, action) => {
  const args = [
    { name: 'pathname', value: '/x' },
    { name: 'flags', value: flags }
  ]
  expect(traceeEventFrom(flat({ eventName, args }), null).runtime?.action).toBe(action)
})

it.each([
  ['execve', -2, 'exec_failed'],
  ['execve', 0, 'exec_check'],
  ['setns', -1, 'setns_failed'],
  ['connect', -111, 'connect'],
  ['made_up_event', 0, 'made_up_event']
])('%s that returned %i is %s', (eventName, returnValue, action) => {
  expect(traceeEventFrom(flat({ eventName, returnValue, args: [] }), null).runtime?.action).toBe(action)
})

it('a flow that came in was accepted', () => {
  const args = [
    { name: 'conn_direction', value: 'incoming' },
    { name: 'src', value: '10.0.0.9' },
    { name: 'dst', value: '10.0.0.1' },
    { name: 'dst_port', value: 8080 }
  ]
  expect(traceeEventFrom(flat({ eventName: 'net_flow_tcp_begin', args }), null).runtime).toMatchObject({
    action: 'accept',
    network: { direction: 'ingress', transport: 'tcp', source_ip: '10.0.0.9', destination_port: 8080 }
  })
})

it.each<[string, JsonObject]>([
  ['a record of CloudTrail', { eventVersion: '1.08', eventName: 'GetObject', eventSource: 's3.amazonaws.com' }],
  ['an object with a name and a time', { name: 'x', timestamp: 1, workload: {} }],
  ['a Kubernetes object', { name: 'x', timestamp: 1, context: { kind: 'Pod' } }]
])('%s is none of Tracee', (_name, json) => {
  expect(isTraceeEvent(json)).toBe(false)
  expect(() => traceeEventFrom(json, null)).toThrow(expect.objectContaining({ code: 'EVENT_FORMAT_UNKNOWN' }))
})

it('an event without a usable time takes that of arrival and says so, or is refused', () => {
  const timeless = flat({ timestamp: 'yesterday' })
  expect(traceeEventFrom(timeless, 1_800_000_000_000_000).runtime).toMatchObject({
    time: 1_800_000_000_000_000,
    attributes: { 'weir.io/time': 'arrival' }
  })
  expect(() => traceeEventFrom(timeless, null)).toThrow(expect.objectContaining({ code: 'EVENT_TIME_MISSING' }))
})

it('two events of one process at one time are two, and the same event read twice is one', () => {
  const [first, again, other] = [flat({}), flat({ container: { id: 'later known' } }), flat({ args: [] })].map(
    (event) => traceeEventFrom(event, null).runtime?.id
  )
  expect(again).toBe(first)
  expect(other).not.toBe(first)
})
