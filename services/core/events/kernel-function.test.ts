import { describe, expect, it } from 'vitest'
import { asksForWriting, kernelActionOf } from './kernel-function.ts'

describe('kernelActionOf', () => {
  it.each([
    ['__x64_sys_setuid', 'privilege', 'setuid'],
    ['__arm64_sys_mount', 'privilege', 'mount'],
    ['sys_enter_unlinkat', 'file', 'unlink'],
    ['__sys_connect', 'network', 'connect'],
    ['tcp_connect', 'network', 'connect'],
    ['security_socket_connect', 'network', 'connect'],
    ['security_file_open', 'file', 'read'],
    ['bpf_lsm_file_open', 'file', 'read'],
    ['vfs_write', 'file', 'open_write'],
    ['ksys_read', 'file', 'read'],
    ['do_sys_openat2', 'file', 'read'],
    ['do_init_module', 'privilege', 'module_load'],
    ['security_bprm_check', 'process', 'exec_check'],
    ['cap_capable', 'privilege', 'capable'],
    ['wonder_function', 'process', 'wonder_function'],
    ['constructor', 'process', 'constructor'],
    ['__proto__', 'process', '__proto__'],
    ['security_', 'process', 'unknown']
  ])('%s is %s/%s', (name, category, action) => {
    expect(kernelActionOf(name)).toMatchObject({ category, action })
  })

  it('a name of any length gives an action of bounded length', () => {
    expect(kernelActionOf('x'.repeat(10_000)).action).toHaveLength(128)
  })
})

describe('asksForWriting', () => {
  it.each([
    ['open', 0, false],
    ['open', 0o2000000, false], // O_CLOEXEC
    ['open', 1, true], // O_WRONLY
    ['open', 2, true], // O_RDWR
    ['open', 0o100, true], // O_CREAT
    ['open', 577, true], // O_WRONLY|O_CREAT|O_TRUNC
    ['permission', 4, false], // MAY_READ
    ['permission', 2, true], // MAY_WRITE
    ['permission', 8, true], // MAY_APPEND
    ['mapping', 1, false], // PROT_READ
    ['mapping', 5, false], // PROT_READ|PROT_EXEC
    ['mapping', 3, true] // PROT_READ|PROT_WRITE
  ] as const)('%s with %i: %s', (access, bits, writing) => {
    expect(asksForWriting(access, bits)).toBe(writing)
  })
})
