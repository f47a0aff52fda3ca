import { describe, expect, it } from 'vitest'
import { eventFixture, eventRecord } from '../../../test/support/event-fixtures.ts'
import { isObject, type JsonObject } from '../json.ts'
import { falcoEventFrom } from './falco.ts'
import { parseTimestamp } from './timestamp.ts'

const ARRIVAL = 1_800_000_000_000_000
const TIME = parseTimestamp('2026-11-20T15:00:00Z')
const decoded = eventFixture('falco.ndjson').map((alert) => falcoEventFrom(alert, ARRIVAL))

/** The first alert of the fixture with changes to its output fields. */
function withFields(changes: JsonObject): JsonObject {
  const alert = eventRecord('falco.ndjson')
  return { ...alert, output_fields: { ...(isObject(alert.output_fields) ? alert.output_fields : {}), ...changes } }
}

describe('an alert about system calls', () => {
  it('is an alert with process, container and pod', () => {
    expect(decoded[0]).toMatchObject({
      provider: 'falco',
      node: 'node-a',
      audit: null,
      runtime: {
        id: expect.stringMatching(/^falco-[0-9a-f]{32}$/),
        time: TIME,
        category: 'alert',
        action: 'exec',
        alert: {
          engine: 'falco',
          rule: 'Terminal shell in container',
          priority: 'Warning',
          tags: ['container', 'T1059']
        },
        process: {
          entity_id: `node-a/4242/1795359599000000`,
          pid: 4242,
          name: 'sh',
          executable: '/bin/sh',
          command_line: 'sh -c id',
          working_directory: '/app',
          user_id: 0,
          interactive: true,
          in_image: false,
          ancestors: [{ name: 'runc', pid: 4141 }, { name: null, pid: null }, { name: 'systemd' }]
        },
        container: {
          id: '4f5e6d7c8b9a',
          name: 'web',
          image_name: 'registry.example.com/shop/web:2.1',
          image_id: 'sha256:1111',
          privileged: false
        },
        pod: { uid: '6a7b0d9e-7c1d-4a0f-8e54-0f1d4b6f5a01', name: 'web-1', namespace: 'shop' },
        attributes: { 'evt.type': 'execve', 'proc.cmdline': 'sh -c id', source: 'syscall' }
      }
    })
  })

  it('values that say nothing are absent', () => {
    const attributes = decoded[0]?.runtime?.attributes ?? {}
    expect(Object.keys(attributes)).not.toContain('user.name')
    expect(Object.keys(attributes)).not.toContain('proc.aname[2]')
  })

  it('fields cannot pass for notes of ours', () => {
    const event = falcoEventFrom(withFields({ 'weir.io/time': 'arrival', 'weir.io/cut': 'x' }), ARRIVAL).runtime
    expect(Object.keys(event?.attributes ?? {}).filter((name) => name.startsWith('weir.io/'))).toEqual([])
  })

  it.each([
    [
      1,
      {
        direction: 'egress',
        transport: 'tcp',
        source_ip: '10.1.2.3',
        source_port: 40000,
        destination_ip: '203.0.113.99',
        destination_port: 4444
      }
    ],
    [
      2,
      {
        direction: 'ingress',
        source_ip: '198.51.100.8',
        source_port: 51000,
        destination_ip: '10.1.2.3',
        destination_port: 8080
      }
    ],
    [
      3,
      {
        direction: 'egress',
        source_ip: '2001:db8::1',
        source_port: 40000,
        destination_ip: '2001:db8::2',
        destination_port: 443
      }
    ]
  ])('alert %i has its connection', (index, network) => {
    expect(decoded[index]?.runtime?.network).toMatchObject(network)
    expect(decoded[index]?.runtime?.file).toBeNull()
  })

  it.each([
    [4, { path: '/etc/shadow', target_path: null, mode: 'O_RDONLY' }],
    [5, { path: '/etc/shadow', target_path: '/tmp/x', mode: null }]
  ])('alert %i has its file', (index, file) => {
    expect(decoded[index]?.runtime?.file).toEqual(file)
    expect(decoded[index]?.runtime?.network).toBeNull()
  })

  it.each<readonly [JsonObject, string]>([
    [{ 'evt.type': 'execve' }, 'exec'],
    [{ 'evt.type': 'execveat' }, 'exec'],
    [{ 'evt.type': 'openat', 'fd.name': '/etc/shadow' }, 'read'],
    [{ 'evt.type': 'openat', 'fd.name': '/etc/x', 'evt.arg.flags': 'O_RDONLY|O_CLOEXEC' }, 'read'],
    [{ 'evt.type': 'openat', 'fd.name': '/etc/x', 'evt.arg.flags': 'O_TRUNC|O_CREAT|O_WRONLY' }, 'open_write'],
    [{ 'evt.type': 'openat', 'fd.name': '/etc/x', 'evt.is_open_write': true }, 'open_write'],
    [{ 'evt.type': 'connect' }, 'connect'],
    [{ 'evt.type': 'accept4' }, 'accept'],
    [{ 'evt.type': 'symlinkat' }, 'link'],
    [{ 'evt.type': 'unlinkat' }, 'unlink'],
    [{ 'evt.type': 'setns' }, 'setns'],
    [{ 'evt.type': 'procexit' }, 'alert'],
    [{ 'evt.type': 'no_such_call' }, 'alert'],
    [{ 'evt.type': null }, 'exec'],
    [{ 'evt.type': null, 'fd.name': '10.0.0.1:40000->10.0.0.2:443', 'fd.is_server': false }, 'connect'],
    [{ 'evt.type': null, 'fd.name': '10.0.0.1:40000->10.0.0.2:443' }, 'alert'],
    [{ 'evt.type': null, 'fd.name': '/bin/hack' }, 'alert'],
    [{ 'evt.type': null, 'fd.name': 'something' }, 'alert']
  ])('with %o is about %s, and stays an alert', (changes, action) => {
    expect(falcoEventFrom(withFields(changes), ARRIVAL).runtime).toMatchObject({ category: 'alert', action })
  })

  it('on the host has no container', () => {
    expect(decoded[1]?.runtime?.container).toBeNull()
  })

  it.each([
    ['without start', { 'proc.pid.ts': null }, 'node-a/4242/4f5e6d7c8b9a/sh'],
    ['without pid', { 'proc.pid': '<NA>' }, expect.stringMatching(/^falco-/)]
  ])('a process %s is never another one', (_, changes, entityId) => {
    expect(falcoEventFrom(withFields(changes), ARRIVAL).runtime?.process?.entity_id).toEqual(entityId)
  })

  it('a file whose name holds an arrow is no connection', () => {
    const event = falcoEventFrom(withFields({ 'fd.name': '/tmp/a->b' }), ARRIVAL).runtime
    expect(event?.network).toBeNull()
    expect(event?.file?.path).toBe('/tmp/a->b')
  })
})

