import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { RuntimeEvent } from '../../schemas/generated/types.ts'
import { eventFixture } from '../../test/support/event-fixtures.ts'
import { recordBytes } from '../../test/support/sensor/record-bytes.ts'
import { decodeRecords } from '../core/events/format.ts'
import { at, type JsonObject } from '../core/json.ts'
import { partsOf } from './bpftrace/lines.ts'
import { createBpftraceObserver } from './bpftrace/observer.ts'
import { openBatch } from './sensor/batch.ts'
import { FLAGS } from './sensor/layout.ts'
import { createObserver } from './sensor/observer.ts'
import type { ProcProcess } from './sensor/proc.ts'
import { recordAt } from './sensor/record.ts'
import { eventsOf } from './sensor/unpack.ts'

const ID = '0123456789abcdef'.repeat(4)
const POD = '/kubepods/pod0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
const SHIM: ProcProcess = {
  pid: 100,
  parent_pid: 1,
  name: 'sh',
  start: 100,
  user_id: 0,
  interactive: false,
  executable: '/bin/sh',
  args: ['sh'],
  working_directory: '/',
  own_pid: 1,
  cgroups: [`0::${POD}/${ID}`]
}

/** What the samples lack and some builds or rules of the engine have. */
const TETRAGON_TTY = { process_exec: { process: { exec_id: 'x', pid: 7, tty: 34_816 } }, time: '2026-11-20T14:00:00Z' }
const FALCO_NAME = {
  rule: 'x',
  time: '2026-11-20T14:00:00Z',
  output_fields: { 'fd.sip': '10.0.0.1', 'fd.sip.name': 'a.example' }
}

/** Everything that the samples of an engine come to. */
const ofEngine = (file: string, ...more: readonly JsonObject[]): RuntimeEvent[] =>
  decodeRecords([...eventFixture(file), ...more], {
    cluster: { id: 'c', name: 'c' },
    instance: 'n',
    received: 1_800_000_000_000_000
  }).events.flatMap(({ runtime }) => runtime ?? [])

/** Records as the kernel wrote them, and one that has what those lack. */
function ofBuiltin(): RuntimeEvent[] {
  const recorded: Record<string, string> = JSON.parse(
    readFileSync(new URL('../../test/fixtures/sensor/records.json', import.meta.url), 'utf8')
  )
  const observer = createObserver({
    node: 'n',
    boot_id: 'abcdef01-2345-6789-abcd-ef0123456789',
    run: 'r',
    cgroup_version_1: false,
    readProcess: (pid) => (pid === 100 ? SHIM : null),
    now_ms: () => 0
  })
  observer.setOffset(1_700_000_000_000_000)
  const values = [1n, 10_000_000n, 1n, 0xffn, 100n, 0n, 0xffffffffn]
  const texts = ['/bin/sh', '/bin/sh', '/work', 'sh\0-i\0']
  const records = [
    ...Object.values(recorded).map((hex) => Buffer.from(hex, 'hex')),
    recordBytes({ kind: 'cgroup', texts: [`${POD}/${ID}`], values: [77n] }),
    recordBytes({
      kind: 'exec',
      pid: 100,
      start_ns: 1_000_000_000,
      cgroup: 77,
      texts,
      values,
      flags: FLAGS.overlay_root | FLAGS.same_fs
    }),
    recordBytes({ kind: 'exit', pid: 100, start_ns: 1_000_000_000, cgroup: 77, values: [0x300n] })
  ]
  return records.flatMap((bytes) => {
    const record = recordAt(bytes, 0, bytes.length)
    const event = record === null ? null : observer.observe(record)
    if (event === null) return []
    const batch = openBatch(event.pod_uid)
    batch.add(event)
    return eventsOf(batch.bytes(), event.container, event.pod_uid)
  })
}

function ofBpftrace(): RuntimeEvent[] {
  const events: RuntimeEvent[] = []
  const { take } = createBpftraceObserver({
    node: 'n',
    boot_id: 'abcdef01',
    read: (pid) => (pid === 100 ? SHIM : null),
    monotonic_us: () => 0,
    boottime_us: () => 0,
    now_ms: () => 0,
    emit: (event) => void events.push(event)
  })
  const head = '1 200 200 1000 100 7010000000'
  const lines = [`E ${head} /bin/x`, 'A 200 0 x', `X ${head} 200 /bin/x`, 'N 200 x']
  const further = [`C ${head} 20480 10.0.0.1`, 'N 200 x', `O ${head} 577 /tmp/x`, 'N 200 x', `Q ${head} 0 x`]
  for (const line of [...lines, ...further]) {
    const said = partsOf(line)
    if (said !== null) take(said)
  }
  return events
}

const SOURCES: Readonly<Record<string, () => RuntimeEvent[]>> = {
  builtin: ofBuiltin,
  Tetragon: () => ofEngine('tetragon.ndjson', TETRAGON_TTY),
  Falco: () => ofEngine('falco.ndjson', FALCO_NAME),
  Tracee: () => ofEngine('tracee.ndjson'),
  bpftrace: ofBpftrace
}

const README = readFileSync(new URL('README.md', import.meta.url), 'utf8')
const table = README.slice(README.indexOf('### Which source gives which field'))
  .split('\n')
  .filter((line) => line.startsWith('| '))
const cellsOf = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
const end = table.findIndex((line, index) => index > 1 && cellsOf(line).length !== 6)
const [header = '', , ...rows] = end === -1 ? table : table.slice(0, end)
const [, ...names] = cellsOf(header)

/** Whether any event has something there. */
const given = (events: readonly RuntimeEvent[], field: string): boolean =>
  events.some((event) => {
    const value = at(event, field.split('.'))
    return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)
  })

describe('the table of fields in the README', () => {
  it('has a column for each sensor and a row for each field of a process', () => {
    expect(names).toEqual(Object.keys(SOURCES))
    const [event] = ofBpftrace()
    const told = rows.map((row) => cellsOf(row)[0])
    for (const field of Object.keys(event?.process ?? {})) expect(told).toContain(`\`process.${field}\``)
  })

  it.each(names)('says of %s what it gives, and what it does not', (name) => {
    const events = SOURCES[name]?.() ?? []
    const column = names.indexOf(name) + 1
    const wrong = rows.flatMap((row) => {
      const cells = cellsOf(row)
      const field = (cells[0] ?? '').replaceAll('`', '')
      const promised = cells[column] !== '–'
      return promised === given(events, field) ? [] : [`${field} is ${promised ? 'promised' : 'given'}`]
    })
    expect(wrong).toEqual([])
  })
})
