import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../services/core/json.ts'
import { type Machine, scrub, scrubRuntime } from '../support/record-attack/scrub.ts'

const MACHINE: Machine = {
  folder: '/home/someone/weir/.weir/recording/containerd',
  home: '/home/someone/weir/.weir/recording',
  address: '172.20.1.9',
  host_name: 'vm',
  boot_id: 'abcdef01-2345-6789-abcd-ef0123456789'
}
const ancestor = (executable: string) => ({ entity_id: null, pid: 1, name: null, executable, command_line: executable })

describe('a record without what tells of its machine', () => {
  it.each([
    [
      'the address, and not one that only begins like it',
      ['172.20.1.9', 'https://172.20.1.9:16443', '172.20.1.90', '1.172.20.1.9'],
      ['10.0.1.10', 'https://10.0.1.10:16443', '172.20.1.90', '1.172.20.1.9']
    ],
    [
      'folders',
      [`${MACHINE.folder}/containerd.sock`, `${MACHINE.home}/kubelet/pods`],
      ['/run/containerd/containerd.sock', '/var/lib/node/kubelet/pods']
    ],
    [
      'the host name where it stands alone, however short',
      ['vm', '/proc/sys/vm/overcommit_memory'],
      ['node1', '/proc/sys/vm/overcommit_memory']
    ],
    [
      'the boot',
      [MACHINE.boot_id, 'bpf-node1-abcdef01-x-1', 'node1/abcdef01/7/8'],
      ['00000000-0000-4000-8000-000000000000', 'bpf-node1-00000000-x-1', 'node1/00000000/7/8']
    ],
    ['tokens', ['Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln_-x end'], ['Bearer ***** end']]
  ])('lacks %s', (_, before, after) => {
    expect(scrub(before, MACHINE)).toEqual(after)
  })

  it('has a node like any other', () => {
    const info = {
      machineID: 'f00',
      systemUUID: 'f01',
      bootID: 'f02',
      kernelVersion: '6.1-special',
      osImage: 'Debian',
      architecture: 'amd64'
    }
    expect(scrub({ nodeInfo: info }, MACHINE)).toEqual({
      nodeInfo: {
        machineID: '00000000000040008000000000000000',
        systemUUID: '00000000-0000-4000-8000-000000000000',
        bootID: '00000000-0000-4000-8000-000000000000',
        kernelVersion: '6.12.0',
        osImage: 'Linux',
        architecture: 'amd64'
      }
    })
  })

  it('knows no ancestors above the shim of the container', () => {
    const inside = [ancestor('/bin/sh'), ancestor('/usr/bin/containerd-shim-runc-v2')]
    const event: JsonObject = {
      process: { ancestors: [...inside, ancestor('/usr/bin/containerd'), ancestor('/bin/agent')] }
    }
    expect(scrubRuntime(event, MACHINE)).toEqual({ process: { ancestors: inside } })
    expect(scrubRuntime({ process: null }, MACHINE)).toEqual({ process: null })
  })
})
