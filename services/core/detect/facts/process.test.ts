import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EnrichedEvent } from '../../../../schemas/generated/types.ts'
import { auditEvent, type RuntimeShorthand, runtimeEvent, TEST_TIME } from '../../../cli/rule-tests/test-events.ts'
import { ancestorsOf, podAgeSeconds, programNameOf } from './process.ts'

/** The facts about the process of an event, as rules read them. */
const processFacts = ({ runtime }: EnrichedEvent) => ({
  program: programNameOf(runtime?.process ?? null),
  parent: programNameOf(runtime?.process?.ancestors[0] ?? null),
  ancestors: ancestorsOf(runtime)
})

const programOf = (process: NonNullable<RuntimeShorthand['process']>) => processFacts(runtimeEvent({ process })).program

describe('the program of a process', () => {
  it.each([
    ['the file without folders', { executable: '/usr/bin/Curl' }, 'curl'],
    ['the short name when the path is not known', { executable: null, name: 'curl' }, 'curl'],
    ['the short name when the path is empty', { executable: '', name: 'curl' }, 'curl'],
    ['nothing when neither is known', { executable: null, name: null }, null],
    ['that of a deleted file', { executable: '/tmp/.x/run (deleted)' }, 'run'],
    ['not the name that the process gives itself', { executable: '/tmp/x', args: ['[kworker/0:0]'] }, 'x'],
    ['the applet by its name', { executable: '/bin/busybox', args: ['wget', '-q'] }, 'wget'],
    ['the applet by its path', { executable: '/bin/busybox', args: ['/usr/bin/wget', '-q'] }, 'wget'],
    ['the applet as argument', { executable: '/bin/busybox', args: ['busybox', 'wget'] }, 'wget'],
    [
      'the applet of a command line',
      { executable: '/bin/busybox', args: [], command_line: '/bin/busybox nc -l' },
      'nc'
    ],
    ['the applet by the command line’s name', { executable: '/bin/busybox', args: [], command_line: 'sh -c id' }, 'sh'],
    ['the applet by the short name', { executable: '/bin/busybox', args: [], command_line: null, name: 'ash' }, 'ash'],
    ['busybox itself', { executable: '/bin/busybox', args: ['busybox', '--list'] }, 'busybox'],
    [
      'busybox when it is called by a folder',
      { executable: '/bin/busybox', args: ['a/'], command_line: null, name: null },
      'busybox'
    ],
    ['that of toybox', { executable: '/system/bin/toybox', args: ['toybox', 'id'] }, 'id']
  ])('is %s', (_, process, program) => {
    expect(programOf(process)).toBe(program)
  })
})

describe('facts of a process', () => {
  it('name the ancestors, the parent first, and leave out those not known', () => {
    const event = runtimeEvent({
      process: {
        ancestors: [
          { executable: '/bin/busybox', command_line: '/bin/busybox sh -c x' },
          {},
          { name: 'nginx' },
          { executable: '/usr/bin/containerd-shim-runc-v2' }
        ]
      }
    })
    expect(processFacts(event)).toEqual({
      program: 'app',
      parent: 'sh',
      ancestors: ['sh', 'nginx', 'containerd-shim-runc-v2']
    })
  })

  it('have no parent when it is not known, whatever is known above it', () => {
    const event = runtimeEvent({ process: { ancestors: [{}, { name: 'nginx' }] } })
    expect(processFacts(event)).toMatchObject({ parent: null, ancestors: ['nginx'] })
  })

  it('are none for an API request and for an event without a process', () => {
    const none = { program: null, parent: null, ancestors: [] }
    expect(processFacts(auditEvent({ verb: 'get' }))).toEqual(none)
    const { runtime, ...event } = runtimeEvent({})
    expect(processFacts({ ...event, runtime: runtime === null ? null : { ...runtime, process: null } })).toEqual(none)
  })

  it('never throw, and programs have no folders', () => {
    const text = fc.option(fc.oneof(fc.string(), fc.constantFrom('/bin/busybox', 'busybox', '/', ' ', 'a/b')), {
      nil: null
    })
    const process = fc.record({ executable: text, name: text, command_line: text, args: fc.array(fc.string()) })
    fc.assert(
      fc.property(process, (given) => {
        const program = programOf(given) ?? null
        expect(program === null || (program !== '' && !program.includes('/'))).toBe(true)
      })
    )
  })
})

describe('the age of a pod', () => {
  it.each([
    [TEST_TIME - 61_500_000, 61],
    [TEST_TIME, 0],
    [TEST_TIME + 1_000_000, 0],
    [null, null]
  ])('made at %s is %s seconds', (created, age) => {
    expect(podAgeSeconds(runtimeEvent({}, { pod: { created } }))).toBe(age)
  })
})
