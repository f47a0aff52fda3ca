import { CALL_BYTES, CALLS_MAX, type EventKind, HANDLERS, kindNumber } from './layout.ts'

/** One system call: how it is handled, and which of its arguments mean what (by index; null for none). */
interface SystemCall {
  readonly name: string
  readonly x64: number | null
  readonly arm64: number | null
  readonly handler: keyof typeof HANDLERS
  readonly kind: EventKind
  readonly dir1?: number
  readonly path1?: number
  readonly dir2?: number
  readonly path2?: number
  readonly value1?: number
  readonly value2?: number
}

/** Of a path that counts from no folder of the process. */
const AS_IT_IS = -2

/** Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux. */
const SYSTEM_CALLS: readonly SystemCall[] = [
  { name: 'open', x64: 2, arm64: null, handler: 'open', kind: 'read' },
  { name: 'creat', x64: 85, arm64: null, handler: 'open', kind: 'open_write' },
  { name: 'openat', x64: 257, arm64: 56, handler: 'open', kind: 'read' },
  { name: 'openat2', x64: 437, arm64: 437, handler: 'open', kind: 'read' },
  { name: 'open_by_handle_at', x64: 304, arm64: 265, handler: 'open', kind: 'read' },

  { name: 'rename', x64: 82, arm64: null, handler: 'paths', kind: 'rename', path1: 0, path2: 1 },
  { name: 'renameat', x64: 264, arm64: 38, handler: 'paths', kind: 'rename', dir1: 0, path1: 1, dir2: 2, path2: 3 },
  { name: 'renameat2', x64: 316, arm64: 276, handler: 'paths', kind: 'rename', dir1: 0, path1: 1, dir2: 2, path2: 3 },
  { name: 'unlink', x64: 87, arm64: null, handler: 'paths', kind: 'unlink', path1: 0 },
  { name: 'rmdir', x64: 84, arm64: null, handler: 'paths', kind: 'unlink', path1: 0 },
  { name: 'unlinkat', x64: 263, arm64: 35, handler: 'paths', kind: 'unlink', dir1: 0, path1: 1 },
  { name: 'link', x64: 86, arm64: null, handler: 'paths', kind: 'link', path1: 1, path2: 0 },
  { name: 'linkat', x64: 265, arm64: 37, handler: 'paths', kind: 'link', dir1: 2, path1: 3, dir2: 0, path2: 1 },
  { name: 'symlink', x64: 88, arm64: null, handler: 'paths', kind: 'link', path1: 1, dir2: AS_IT_IS, path2: 0 },
  {
    name: 'symlinkat',
    x64: 266,
    arm64: 36,
    handler: 'paths',
    kind: 'link',
    dir1: 1,
    path1: 2,
    dir2: AS_IT_IS,
    path2: 0
  },
  { name: 'chmod', x64: 90, arm64: null, handler: 'paths', kind: 'chmod', path1: 0, value1: 1 },
  { name: 'fchmod', x64: 91, arm64: 52, handler: 'descriptor', kind: 'chmod', value1: 1 },
  { name: 'fchmodat', x64: 268, arm64: 53, handler: 'paths', kind: 'chmod', dir1: 0, path1: 1, value1: 2 },
  { name: 'fchmodat2', x64: 452, arm64: 452, handler: 'paths', kind: 'chmod', dir1: 0, path1: 1, value1: 2 },
  { name: 'chown', x64: 92, arm64: null, handler: 'paths', kind: 'chown', path1: 0, value1: 1, value2: 2 },
  { name: 'fchown', x64: 93, arm64: 55, handler: 'descriptor', kind: 'chown', value1: 1, value2: 2 },
  { name: 'lchown', x64: 94, arm64: null, handler: 'paths', kind: 'chown', path1: 0, value1: 1, value2: 2 },
  { name: 'fchownat', x64: 260, arm64: 54, handler: 'paths', kind: 'chown', dir1: 0, path1: 1, value1: 2, value2: 3 },

  { name: 'execve', x64: 59, arm64: 221, handler: 'exec_failed', kind: 'exec_failed', path1: 0 },
  { name: 'execveat', x64: 322, arm64: 281, handler: 'exec_failed', kind: 'exec_failed', dir1: 0, path1: 1 },

  { name: 'connect', x64: 42, arm64: 203, handler: 'connect', kind: 'connect' },
  { name: 'accept', x64: 43, arm64: 202, handler: 'accept', kind: 'accept' },
  { name: 'accept4', x64: 288, arm64: 242, handler: 'accept', kind: 'accept' },
  { name: 'sendto', x64: 44, arm64: 206, handler: 'send', kind: 'connect' },
  { name: 'sendmsg', x64: 46, arm64: 211, handler: 'sendmsg', kind: 'connect' },
  { name: 'sendmmsg', x64: 307, arm64: 269, handler: 'sendmmsg', kind: 'connect' },
  { name: 'write', x64: 1, arm64: 64, handler: 'write', kind: 'connect' },
  { name: 'writev', x64: 20, arm64: 66, handler: 'writev', kind: 'connect' },

  { name: 'setuid', x64: 105, arm64: 146, handler: 'values', kind: 'setuid' },
  { name: 'setreuid', x64: 113, arm64: 145, handler: 'values', kind: 'setuid' },
  { name: 'setresuid', x64: 117, arm64: 147, handler: 'values', kind: 'setuid' },
  { name: 'setgid', x64: 106, arm64: 144, handler: 'values', kind: 'setgid' },
  { name: 'setregid', x64: 114, arm64: 143, handler: 'values', kind: 'setgid' },
  { name: 'setresgid', x64: 119, arm64: 149, handler: 'values', kind: 'setgid' },
  { name: 'capset', x64: 126, arm64: 91, handler: 'values', kind: 'capset' },
  { name: 'mount', x64: 165, arm64: 40, handler: 'mount', kind: 'mount' },
  { name: 'move_mount', x64: 429, arm64: 429, handler: 'paths', kind: 'mount', dir1: 2, path1: 3, dir2: 0, path2: 1 },
  { name: 'setns', x64: 308, arm64: 268, handler: 'values', kind: 'setns' },
  { name: 'unshare', x64: 272, arm64: 97, handler: 'values', kind: 'unshare' },
  { name: 'ptrace', x64: 101, arm64: 117, handler: 'values', kind: 'ptrace' },
  { name: 'init_module', x64: 175, arm64: 105, handler: 'values', kind: 'module_load' },
  { name: 'finit_module', x64: 313, arm64: 273, handler: 'descriptor', kind: 'module_load' },
  { name: 'bpf', x64: 321, arm64: 280, handler: 'values', kind: 'bpf' },
  { name: 'memfd_create', x64: 319, arm64: 279, handler: 'values', kind: 'memfd_create', path1: 0 }
]

/**
 * The table of system calls for the BPF program.
 * @param arch as `process.arch`
 * @returns number of the call and `struct call` for each that exists there
 */
export function callTable(arch: 'x64' | 'arm64'): ReadonlyArray<readonly [number: number, call: Buffer]> {
  return SYSTEM_CALLS.flatMap((call) => {
    const number = call[arch]
    if (number === null || number >= CALLS_MAX) return []
    const bytes = Buffer.alloc(CALL_BYTES)
    bytes[0] = HANDLERS[call.handler]
    bytes[1] = kindNumber(call.kind)
    const indices = [call.dir1, call.path1, call.dir2, call.path2, call.value1, call.value2]
    for (const [place, index] of indices.entries()) bytes.writeInt8(index ?? -1, 2 + place)
    return [[number, bytes] as const]
  })
}
