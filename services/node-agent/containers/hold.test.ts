import { describe, expect, it } from 'vitest'
import type { RuntimeEvent } from '../../../schemas/generated/types.ts'
import type { RuntimeContainer } from '../../core/enrich/attribution.ts'
import { createHold, type HoldPorts } from './hold.ts'

const ID = 'ab'.repeat(32)
const known: RuntimeContainer = {
  id: ID,
  name: 'web',
  image_name: 'nginx:1',
  image_id: 'sha256:1',
  privileged: true,
  pod: { uid: 'p1', name: 'web-1', namespace: 'shop' },
  host_network: false,
  host_pid: false,
  host_ipc: false,
  addresses: [],
  labels: {},
  state: 'running',
  created: 1,
  started: 1,
  restarts: 0
}
const event = (id: string | null = ID, more: Partial<RuntimeEvent> = {}): RuntimeEvent => ({
  id: 'e',
  time: 1,
  category: 'process',
  action: 'exec',
  process: null,
  container: id === null ? null : { id, name: null, image_name: null, image_id: null, privileged: null },
  pod: null,
  network: null,
  file: null,
  alert: null,
  attributes: { note: 'x' },
  ...more
})

function holdWith(ports: Partial<HoldPorts> = {}) {
  const clock = { now: 1_000 }
  const containers = new Map<string, RuntimeContainer>()
  const hold = createHold({
    options: { hold_ms: 100, hold_max_events: 3, hold_max_events_per_container: 2, give_up_ms: 60_000 },
    find: (id) => containers.get(id) ?? null,
    state: () => 'answers',
    now_ms: () => clock.now,
    ...ports
  })
  return { hold, clock, containers }
}
const reasonOf = (result: ReturnType<ReturnType<typeof createHold>['take']>) =>
  'waits' in result ? 'waits' : result.attributes['weir.io/unattributed']

describe('an event', () => {
  it('of a known container has all that the runtime knows', () => {
    const { hold } = holdWith({ find: () => known })
    expect(hold.take(event(ID.slice(0, 12)), null, true)).toMatchObject({
      container: { id: ID, name: 'web', image_name: 'nginx:1', image_id: 'sha256:1', privileged: true },
      pod: { uid: 'p1', name: 'web-1', namespace: 'shop' },
      attributes: { note: 'x' }
    })
  })

  it('keeps what its sensor said', () => {
    const { hold } = holdWith({ find: () => known })
    const container = { id: ID, name: 'other', image_name: 'y', image_id: null, privileged: null }
    expect(hold.take(event(ID, { container }), null, true)).toMatchObject({
      container: { name: 'other', image_name: 'y', image_id: 'sha256:1', privileged: true }
    })
  })

  it('of the host, or that lacks nothing but details, never waits', () => {
    const { hold } = holdWith()
    const named = event(ID, {
      container: { id: ID, name: 'web', image_name: null, image_id: null, privileged: null },
      pod: { uid: null, name: 'web-1', namespace: 'shop' }
    })
    for (const each of [event(null), named]) expect(hold.take(each, null, true)).toBe(each)
  })

  it('waits until its container is known', () => {
    const { hold, clock, containers } = holdWith()
    expect(hold.take(event(), null, true)).toEqual({ waits: 1_000 })
    clock.now += 50
    expect(hold.take(event(), 1_000, true)).toEqual({ waits: 1_000 })
    containers.set(ID, known)
    expect(hold.take(event(), 1_000, true)).toMatchObject({ pod: { name: 'web-1' } })
  })

  it('leaves with a reason when its time is up, and those after it do not wait again', () => {
    const { hold, clock } = holdWith()
    hold.take(event(), null, true)
    clock.now += 100
    expect(reasonOf(hold.take(event(), 1_000, true))).toBe('unknown container')
    expect(reasonOf(hold.take(event(), null, true))).toBe('unknown container')
    expect(reasonOf(hold.take(event('cd'.repeat(32)), null, true))).toBe('waits')
  })

  it.each([
    ['forwards', 3_600_000],
    ['back', -3_600_000]
  ])('does not wait for longer when the clock is set %s', (_, by) => {
    const { hold, clock } = holdWith()
    hold.take(event(), null, true)
    clock.now += by
    expect(reasonOf(hold.take(event(), 1_000, true))).toBe('unknown container')
    expect(reasonOf(hold.take(event('cd'.repeat(32)), null, true))).toBe('waits')
  })

  it.each([
    ['none', 'no runtime'],
    ['expected', 'waits'],
    ['answers', 'waits']
  ] as const)('with a runtime in state %s: %s', (state, wanted) => {
    expect(reasonOf(holdWith({ state: () => state }).hold.take(event(), null, true))).toBe(wanted)
  })

  it('leaves when there is nowhere to wait', () => {
    expect(reasonOf(holdWith().hold.take(event(), null, false))).toBe('too many waiting')
  })
})

it('no more than so many wait, of one container and in all, and places become free again', () => {
  const { hold } = holdWith()
  const of = (letter: string) => event(letter.repeat(64))
  expect(['a', 'a', 'a', 'b', 'c'].map((letter) => reasonOf(hold.take(of(letter), null, true)))).toEqual([
    'waits',
    'waits',
    'too many waiting',
    'waits',
    'too many waiting'
  ])
  hold.take(of('b'), 1_000, false)
  expect(reasonOf(hold.take(of('c'), null, true))).toBe('waits')
})
