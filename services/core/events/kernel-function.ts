import type { RuntimeCategory } from '../../../schemas/generated/types.ts'

/** What a call of a kernel function means. */
export interface KernelAction {
  readonly category: RuntimeCategory
  readonly action: string
  /** How arguments tell reading from writing, for functions that may be either. */
  readonly access: Access | null
}

/** open flags; MAY_* bits of a permission check; PROT_* bits of a mapping. */
export type Access = 'open' | 'permission' | 'mapping'

/** What comes before a function's own name, for architectures, security hooks and tracepoints of system calls. */
const PREFIXES = [
  '__x64_sys_',
  '__ia32_sys_',
  '__arm64_sys_',
  '__s390x_sys_',
  '__riscv_sys_',
  '__se_sys_',
  '__do_sys_',
  '__sys_',
  'compat_sys_',
  'do_sys_',
  'ksys_',
  'sys_enter_',
  'sys_exit_',
  'sys_',
  'bpf_lsm_',
  'security_',
  'vfs_'
]

const FUNCTIONS: ReadonlyArray<readonly [RuntimeCategory, string, string, Access?]> = [
  ['network', 'connect', 'connect socket_connect tcp_connect tcp_v4_connect tcp_v6_connect inet_stream_connect'],
  // UDP does not connect: the first packet is as near as it gets.
  ['network', 'connect', 'ip4_datagram_connect ip6_datagram_connect udp_sendmsg udpv6_sendmsg'],
  ['network', 'accept', 'accept accept4 socket_accept inet_csk_accept'],
  ['network', 'listen', 'listen socket_listen inet_listen inet_csk_listen_start'],
  ['network', 'bind', 'bind socket_bind'],
  ['network', 'close', 'tcp_close inet_release'],
  ['network', 'send', 'sendto sendmsg socket_sendmsg tcp_sendmsg'],
  ['file', 'read', 'open openat openat2 open_by_handle_at do_filp_open file_open fd_install', 'open'],
  ['file', 'read', 'file_permission inode_permission', 'permission'],
  ['file', 'read', 'mmap_file', 'mapping'],
  ['file', 'read', 'read pread64 readv preadv preadv2'],
  ['file', 'open_write', 'creat write pwrite64 writev pwritev pwritev2 truncate ftruncate'],
  ['file', 'open_write', 'path_truncate file_truncate do_truncate'],
  ['file', 'unlink', 'unlink unlinkat rmdir path_unlink path_rmdir inode_unlink inode_rmdir do_unlinkat'],
  ['file', 'rename', 'rename renameat renameat2 path_rename inode_rename do_renameat2'],
  ['file', 'link', 'link linkat symlink symlinkat path_link path_symlink inode_link inode_symlink'],
  ['file', 'chmod', 'chmod fchmod fchmodat fchmodat2 path_chmod chmod_common'],
  ['file', 'chown', 'chown lchown fchown fchownat path_chown'],
  // The check before an exec: the process is still the one before, and the exec may fail. Its own event follows.
  ['process', 'exec_check', 'execve execveat do_execveat_common bprm_check bprm_check_security'],
  ['process', 'exec_check', 'bprm_creds_from_file bprm_creds_for_exec'],
  ['process', 'fork', 'fork vfork clone clone3 kernel_clone wake_up_new_task task_alloc'],
  ['process', 'exit', 'do_exit do_group_exit exit exit_group'],
  ['process', 'kill', 'kill tkill tgkill task_kill pidfd_send_signal'],
  ['privilege', 'setuid', 'setuid setreuid setresuid setfsuid commit_creds override_creds task_fix_setuid'],
  ['privilege', 'setgid', 'setgid setregid setresgid setfsgid setgroups task_fix_setgid'],
  ['privilege', 'capset', 'capset'],
  ['privilege', 'capable', 'cap_capable capable ns_capable'],
  ['privilege', 'mount', 'mount move_mount fsmount open_tree sb_mount path_mount do_mount'],
  ['privilege', 'umount', 'umount umount2 sb_umount path_umount'],
  ['privilege', 'pivot_root', 'pivot_root sb_pivotroot'],
  ['privilege', 'chroot', 'chroot path_chroot'],
  ['privilege', 'setns', 'setns'],
  ['privilege', 'unshare', 'unshare create_user_ns userns_create'],
  ['privilege', 'ptrace', 'ptrace ptrace_attach ptrace_access_check ptrace_traceme process_vm_readv process_vm_writev'],
  ['privilege', 'module_load', 'init_module finit_module do_init_module load_module find_module_sections'],
  ['privilege', 'module_load', 'kernel_module_request kernel_read_file kernel_load_data'],
  ['privilege', 'module_unload', 'delete_module free_module'],
  ['privilege', 'bpf', 'bpf bpf_check bpf_prog_load bpf_prog_alloc bpf_map bpf_map_alloc bpf_map_create'],
  ['privilege', 'perf_event', 'perf_event_open perf_event_alloc'],
  ['privilege', 'memfd_create', 'memfd_create']
]

const BY_NAME: ReadonlyMap<string, KernelAction> = new Map(
  FUNCTIONS.flatMap(([category, action, names, access]) =>
    names.split(' ').map((name) => [name, { category, action, access: access ?? null }] as const)
  )
)

/** A function's own name, such as setuid for __x64_sys_setuid and file_open for security_file_open. */
function ownName(name: string): string {
  const prefix = PREFIXES.find((candidate) => name.startsWith(candidate))
  return prefix === undefined ? name : name.slice(prefix.length)
}

/**
 * What a call of a kernel function means in Weir's words (see `action` of RuntimeEvent).
 * @param name symbol, security hook or tracepoint of a system call, with or without what precedes its own name
 * @returns a function that is not known keeps its own name as action, in category process
 */
export function kernelActionOf(name: string): KernelAction {
  const own = ownName(name.length > 128 ? name.slice(0, 128) : name)
  return BY_NAME.get(name) ?? BY_NAME.get(own) ?? { category: 'process', action: own || 'unknown', access: null }
}

/** Whether arguments ask for writing: open flags with a write mode, O_CREAT or O_TRUNC; MAY_WRITE or MAY_APPEND; PROT_WRITE. */
export function asksForWriting(access: Access, bits: number): boolean {
  if (access === 'open') return (bits & 0b11) !== 0 || (bits & 0o100) !== 0 || (bits & 0o1000) !== 0
  return access === 'permission' ? (bits & (2 | 8)) !== 0 : (bits & 2) !== 0
}
