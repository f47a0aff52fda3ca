import { describe, expect, it } from 'vitest'
import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import type { ProcProcess } from '../sensor/proc.ts'
import { partsOf, readBpftraceLine } from './lines.ts'
import { createBpftraceObserver } from './observer.ts'

const CONTAINER = '4f5e6d7c8b9a0f1e'.repeat(4)
const POD_UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
const SHELL: ProcProcess = {
  pid: 100,
  parent_pid: 1,
  name: 'sh',
  start: 500,
  user_id: 0,
  interactive: false,
  executable: '/bin/sh',
  args: ['sh'],
  working_directory: '/',
  own_pid: 1,
  cgroups: [
    '11:memory:/x',
    `0::/kubepods.slice/kubepods-pod${POD_UID.replaceAll('-', '_')}.slice/cri-containerd-${CONTAINER}.scope`
  ]
}

function world(processes: readonly ProcProcess[] = [SHELL]) {
  const events: RuntimeEvent[] = []
  let now = 1_700_000_000_000
  const { take, tick } = createBpftraceObserver({
    node: 'n1',
    boot_id: '12345678-0000',
    read: (pid) => processes.find((one) => one.pid === pid) ?? null,
    monotonic_us: () => 1_000_000_000,
    boottime_us: () => 2_000_000_000,
    now_ms: () => now,
    emit: (event) => void events.push(event)
  })
  return {
    events,
    say: (...lines: readonly string[]) => {
      for (const line of lines) {
        const said = partsOf(line)
        if (said === null) throw new Error(`not understood: ${line}`)
        take(said)
      }
    },
    later: (ms: number) => {
      now += ms
      tick()
    }
  }
}

/** Nanoseconds, pid, thread, user, parent, start: of a child of the shell. */
const HEAD = '5000000 200 200 1000 100 7010000000'
const ATTEMPT = [`E ${HEAD} ./run me`, 'A 200 0 run me', 'A 200 1 a\nb "c"', 'A 200 2 ']
const HAPPENED = [`X ${HEAD} 200 /opt/run me`, 'N 200 run me']

describe('an exec', () => {
  it('has its arguments one by one, whatever is in them, and is in the container of its parent when it has ended', () => {
    const { say, events } = world()
    say('C 1 100 100 0 1 5000000000 20480 10.0.0.1', 'N 100 sh', ...ATTEMPT, ...HAPPENED)
    expect(events[1]).toEqual({
      id: 'bpftrace-n1-12345678-5000000-200-X',
      time: 1_000_005_000,
      category: 'process',
      action: 'exec',
      process: {
        entity_id: 'n1/12345678/200/701',
        pid: 200,
        name: 'run me',
        executable: '/opt/run me',
        args: ['run me', 'a\nb "c"', ''],
        command_line: 'run me a\nb "c" ',
        working_directory: null,
        user_id: 1000,
        start_time: 2_007_010_000,
        interactive: null,
        in_image: null,
        entry: null,
        socket_stdio: null,
        exit_code: null,
        ancestors: [
          { entity_id: 'n1/12345678/100/500', pid: 100, name: 'sh', executable: '/bin/sh', command_line: 'sh' },
          { entity_id: null, pid: 1, name: null, executable: null, command_line: null }
        ]
      },
      container: { id: CONTAINER, name: null, image_name: null, image_id: null, privileged: null },
      pod: { uid: POD_UID, name: null, namespace: null },
      network: null,
      file: null,
      alert: null,
      attributes: { tid: '200', filename: '/opt/run me' }
    })
  })

  it('whose arguments never come is told without them', () => {
    const { say, later, events } = world()
    say(...HAPPENED)
    later(500)
    expect(events).toEqual([])
    later(600)
    expect(events).toMatchObject([{ action: 'exec', process: { name: 'run me', args: [], command_line: null } }])
  })

  it('by a thread has the arguments of that thread', () => {
    const { say, events } = world()
    say('E 1 200 201 0 100 7010000000 /bin/x', 'A 201 0 x', `X ${HEAD} 201 /bin/x`, 'N 200 x')
    expect(events).toMatchObject([{ action: 'exec', process: { pid: 200, args: ['x'] } }])
  })

  it('that fails says how, and is none', () => {
    const { say, events } = world()
    say('E 1 100 100 0 1 5000000000 /nonexistent', 'A 100 0 x', 'F 2 100 -2')
    expect(events).toMatchObject([
      { action: 'exec_failed', process: { pid: 100, name: 'sh' }, attributes: { filename: '/nonexistent', error: '2' } }
    ])
  })
})

it('ends, connections and files are told of the process, not of its thread', () => {
  const { say, events } = world()
  say(...ATTEMPT, ...HAPPENED)
  say('C 6 200 207 1000 100 7010000000 47873 ::1', 'N 207 worker')
  say('O 7 200 207 1000 100 7010000000 577 /tmp/N 1 x', 'N 207 worker')
  say(`Q ${HEAD} 768 run me`, `Q ${HEAD} 9 run me`)
  expect(events.slice(1)).toMatchObject([
    { action: 'connect', process: { name: 'run me' }, network: { destination_ip: '::1', destination_port: 443 } },
    { action: 'open_write', process: { name: 'run me' }, file: { path: '/tmp/N 1 x', mode: '01101' } },
    { action: 'exit', process: { exit_code: 3 } },
    { action: 'exit', process: { exit_code: null } }
  ])
})

it('a process id that is used again is another process', () => {
  const { say, events } = world()
  say(...ATTEMPT, ...HAPPENED, 'C 9 200 200 0 100 9990000000 20480 10.0.0.1', 'N 200 other')
  expect(events.map(({ process }) => [process?.entity_id, process?.name])).toEqual([
    ['n1/12345678/200/701', 'run me'],
    ['n1/12345678/200/999', 'sh']
  ])
})

describe('a line of bpftrace', () => {
  const line = (data: string) => readBpftraceLine(Buffer.from(`{"type": "printf", "data": "${data}"}`))
  it.each([
    ['A 1 0 caf\\uffffffc3\\uffffffa9', 'A 1 0 café'],
    ['A 1 0 \\uffffffff', 'A 1 0 \ufffd'],
    // A process that writes the letters itself.
    ['A 1 0 \\\\uffffff41', 'A 1 0 \\uffffff41'],
    ['A 1 0 a\\"b\\n\\u001b', 'A 1 0 a"b\n\u001b']
  ])('%s is bytes', (data, text) => {
    expect(line(data)).toEqual({ type: 'text', text })
  })

  it('may tell of losses', () => {
    expect(readBpftraceLine(Buffer.from('{"type": "lost_events", "data": {"events": 12}}'))).toEqual({
      type: 'lost',
      count: 12
    })
  })

  it.each(['', 'Attaching 9 probes', '{"type": "attached_probes", "data": {"probes": 9}}', '[]', '{"type":"printf"}'])(
    '%j tells nothing',
    (text) => {
      expect(readBpftraceLine(Buffer.from(text))).toBeNull()
    }
  )

  it.each(['', 'Z 1', 'A', 'A 1', 'A x 0 y', 'X 1 2 3', '__proto__'])('%j is none of our program', (text) => {
    expect(partsOf(text)).toBeNull()
  })
})
