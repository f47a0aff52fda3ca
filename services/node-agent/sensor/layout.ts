/**
 * What `sensor.bpf.c` and this side have to agree on: numbers of kinds and flags, and where in a record things lie. All numbers are
 * little-endian, as on both processors that the sensor runs on.
 */

/** Kinds of records by number. */
export const KINDS = [
  '',
  'exec',
  'exec_failed',
  'fork',
  'exit',
  'connect',
  'accept',
  'listen',
  'dns',
  'open_write',
  'read',
  'rename',
  'unlink',
  'chmod',
  'chown',
  'link',
  'setuid',
  'setgid',
  'capset',
  'mount',
  'setns',
  'unshare',
  'ptrace',
  'module_load',
  'bpf',
  'memfd_create',
  'kill',
  'cgroup'
] as const

export type Kind = Exclude<(typeof KINDS)[number], ''>
/** What events can be about; the control groups serve the sensor itself. */
export type EventKind = Exclude<Kind, 'cgroup'>

export function kindNumber(kind: Kind): number {
  return KINDS.indexOf(kind)
}

export const FLAGS = {
  args_cut: 1 << 0,
  path_cut: 1 << 1,
  deleted: 1 << 2,
  overlay_root: 1 << 3,
  same_fs: 1 << 4,
  upper: 1 << 5,
  terminal: 1 << 6,
  socket_stdio: 1 << 7,
  memory: 1 << 8,
  base: 1 << 9,
  base2: 1 << 10,
  created: 1 << 11,
  by_path: 1 << 12
} as const

/** Offsets in `struct event`. */
export const AT = {
  kind: 0,
  flags: 2,
  uid: 4,
  time: 8,
  start: 16,
  cgroup: 24,
  pid: 32,
  tid: 36,
  comm: 40,
  lengths: 56,
  values: 64,
  data: 128
} as const

export const COMM_BYTES = 16

/** Offsets and size of `struct config`. */
export const CONFIG = {
  self: 0,
  cgroup_version_1: 4,
  cgroup_hierarchy: 8,
  kinds: 12,
  ignores_writes: 16,
  bytes: 20
} as const

/** `struct prefix`: bits, then the text. `struct name_key`: the text. Bits of their values. */
export const PREFIX_BYTES = 124
export const NAME_BYTES = 64
export const WATCH = { read: 1, ignore_write: 2, name_enough: 1, name_and_folder: 2 } as const

/** Numbers of handlers, and `struct call`. */
export const HANDLERS = {
  open: 1,
  paths: 2,
  descriptor: 3,
  values: 4,
  mount: 5,
  connect: 6,
  accept: 7,
  send: 8,
  sendmsg: 9,
  sendmmsg: 10,
  write: 11,
  writev: 12,
  exec_failed: 13
} as const
export const CALL_BYTES = 8
export const CALLS_MAX = 512
