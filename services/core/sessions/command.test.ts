import { describe, expect, it } from 'vitest'
import { commandFit } from './command.ts'

describe('a command and a process', () => {
  it.each([
    ['sh', '/bin/sh', 3],
    ['sh -c ls /; env', '/bin/sh -c "ls /; env"', 3],
    ['/bin/bash', 'bash', 3],
    ['sh -c id', 'sh -c id', 3],
    ["sh -c echo 'a  b'", '/bin/sh -c "echo \'a b\'"', 3],
    ['sh', '/bin/sh -c id', 2],
    ['sh -c id', '/bin/sh -c env', 2],
    ['/usr/local/bin/a-very-long-name x', 'a-very-long-nam x', 3],
    ['/entry.sh x', '/bin/sh /entry.sh x', 3],
    ['ls -l', '/bin/busybox ls -l', 3],
    ['sh', '/bin/bash', 0],
    ['sh', '/bin/ash sh -x', 0],
    ['ls', '/bin/lsof', 0],
    ['sh', '', 0],
    [null, '/bin/sh', 1],
    ['sh', null, 1]
  ])('%s and %s fit by %d', (asked, ran, fit) => {
    expect(commandFit(asked, ran)).toBe(fit)
  })

  it('that were cut are compared by what is left', () => {
    const script = 'x'.repeat(224)
    expect(commandFit(`sh -c ${script}aaaa`, `/bin/sh -c ${script}bbbb`)).toBe(3)
    expect(commandFit(`sh -c y${script}`, `/bin/sh -c ${script}`)).toBe(2)
  })
})
