import { describe, expect, it } from 'vitest'
import { ALICE, BOB, type RequestSketch, requested, type StartSketch, started } from '../../../test/support/sessions.ts'
import { matchSessions } from './match.ts'
import { requestFrom, startFrom } from './session-facts.ts'

const POD = 'shop/web-1'
const request = (sketch: RequestSketch) => requestFrom([requested(sketch)], POD) ?? []
const start = (sketch: StartSketch) => startFrom(started(sketch), POD) ?? []

/** Pairs as `request process`, with those it may have been as well. */
function pairs(requests: readonly RequestSketch[], starts: readonly StartSketch[]): readonly string[] {
  const found = matchSessions(requests.flatMap(request), starts.flatMap(start))
  return found
    .map((match) => {
      const others = match.others.map(({ identity }) => ` or ${identity.name}`).join('')
      return `${match.request.actor.identity.name}${others} ${match.start.id}`
    })
    .sort()
}

describe('a request and a process', () => {
  it.each([
    ['at the same moment', { second: 0 }, {}, true],
    ['two seconds before, since clocks differ', { second: -2 }, {}, true],
    ['more than two seconds before', { second: -2.001 }, {}, false],
    ['ten seconds later', { second: 10 }, {}, true],
    ['more than ten seconds later', { second: 10.001 }, {}, false],
    ['in another container', { second: 1, container: 'sidecar' }, {}, false],
    ['in a container whose name the sensor does not know', { second: 1, container: null }, {}, true],
    ['when the request names no container', { second: 1, container: 'sidecar' }, { container: null }, true],
    ['of another pod of that name', { second: 1, uid: 'uid-before' }, {}, false],
    ['of a pod of which the request has no UID', { second: 1, uid: 'uid-before' }, { uid: null }, true],
    ['of another program', { second: 1, command: '/bin/bash' }, {}, false],
    ['with other arguments', { second: 1, command: '/bin/sh -c id' }, {}, true],
    ['whose command is not logged', { second: 1, command: '/bin/bash' }, { command: null }, true],
    ['after an attach, which starts none', { second: 1 }, { kind: 'attach' }, false]
  ] as const)('belong together or not: %s', (_, process, asked, isMatch) => {
    expect(pairs([{ second: 0, id: 'a', ...asked }], [{ id: 'p', ...process }])).toEqual(isMatch ? ['alice p'] : [])
  })
})

describe('several requests and processes', () => {
  const alice: RequestSketch = { second: 0, id: 'a', by: ALICE }
  const bob: RequestSketch = { second: 4, id: 'b', by: BOB, address: '10.0.0.6' }

  it('are matched with the nearest, each once', () => {
    const starts = [
      { second: 0.3, id: 'p' },
      { second: 4.3, id: 'q' }
    ]
    expect(pairs([alice, bob], starts)).toEqual(['alice p', 'bob q'])
    expect(pairs([bob, alice], starts.toReversed())).toEqual(['alice p', 'bob q'])
  })

  it('are told apart by arguments before distance', () => {
    const requests = [
      { ...alice, command: 'sh -c id' },
      { ...bob, second: 0.1, command: 'sh -c env' }
    ]
    const starts = [
      { second: 0.2, id: 'p', command: '/bin/sh -c env' },
      { second: 0.3, id: 'q', command: '/bin/sh -c id' }
    ]
    expect(pairs(requests, starts)).toEqual(['alice q', 'bob p'])
  })

  it('of two people who ask for the same in the same second are matched one to one, and both are named', () => {
    const starts = [
      { second: 0.4, id: 'p' },
      { second: 0.5, id: 'q' }
    ]
    expect(pairs([alice, { ...bob, second: 0.1 }], starts)).toEqual(['alice or bob q', 'bob or alice p'])
  })

  it('of one person are nobody else’s', () => {
    const starts = [
      { second: 0.4, id: 'p' },
      { second: 0.5, id: 'q' }
    ]
    expect(pairs([alice, { ...alice, id: 'a2', second: 0.1 }], starts)).toEqual(['alice p', 'alice q'])
  })

  it('leave a process over when there are fewer requests', () => {
    const starts = [
      { second: 0.2, id: 'p' },
      { second: 3, id: 'q' }
    ]
    expect(pairs([alice], starts)).toEqual(['alice p'])
  })
})