describe('time', () => {
  it.each([
    ['2026-11-20T15:00:00.000000001Z', null, TIME],
    ['2021-04-13T20:58:00.746609046Z+2', 1_618_347_519_000_000, 1_618_347_519_000_000],
    [undefined, 1_618_347_519_000_000_000, 1_618_347_519_000_000],
    ['never', undefined, ARRIVAL]
  ])('%j with evt.time %j', (time, evtTime, expected) => {
    const event = falcoEventFrom({ ...withFields({ 'evt.time': evtTime }), time }, ARRIVAL).runtime
    expect(event?.time).toBe(expected)
    expect(event?.attributes['weir.io/time']).toBe(expected === ARRIVAL ? 'arrival' : undefined)
  })
})

describe('an alert about the audit log', () => {
  it('that names user, verb and target is the audit event, with Falco’s verdict beside it', () => {
    expect(decoded[6]).toMatchObject({
      provider: 'kubernetes',
      runtime: null,
      audit: {
        auditID: expect.stringMatching(/^falco-[0-9a-f]{32}$/),
        stage: 'ResponseComplete',
        verb: 'get',
        requestURI: '/api/v1/namespaces/shop/secrets/db?x=1',
        user: { username: 'bob', groups: ['devs', 'system:authenticated'] },
        sourceIPs: ['198.51.100.7'],
        objectRef: { resource: 'secrets', namespace: 'shop', name: 'db', apiVersion: 'v1' },
        responseStatus: { code: 200 },
        stageTimestamp: TIME,
        annotations: {
          'authorization.k8s.io/decision': 'allow',
          'falco.org/rule': 'K8s Secret Get Successfully',
          'falco.org/priority': 'Warning',
          'falco.org/audit-id': '0b1c2d3e'
        }
      }
    })
  })

  it('that names less stays an alert, on the pod it is about', () => {
    expect(decoded[7]?.runtime).toMatchObject({
      category: 'alert',
      process: null,
      pod: { name: 'web-1', namespace: 'shop', uid: null },
      attributes: { 'ka.user.name': 'bob', 'ka.uri.param[command]': 'sh' }
    })
  })
})

describe('what Falco says about itself', () => {
  it.each([
    [8, 'drop', 'n_drops'],
    [9, 'metrics', 'falco.n_drops']
  ])('alert %i is about the sensor: %s', (index, action, attribute) => {
    expect(decoded[index]?.runtime).toMatchObject({ category: 'sensor', action, alert: null, process: null })
    expect(decoded[index]?.runtime?.attributes).toHaveProperty([attribute])
  })
})

describe('identity', () => {
  it('does not depend on the uuid a forwarder makes up', () => {
    const alert = eventRecord('falco.ndjson')
    expect(falcoEventFrom({ ...alert, uuid: 'x' }, ARRIVAL).runtime?.id).toBe(decoded[0]?.runtime?.id)
  })

  it('depends on the nanosecond', () => {
    const alert = { ...eventRecord('falco.ndjson'), time: '2026-11-20T15:00:00.000000002Z' }
    expect(falcoEventFrom(alert, ARRIVAL).runtime?.id).not.toBe(decoded[0]?.runtime?.id)
  })
})

it('what names no rule is no alert', () => {
  expect(() => falcoEventFrom({ output: 'x' }, ARRIVAL)).toThrowError(
    expect.objectContaining({ code: 'EVENT_FORMAT_UNKNOWN' })
  )
})
