// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The kernel side of the built-in sensor. BTF tracepoints only (tp_btf), so that it loads on kernels without kprobes and needs
// neither tracefs nor perf events. System calls are seen at their return, where the outcome is known and the files and sockets
// they meant are the kernel's own objects: paths are walked from those wherever there is one, not taken from the caller.
//
// The layout of `struct event` is known to layout.ts; numbers of system calls, watched paths and settings come in through maps.
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PATH_MAX 4096
#define ARGS_MAX 16384
#define DATA_MAX (3 * PATH_MAX + ARGS_MAX)
#define PATH_DEPTH 48
#define DNS_MAX 512
#define NAME_MAX_KEY 64
#define CALLS_MAX 512

enum kind {
  EXEC = 1, EXEC_FAILED, FORK, EXIT,
  CONNECT, ACCEPT, LISTEN, DNS,
  OPEN_WRITE, READ, RENAME, UNLINK, CHMOD, CHOWN, LINK,
  SETUID, SETGID, CAPSET, MOUNT, SETNS, UNSHARE, PTRACE, MODULE_LOAD, BPF, MEMFD_CREATE, KILL,
  CGROUP,
  KINDS
};

enum handler {
  H_NONE, H_OPEN, H_PATHS, H_FD, H_VALUES, H_MOUNT, H_CONNECT, H_ACCEPT, H_SEND, H_SENDMSG, H_SENDMMSG,
  H_WRITE, H_WRITEV, H_EXEC_FAILED
};

/* flags */
enum {
  ARGS_CUT = 1 << 0,        /* the argument vector was longer than is kept */
  PATH_CUT = 1 << 1,        /* a path has more parts than are walked: it lacks its front */
  DELETED = 1 << 2,         /* the file has no name any more, or never had one */
  OVERLAY_ROOT = 1 << 3,    /* the root file system of the process is an overlay */
  SAME_FS = 1 << 4,         /* the executable lies on the root file system */
  UPPER = 1 << 5,           /* the executable lies in the overlay's upper layer: written after the image */
  TERMINAL = 1 << 6,
  SOCKET_STDIO = 1 << 7,    /* standard input or output is a network socket */
  MEMORY = 1 << 8,          /* the executable is a memory file */
  BASE = 1 << 9,            /* the first path is relative, to the third text (of a mount, to the fourth) */
  BASE2 = 1 << 10,          /* the second path is relative, to the fourth text */
  CREATED = 1 << 11,
  BY_PATH = 1 << 12         /* paths as the caller gave them */
};

/* f_mode; include/linux/fs.h */
#define FMODE_WRITE 0x2
#define FMODE_PATH 0x4000
#define FMODE_CREATED 0x100000

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFCHR 0020000
#define AT_FDCWD -100
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define IPPROTO_TCP 6
#define TCP_SYN_SENT 2
#define TCP_LISTEN 10
#define DNS_PORT 53
#define OVERLAYFS_MAGIC 0x794c7630
#define NAMESPACES 0x7e020080 /* CLONE_NEW* */

/* Bits of a watched prefix. */
#define WATCH_READ 1
#define IGNORE_WRITE 2
/* Values of a watched name. */
#define NAME_ENOUGH 1
#define NAME_AND_FOLDER 2

struct event {
  u16 kind;
  u16 flags;
  u32 uid;
  u64 time;
  u64 start;
  u64 cgroup;
  u32 pid;
  u32 tid;
  char comm[16];
  u16 lengths[4];
  u64 values[8];
  char data[DATA_MAX + 256];
};

struct call {
  u8 handler;
  u8 kind;
  s8 dir1, path1, dir2, path2, value1, value2; /* indices of arguments, -1 for none */
};

struct config {
  u32 self;
  u32 cgroup_version_1; /* the groups of the memory controller count, not those of version 2 */
  u32 cgroup_hierarchy;
  u32 kinds; /* bit per kind that is wanted */
  u32 ignores_writes; /* whether there are prefixes of files whose writing does not matter */
};

struct walked {
  char text[2 * PATH_MAX]; /* filled from the middle backwards; the upper half only satisfies the verifier */
  u32 start;
  u32 cut;
};

struct current_call {
  u64 args[8];
  s64 ret;
  struct call call;
};

struct prefix {
  u32 bits;
  char path[124];
};

struct peer {
  u64 process;
  u64 address[2];
  u32 port;
  u32 start;
};

struct counter {
  u64 sent;
  u64 dropped;
};

#define MAP(name, map_type, max, key_type, value_type)                                                                 \
  struct {                                                                                                             \
    __uint(type, map_type);                                                                                            \
    __uint(max_entries, max);                                                                                          \
    __type(key, key_type);                                                                                             \
    __type(value, value_type);                                                                                         \
  } name SEC(".maps")

/* Sizes of the rings are set before loading. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} processes SEC(".maps"), others SEC(".maps");

MAP(config, BPF_MAP_TYPE_ARRAY, 1, u32, struct config);
MAP(calls, BPF_MAP_TYPE_ARRAY, CALLS_MAX, u32, struct call);
MAP(counters, BPF_MAP_TYPE_PERCPU_ARRAY, KINDS, u32, struct counter);
MAP(scratch, BPF_MAP_TYPE_PERCPU_ARRAY, 1, u32, struct event);
MAP(paths, BPF_MAP_TYPE_PERCPU_ARRAY, 1, u32, struct walked);
MAP(current_calls, BPF_MAP_TYPE_PERCPU_ARRAY, 1, u32, struct current_call);
MAP(peers, BPF_MAP_TYPE_LRU_HASH, 16384, struct peer, u8);
MAP(tracked, BPF_MAP_TYPE_LRU_HASH, 16384, u64, u8);
struct name_key {
  char text[NAME_MAX_KEY];
};
MAP(names, BPF_MAP_TYPE_HASH, 1024, struct name_key, u8);
struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 1024);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct prefix);
  __type(value, u8);
} prefixes SEC(".maps");

static const u32 zero = 0;
#define SCRATCH() ((struct event *)bpf_map_lookup_elem(&scratch, &zero))
#define CONFIG() ((struct config *)bpf_map_lookup_elem(&config, &zero))
#define WALKED() ((struct walked *)bpf_map_lookup_elem(&paths, &zero))
#define CALL() ((struct current_call *)bpf_map_lookup_elem(&current_calls, &zero))

static __always_inline bool wanted(const struct config *settings, u32 kind) { return settings->kinds & (1u << kind); }

static __always_inline u64 cgroup_of(struct task_struct *task, const struct config *settings) {
  if (!settings->cgroup_version_1) return task->cgroups->dfl_cgrp->kn->id;
  struct css_set *set = task->cgroups;
  struct cgroup_subsys_state *state = 0;
  u64 list = (u64)&set->subsys[0];
  bpf_probe_read_kernel(&state, sizeof(state), (void *)(list + 8 * bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)));
  return BPF_CORE_READ(state, cgroup, kn, id);
}

/** The head of an event of the current process, in this processor's scratch memory. */
static __always_inline struct event *begin(u16 kind, const struct config *settings) {
  struct event *event = SCRATCH();
  if (!event) return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  event->kind = kind;
  event->flags = 0;
  event->uid = task->cred->euid.val;
  event->time = bpf_ktime_get_boot_ns();
  event->start = task->group_leader->start_boottime;
  event->cgroup = cgroup_of(task, settings);
  event->pid = task->tgid;
  event->tid = task->pid;
  bpf_get_current_comm(event->comm, sizeof(event->comm));
  *(u64 *)event->lengths = 0;
  for (int i = 0; i < 8; i++) event->values[i] = 0;
  return event;
}

static __always_inline void emit(struct event *event, u32 used, bool process) {
  u32 size = offsetof(struct event, data) + (used & 0xffff);
  if (size > sizeof(struct event)) size = sizeof(struct event);
  u32 kind = event->kind;
  struct counter *counter = bpf_map_lookup_elem(&counters, &kind);
  /* The reader looks by itself, many times a second: waking it for each event would cost more than the event. */
  long failed = process ? bpf_ringbuf_output(&processes, event, size, BPF_RB_NO_WAKEUP)
                        : bpf_ringbuf_output(&others, event, size, BPF_RB_NO_WAKEUP);
  if (!counter) return;
  if (failed) counter->dropped++;
  else counter->sent++;
}

/** Appends a text of the caller's memory as text `slot`; `limit` includes its end. */
#define ADD_USER_TEXT(event, used, slot, pointer, limit)                                                               \
  do {                                                                                                                 \
    if ((used) <= DATA_MAX - (limit)) {                                                                                \
      long read_ = bpf_probe_read_user_str(&(event)->data[used], limit, (const void *)(pointer));                      \
      if (read_ > 1) {                                                                                                 \
        u32 length_ = (read_ - 1) & (PATH_MAX - 1);                                                                    \
        (event)->lengths[slot] = length_;                                                                              \
        (used) += length_;                                                                                             \
      }                                                                                                                \
    }                                                                                                                  \
  } while (0)

#define ADD_KERNEL_TEXT(event, used, slot, pointer, limit)                                                             \
  do {                                                                                                                 \
    if ((used) <= DATA_MAX - (limit)) {                                                                                \
      long read_ = bpf_probe_read_kernel_str(&(event)->data[used], limit, (const void *)(pointer));                    \
      if (read_ > 1) {                                                                                                 \
        u32 length_ = (read_ - 1) & (PATH_MAX - 1);                                                                    \
        (event)->lengths[slot] = length_;                                                                              \
        (used) += length_;                                                                                             \
      }                                                                                                                \
    }                                                                                                                  \
  } while (0)

/** What a path needs of a directory entry. Its parent and its name lie together, and are read at once: calls are what walking costs. */
static __always_inline void read_entry(u64 entry, u64 *parent, u32 *length, u64 *name) {
  u64 from = bpf_core_field_offset(struct dentry, d_parent);
  u64 length_at = bpf_core_field_offset(struct dentry, d_name.len) - from;
  u64 name_at = bpf_core_field_offset(struct dentry, d_name.name) - from;
  u64 words[4] = {};
  if (length_at <= sizeof(words) - sizeof(u32) && name_at <= sizeof(words) - sizeof(u64)) {
    bpf_probe_read_kernel(words, sizeof(words), (void *)(entry + from));
    *parent = words[0];
    *length = *(u32 *)((char *)words + length_at);
    *name = *(u64 *)((char *)words + name_at);
  } else {
    *parent = (u64)BPF_CORE_READ((struct dentry *)entry, d_parent);
    *length = BPF_CORE_READ((struct dentry *)entry, d_name.len);
    *name = (u64)BPF_CORE_READ((struct dentry *)entry, d_name.name);
  }
}

/**
 * Writes the path of a directory entry, as the current process sees it, into this processor's `paths`.
 * @return 0, or 1 when there is none
 */
__noinline int walk(u64 vfsmount, u64 entry) {
  struct walked *walked = WALKED();
  if (!walked) return 1;
  struct task_struct *task = bpf_get_current_task_btf();
  u64 root_entry = (u64)task->fs->root.dentry, root_mount = (u64)task->fs->root.mnt;
  u64 offset = bpf_core_field_offset(struct mount, mnt);
  u64 top = (u64)BPF_CORE_READ((struct vfsmount *)vfsmount, mnt_root);
  /* Where the text begins is kept in memory, of which the verifier tracks nothing: else it would follow every way there is
   * through the loop. */
  walked->start = PATH_MAX;
  walked->cut = 1;
  for (int i = 0; i < PATH_DEPTH; i++) {
    if (entry == root_entry && vfsmount == root_mount) {
      walked->cut = 0;
      break;
    }
    u64 parent = 0, name = 0;
    u32 length = 0;
    read_entry(entry, &parent, &length, &name);
    if (entry == top || entry == parent) {
      struct mount *mount = (struct mount *)(vfsmount - offset);
      u64 above = (u64)BPF_CORE_READ(mount, mnt_parent);
      if (entry != top || above == (u64)mount || above == 0) {
        /* The top of everything, or an entry of no folder, as a memory file's: it has a name only in the latter case. */
        if (walked->start != PATH_MAX || entry == top) {
          walked->cut = 0;
          break;
        }
      } else {
        entry = (u64)BPF_CORE_READ(mount, mnt_mountpoint);
        vfsmount = above + offset;
        top = (u64)BPF_CORE_READ((struct vfsmount *)vfsmount, mnt_root);
        continue;
      }
    }
    length &= 0xff;
    u32 at = walked->start;
    if (length + 1 > at) break;
    at -= length + 1;
    walked->start = at;
    u32 place = at & (PATH_MAX - 1);
    walked->text[place] = '/';
    bpf_probe_read_kernel(&walked->text[place + 1], length, (void *)name);
    if (entry == parent) {
      walked->cut = 0;
      break;
    }
    entry = parent;
  }
  if (walked->start == PATH_MAX) {
    walked->start = PATH_MAX - 1;
    walked->text[PATH_MAX - 1] = '/';
  }
  return 0;
}

/** Appends the walked path as text `slot`. */
static __always_inline u32 add_walked(struct event *event, u32 used, u32 slot) {
  struct walked *walked = WALKED();
  if (!walked) return used;
  u32 start = walked->start & (PATH_MAX - 1);
  u32 length = (PATH_MAX - start) & (PATH_MAX - 1);
  if (used > DATA_MAX - PATH_MAX) return used;
  bpf_probe_read_kernel(&event->data[used], length, &walked->text[start]);
  event->lengths[slot & 3] = length;
  if (walked->cut) event->flags |= PATH_CUT;
  return used + length;
}

static __always_inline struct file *file_of(u64 descriptor) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct fdtable *table = task->files->fdt;
  if (descriptor >= table->max_fds) return 0;
  struct file *file = 0;
  u64 list = (u64)table->fd;
  bpf_probe_read_kernel(&file, sizeof(file), (void *)(list + 8 * descriptor));
  return file;
}

static __always_inline int walk_file(struct file *file) {
  return walk((u64)BPF_CORE_READ(file, f_path.mnt), (u64)BPF_CORE_READ(file, f_path.dentry));
}

/* Numbers of pointers, not pointers, as a function of its own takes none. */
static __always_inline int walk_directory(void) {
  struct task_struct *task = bpf_get_current_task_btf();
  return walk((u64)BPF_CORE_READ(task, fs, pwd.mnt), (u64)BPF_CORE_READ(task, fs, pwd.dentry));
}

static __always_inline bool is_unnamed_entry(struct dentry *entry) {
  return BPF_CORE_READ(entry, d_hash.pprev) == 0 && BPF_CORE_READ(entry, d_parent) != entry;
}

static __always_inline bool is_unnamed(struct file *file) { return is_unnamed_entry(BPF_CORE_READ(file, f_path.dentry)); }

/** Whether reading this file is watched: by a prefix of its path, or by its name, alone or with its folder's. */
static __always_inline bool is_watched(struct file *file, struct walked *walked) {
  struct prefix key = {.bits = 8 * sizeof(key.path)};
  u32 start = walked->start & (PATH_MAX - 1);
  u32 length = (PATH_MAX - start) & (PATH_MAX - 1);
  if (length > sizeof(key.path)) length = sizeof(key.path);
  bpf_probe_read_kernel(key.path, length, &walked->text[start]);
  u8 *bits = bpf_map_lookup_elem(&prefixes, &key);
  if (bits && (*bits & WATCH_READ)) return true;

  struct name_key name = {};
  struct dentry *entry = BPF_CORE_READ(file, f_path.dentry);
  u32 own = BPF_CORE_READ(entry, d_name.len);
  if (own >= NAME_MAX_KEY) return false;
  bpf_probe_read_kernel(name.text, own, BPF_CORE_READ(entry, d_name.name));
  u8 *found = bpf_map_lookup_elem(&names, &name);
  if (!found) return false;
  if (*found & NAME_ENOUGH) return true;
  struct name_key both = {};
  struct dentry *parent = BPF_CORE_READ(entry, d_parent);
  u32 folder = BPF_CORE_READ(parent, d_name.len);
  if (folder >= NAME_MAX_KEY / 2 || own >= NAME_MAX_KEY / 2) return false;
  folder &= NAME_MAX_KEY / 2 - 1;
  bpf_probe_read_kernel(both.text, folder, BPF_CORE_READ(parent, d_name.name));
  both.text[folder] = '/';
  bpf_probe_read_kernel(&both.text[folder + 1], own & (NAME_MAX_KEY / 2 - 1), BPF_CORE_READ(entry, d_name.name));
  return bpf_map_lookup_elem(&names, &both) != 0;
}

static __always_inline bool is_write_ignored(struct walked *walked) {
  struct prefix key = {.bits = 8 * sizeof(key.path)};
  u32 start = walked->start & (PATH_MAX - 1);
  u32 length = (PATH_MAX - start) & (PATH_MAX - 1);
  if (length > sizeof(key.path)) length = sizeof(key.path);
  bpf_probe_read_kernel(key.path, length, &walked->text[start]);
  u8 *bits = bpf_map_lookup_elem(&prefixes, &key);
  return bits && (*bits & IGNORE_WRITE);
}

/* Files: an open that succeeded, told by what was opened and not by what was asked for. */
__noinline int on_open(u64 descriptor) {
  struct config *settings = CONFIG();
  struct walked *walked = WALKED();
  struct file *file = file_of(descriptor);
  if (!settings || !walked || !file) return 0;
  u32 mode = BPF_CORE_READ(file, f_mode);
  if (mode & FMODE_PATH) return 0;
  bool write = mode & (FMODE_WRITE | FMODE_CREATED);
  if (!wanted(settings, write ? OPEN_WRITE : READ)) return 0;
  u16 inode_mode = BPF_CORE_READ(file, f_inode, i_mode);
  u16 type = inode_mode & S_IFMT;
  if (type == S_IFCHR) {
    /* Of character devices only the memory: /dev/mem, /dev/kmem, /dev/port. */
    u32 device = BPF_CORE_READ(file, f_inode, i_rdev);
    if (device != ((1u << 20) | 1) && device != ((1u << 20) | 2) && device != ((1u << 20) | 4)) return 0;
  } else if (type != S_IFREG && type != S_IFBLK) {
    return 0;
  }
  struct dentry *entry = BPF_CORE_READ(file, f_path.dentry);
  if (walk((u64)BPF_CORE_READ(file, f_path.mnt), (u64)entry)) return 0;
  if (type == S_IFREG && (write ? settings->ignores_writes && is_write_ignored(walked) : !is_watched(file, walked))) return 0;
  struct event *event = begin(write ? OPEN_WRITE : READ, settings);
  if (!event) return 0;
  event->values[0] = BPF_CORE_READ(file, f_flags);
  event->values[1] = inode_mode;
  if (mode & FMODE_CREATED) event->flags |= CREATED;
  if (is_unnamed_entry(entry)) event->flags |= DELETED;
  emit(event, add_walked(event, 0, 0), false);
  return 0;
}

/** Appends the folder that a relative path counts from, when it is relative. */
static __always_inline u32 add_base(struct event *event, u32 used, u32 path, u32 path_at, u32 slot, s32 descriptor,
                                    u32 flag) {
  if (path_at > DATA_MAX || (event->lengths[path] && event->data[path_at] == '/')) return used;
  if (descriptor == AT_FDCWD) {
    if (walk_directory()) return used;
  } else {
    struct file *file = file_of((u32)descriptor);
    if (!file || walk_file(file)) return used;
  }
  event->flags |= flag;
  return add_walked(event, used, slot);
}

/* Calls that are told by the paths they were given: what they meant is gone by now, or lies somewhere else. */
__noinline int on_paths(int process) {
  struct config *settings = CONFIG();
  struct current_call *now = CALL();
  if (!settings || !now || !wanted(settings, now->call.kind & 31)) return 0;
  struct event *event = begin(now->call.kind, settings);
  if (!event) return 0;
  u32 used = 0, second = 0;
  event->flags = BY_PATH;
  event->values[0] = now->args[now->call.value1 & 7];
  event->values[1] = now->args[now->call.value2 & 7];
  event->values[5] = now->ret;
  ADD_USER_TEXT(event, used, 0, now->args[now->call.path1 & 7], PATH_MAX);
  if (now->call.path2 >= 0) {
    second = used;
    ADD_USER_TEXT(event, used, 1, now->args[now->call.path2 & 7], PATH_MAX);
  }
  /* Argument 7 is no argument: it holds AT_FDCWD. */
  used = add_base(event, used, 0, 0, 2, now->args[now->call.dir1 & 7], BASE);
  /* Where a symbolic link points to counts from the link, and is nobody's folder: -2. */
  if (now->call.path2 >= 0 && now->call.dir2 != -2)
    used = add_base(event, used, 1, second, 3, now->args[now->call.dir2 & 7], BASE2);
  emit(event, used, process);
  return 0;
}

/* Calls on an open file: fchmod, fchown, finit_module. */
__noinline int on_descriptor(void) {
  struct config *settings = CONFIG();
  struct current_call *now = CALL();
  if (!settings || !now || !wanted(settings, now->call.kind & 31)) return 0;
  struct file *file = file_of(now->args[0]);
  if (!file || walk_file(file)) return 0;
  struct event *event = begin(now->call.kind, settings);
  if (!event) return 0;
  event->values[0] = now->args[now->call.value1 & 7];
  event->values[1] = now->args[now->call.value2 & 7];
  event->values[5] = now->ret;
  if (is_unnamed(file)) event->flags |= DELETED;
  emit(event, add_walked(event, 0, 0), false);
  return 0;
}

static __always_inline bool matters(u32 kind, u64 first) {
  /* PTRACE_ATTACH and PTRACE_SEIZE: what follows is about the same target. */
  if (kind == PTRACE) return first == 16 || first == 0x4206;
  if (kind == UNSHARE) return first & NAMESPACES;
  /* BPF_PROG_LOAD, BPF_PROG_ATTACH, BPF_RAW_TRACEPOINT_OPEN, BPF_LINK_CREATE */
  if (kind == BPF) return first == 5 || first == 8 || first == 17 || first == 28;
  return true;
}

/* Calls that are told by their arguments, and at most one text. */
__noinline int on_values(void) {
  struct config *settings = CONFIG();
  struct current_call *now = CALL();
  if (!settings || !now) return 0;
  u32 kind = now->call.kind & 31;
  if (!wanted(settings, kind) || !matters(kind, now->args[0])) return 0;
  struct event *event = begin(kind, settings);
  if (!event) return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  u32 used = 0;
  for (int i = 0; i < 5; i++) event->values[i] = now->args[i];
  event->values[5] = now->ret;
  bpf_probe_read_kernel(&event->values[6], 8, &task->cred->cap_effective);
  if (kind == BPF && now->args[0] == 5) {
    u32 type = 0;
    bpf_probe_read_user(&type, sizeof(type), (void *)now->args[1]);
    event->values[3] = type;
    /* prog_name of union bpf_attr */
    ADD_USER_TEXT(event, used, 0, now->args[1] + 48, 16);
  }
  if (now->call.path1 >= 0) ADD_USER_TEXT(event, used, 0, now->args[now->call.path1 & 7], 256);
  if (kind == PTRACE) {
    /* The target's id is in the caller's namespace; PTRACE_ATTACH has made it known by nothing else. */
    event->values[6] = task->thread_pid->level;
  }
  emit(event, used, false);
  return 0;
}

__noinline int on_mount(void) {
  struct config *settings = CONFIG();
  struct current_call *now = CALL();
  if (!settings || !now || !wanted(settings, MOUNT)) return 0;
  struct event *event = begin(MOUNT, settings);
  if (!event) return 0;
  u32 used = 0;
  event->values[0] = now->args[3];
  ADD_USER_TEXT(event, used, 0, now->args[1], PATH_MAX);
  ADD_USER_TEXT(event, used, 1, now->args[0], PATH_MAX);
  ADD_USER_TEXT(event, used, 2, now->args[2], 64);
  used = add_base(event, used, 0, 0, 3, AT_FDCWD, BASE);
  emit(event, used, false);
  return 0;
}

/* Network */

static __always_inline struct socket *socket_of(u64 descriptor) {
  struct file *file = file_of(descriptor);
  if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK) return 0;
  return BPF_CORE_READ(file, private_data);
}

/** values: 0 family, protocol, local and remote port; 1 result; 2-3 local, 4-5 remote address in network order. */
static __always_inline void add_ends(struct event *event, struct sock *sk) {
  u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  u16 local = BPF_CORE_READ(sk, __sk_common.skc_num);
  u16 remote = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
  event->values[0] = family | (u64)(u16)BPF_CORE_READ(sk, sk_protocol) << 16 | (u64)local << 32 | (u64)remote << 48;
  if (family == AF_INET) {
    BPF_CORE_READ_INTO((u32 *)&event->values[2], sk, __sk_common.skc_rcv_saddr);
    BPF_CORE_READ_INTO((u32 *)&event->values[4], sk, __sk_common.skc_daddr);
  } else {
    BPF_CORE_READ_INTO((struct in6_addr *)&event->values[2], sk, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO((struct in6_addr *)&event->values[4], sk, __sk_common.skc_v6_daddr);
  }
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(weir_tcp, struct sock *sk, int old_state, int new_state) {
  /* The only two that the process itself brings about; others may be told in the middle of another's work. */
  if (new_state != TCP_SYN_SENT && new_state != TCP_LISTEN) return 0;
  struct config *settings = CONFIG();
  u32 kind = new_state == TCP_SYN_SENT ? CONNECT : LISTEN;
  if (!settings || !wanted(settings, kind)) return 0;
  if (bpf_get_current_pid_tgid() >> 32 == settings->self) return 0;
  struct event *event = begin(kind, settings);
  if (!event) return 0;
  add_ends(event, sk);
  emit(event, 0, false);
  return 0;
}

__noinline int on_accept(u64 descriptor) {
  struct config *settings = CONFIG();
  if (!settings || !wanted(settings, ACCEPT)) return 0;
  struct socket *socket = socket_of(descriptor);
  if (!socket) return 0;
  struct sock *sk = BPF_CORE_READ(socket, sk);
  u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  if (family != AF_INET && family != AF_INET6) return 0;
  struct event *event = begin(ACCEPT, settings);
  if (!event) return 0;
  add_ends(event, sk);
  emit(event, 0, false);
  return 0;
}

/* TCP connects are told by the state of the socket. Here are Unix sockets that are watched, and sockets to keep an eye on:
 * the first packet to a peer by UDP, and names asked for, may leave by plain writes. */
__noinline int on_connect(u64 descriptor, s64 result) {
  struct config *settings = CONFIG();
  if (!settings) return 0;
  struct socket *socket = socket_of(descriptor);
  if (!socket) return 0;
  struct sock *sk = BPF_CORE_READ(socket, sk);
  u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  short type = BPF_CORE_READ(socket, type);
  if (family == AF_UNIX) {
    if (result || !wanted(settings, CONNECT)) return 0;
    struct unix_sock *peer = (struct unix_sock *)BPF_CORE_READ((struct unix_sock *)sk, peer);
    struct dentry *entry = BPF_CORE_READ(peer, path.dentry);
    if (!entry) return 0;
    struct name_key name = {};
    u32 length = BPF_CORE_READ(entry, d_name.len);
    if (length >= NAME_MAX_KEY) return 0;
    bpf_probe_read_kernel(name.text, length, BPF_CORE_READ(entry, d_name.name));
    if (!bpf_map_lookup_elem(&names, &name)) return 0;
    if (walk((u64)BPF_CORE_READ(peer, path.mnt), (u64)entry)) return 0;
    struct event *event = begin(CONNECT, settings);
    if (!event) return 0;
    event->values[0] = AF_UNIX;
    emit(event, add_walked(event, 0, 0), false);
    return 0;
  }
  if (family != AF_INET && family != AF_INET6) return 0;
  if (type == SOCK_DGRAM || __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport)) == DNS_PORT) {
    u64 key = (bpf_get_current_pid_tgid() & ~0xffffffffull) | (u32)descriptor;
    u8 one = 1;
    bpf_map_update_elem(&tracked, &key, &one, BPF_ANY);
  }
  return 0;
}

/** A datagram, or what may be a question over TCP. `address` is what the call names, 0 for the connected peer. */
__noinline int on_send(u64 descriptor, u64 payload, u64 size, u64 address) {
  struct config *settings = CONFIG();
  if (!settings) return 0;
  struct socket *socket = socket_of(descriptor);
  if (!socket) return 0;
  struct sock *sk = BPF_CORE_READ(socket, sk);
  u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  short type = BPF_CORE_READ(socket, type);
  if (family != AF_INET && family != AF_INET6) return 0;
  u16 port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
  if (type != SOCK_DGRAM && !(type == SOCK_STREAM && port == DNS_PORT)) return 0;
  struct peer peer = {};
  u16 named = 0;
  if (address && type == SOCK_DGRAM) {
    bpf_probe_read_user(&named, sizeof(named), (void *)address);
    u16 there = 0;
    bpf_probe_read_user(&there, sizeof(there), (void *)(address + 2));
    port = __builtin_bswap16(there);
    if (named == AF_INET) bpf_probe_read_user(&peer.address, 4, (void *)(address + 4));
    else if (named == AF_INET6) bpf_probe_read_user(&peer.address, 16, (void *)(address + 8));
    else named = 0;
  }
  if (port == DNS_PORT && wanted(settings, DNS)) {
    struct event *event = begin(DNS, settings);
    if (!event) return 0;
    add_ends(event, sk);
    if (named) {
      event->values[0] = (event->values[0] & 0xffffffff0000ull) | named | (u64)port << 48;
      event->values[4] = peer.address[0];
      event->values[5] = peer.address[1];
    }
    if (size > DNS_MAX) size = DNS_MAX;
    u32 length = size & (2 * DNS_MAX - 1);
    if (length > DNS_MAX) length = DNS_MAX;
    if (bpf_probe_read_user(event->data, length, (void *)payload)) length = 0;
    event->lengths[0] = length;
    event->values[6] = type;
    emit(event, length, false);
  }
  if (type != SOCK_DGRAM || !wanted(settings, CONNECT)) return 0;
  if (!named) {
    if (family == AF_INET) BPF_CORE_READ_INTO((u32 *)&peer.address, sk, __sk_common.skc_daddr);
    else BPF_CORE_READ_INTO((struct in6_addr *)&peer.address, sk, __sk_common.skc_v6_daddr);
  }
  struct task_struct *task = bpf_get_current_task_btf();
  peer.process = task->tgid;
  peer.start = task->group_leader->start_boottime;
  peer.port = port;
  if (bpf_map_lookup_elem(&peers, &peer)) return 0;
  struct event *event = begin(CONNECT, settings);
  if (!event) return 0;
  add_ends(event, sk);
  event->values[0] = (event->values[0] & 0xffffffff0000ull) | (named ? named : family) | (u64)port << 48;
  event->values[4] = peer.address[0];
  event->values[5] = peer.address[1];
  emit(event, 0, false);
  u8 one = 1;
  bpf_map_update_elem(&peers, &peer, &one, BPF_ANY);
  return 0;
}

struct message_head {
  u64 name;
  u64 name_size;
  u64 vectors;
  u64 vector_count;
};

__noinline int on_sendmsg(u64 descriptor, u64 message) {
  struct message_head head = {};
  u64 vector[2] = {};
  if (bpf_probe_read_user(&head, sizeof(head), (void *)message)) return 0;
  bpf_probe_read_user(vector, sizeof(vector), (void *)head.vectors);
  return on_send(descriptor, vector[0], vector[1], head.name);
}

static __always_inline bool is_tracked(u64 descriptor) {
  u64 key = (bpf_get_current_pid_tgid() & ~0xffffffffull) | (u32)descriptor;
  return bpf_map_lookup_elem(&tracked, &key) != 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(weir_call, struct pt_regs *regs, long ret) {
#if defined(__TARGET_ARCH_x86)
  u64 id = regs->orig_ax;
#else
  u64 id = (u32)regs->syscallno;
#endif
  if (id >= CALLS_MAX) return 0;
  u32 index = id;
  struct call *call = bpf_map_lookup_elem(&calls, &index);
  if (!call || call->handler == H_NONE) return 0;
  struct task_struct *task = bpf_get_current_task_btf();
#if defined(__TARGET_ARCH_x86)
  bool compat = task->thread_info.status & 2; /* TS_COMPAT */
#else
  bool compat = task->thread_info.flags & (1 << 22); /* TIF_32BIT */
#endif
  if (compat) return 0;
  u32 handler = call->handler;
  if (ret < 0 && handler != H_EXEC_FAILED && handler != H_CONNECT) return 0;
  if (ret >= 0 && handler == H_EXEC_FAILED) return 0;
#if defined(__TARGET_ARCH_x86)
  u64 first = regs->di, second = regs->si;
#else
  u64 first = regs->orig_x0, second = regs->regs[1];
#endif
  if ((handler == H_WRITE || handler == H_WRITEV) && !is_tracked(first)) return 0;
  struct config *settings = CONFIG();
  if (!settings || (u32)task->tgid == settings->self) return 0;
  struct current_call *now = CALL();
  if (!now) return 0;
#if defined(__TARGET_ARCH_x86)
  u64 third = regs->dx, fourth = regs->r10, fifth = regs->r8, sixth = regs->r9;
#else
  u64 third = regs->regs[2], fourth = regs->regs[3], fifth = regs->regs[4], sixth = regs->regs[5];
#endif
  now->args[0] = first;
  now->args[1] = second;
  now->args[2] = third;
  now->args[3] = fourth;
  now->args[4] = fifth;
  now->args[5] = sixth;
  now->args[6] = 0;
  now->args[7] = (u64)(s64)AT_FDCWD;
  now->ret = ret;
  now->call = *call;
  switch (handler) {
  case H_OPEN: return on_open(ret);
  case H_PATHS: return on_paths(0);
  case H_EXEC_FAILED: return on_paths(1);
  case H_FD: return on_descriptor();
  case H_VALUES: return on_values();
  case H_MOUNT: return on_mount();
  case H_CONNECT: return ret == 0 || ret == -115 /* EINPROGRESS */ ? on_connect(first, ret) : 0;
  case H_ACCEPT: return on_accept(ret);
  case H_SEND: return on_send(first, second, third, fifth);
  case H_WRITE: return on_send(first, second, third, 0);
  case H_WRITEV: {
    u64 vector[2] = {};
    bpf_probe_read_user(vector, sizeof(vector), (void *)second);
    return on_send(first, vector[0], vector[1], 0);
  }
  case H_SENDMSG: return on_sendmsg(first, second);
  case H_SENDMMSG:
    /* glibc asks for both kinds of address in one call. A message takes 64 bytes there. */
    on_sendmsg(first, second);
    if (ret > 1) on_sendmsg(first, second + 64);
    return 0;
  }
  return 0;
}

/* Processes */

static __always_inline bool is_network_socket(u64 descriptor) {
  struct socket *socket = socket_of(descriptor);
  if (!socket) return false;
  u16 family = BPF_CORE_READ(socket, sk, __sk_common.skc_family);
  return family == AF_INET || family == AF_INET6;
}

static __always_inline u64 own_pid(struct task_struct *task) {
  struct pid *pid = BPF_CORE_READ(task, thread_pid);
  u32 level = BPF_CORE_READ(pid, level);
  struct upid *last = (void *)((u64)pid + bpf_core_field_offset(struct pid, numbers) + (level & 31) * bpf_core_type_size(struct upid));
  return (u32)BPF_CORE_READ(last, nr) | (u64)level << 32;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(weir_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm) {
  struct config *settings = CONFIG();
  if (!settings || (u32)task->tgid == settings->self || !wanted(settings, EXEC)) return 0;
  struct event *event = begin(EXEC, settings);
  if (!event) return 0;
  struct file *file = task->mm->exe_file;
  struct inode *inode = BPF_CORE_READ(file, f_inode);
  struct super_block *own = BPF_CORE_READ(inode, i_sb), *root = BPF_CORE_READ(task, fs, root.dentry, d_inode, i_sb);
  u16 flags = 0;
  if (BPF_CORE_READ(root, s_magic) == OVERLAYFS_MAGIC) flags |= OVERLAY_ROOT;
  if (own == root) flags |= SAME_FS;
  if (BPF_CORE_READ(own, s_magic) == OVERLAYFS_MAGIC) {
    /* An overlay's inode is followed by the entry of the upper layer, null for what only lower layers have. */
    u64 upper = 0;
    bpf_probe_read_kernel(&upper, sizeof(upper), (void *)((u64)inode + bpf_core_type_size(struct inode)));
    if (upper) flags |= UPPER;
  }
  if (task->signal->tty) flags |= TERMINAL;
  if (is_network_socket(0) || is_network_socket(1)) flags |= SOCKET_STDIO;
  if (BPF_CORE_READ(file, f_path.dentry, d_hash.pprev) == 0) {
    flags |= DELETED;
    if (!is_unnamed(file)) flags |= MEMORY;
  }
  unsigned long from = task->mm->arg_start, to = task->mm->arg_end;
  u64 length = to - from;
  event->values[0] = (u32)task->real_parent->tgid | (u64)task->cred->egid.val << 32;
  event->values[1] = task->real_parent->group_leader->start_boottime;
  event->values[2] = own_pid(task);
  bpf_probe_read_kernel(&event->values[3], 8, &task->cred->cap_effective);
  event->values[4] = length;
  event->values[5] = task->nsproxy->mnt_ns->ns.inum;
  event->values[6] = BPF_CORE_READ(task, loginuid.val);
  u32 used = 0;
  if (!walk_file(file)) used = add_walked(event, used, 0);
  ADD_KERNEL_TEXT(event, used, 1, BPF_CORE_READ(bprm, filename), PATH_MAX);
  if (!walk_directory()) used = add_walked(event, used, 2);
  if (length >= ARGS_MAX) {
    flags |= ARGS_CUT;
    length = ARGS_MAX - 1;
  }
  u32 kept = length & (ARGS_MAX - 1);
  if (used <= DATA_MAX - ARGS_MAX) {
    if (bpf_probe_read_user(&event->data[used], kept, (void *)from)) {
      kept = 0;
      flags |= ARGS_CUT;
    }
    event->lengths[3] = kept;
    used += kept;
  }
  event->flags |= flags;
  emit(event, used, true);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(weir_fork, struct task_struct *parent, struct task_struct *child) {
  struct config *settings = CONFIG();
  if (!settings || child->pid != child->tgid || (u32)parent->tgid == settings->self || !wanted(settings, FORK)) return 0;
  struct event *event = begin(FORK, settings);
  if (!event) return 0;
  event->values[0] = (u32)child->tgid;
  event->values[1] = child->start_boottime;
  event->values[2] = (u32)child->real_parent->tgid;
  event->values[3] = child->real_parent->group_leader->start_boottime;
  event->values[4] = cgroup_of(child, settings);
  event->values[5] = own_pid(child);
  event->values[6] = child->nsproxy != parent->nsproxy;
  emit(event, 0, true);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(weir_exit, struct task_struct *task) {
  /* The last thread ends the process, whichever it is. */
  if (task->signal->live.counter != 0) return 0;
  struct config *settings = CONFIG();
  if (!settings || (u32)task->tgid == settings->self || !wanted(settings, EXIT)) return 0;
  struct event *event = begin(EXIT, settings);
  if (!event) return 0;
  u32 code = task->signal->group_exit_code;
  event->values[0] = code ? code : (u32)task->exit_code;
  emit(event, 0, true);
  return 0;
}

/* Signals that one process sends another; the kernel's own are none of it. */
SEC("tp_btf/signal_generate")
int BPF_PROG(weir_signal, int signal, struct kernel_siginfo *info, struct task_struct *target, int group, int result) {
  /* SIGCHLD, SIGURG, SIGWINCH and real-time signals are everyday. The first two pointers are marks. */
  if (signal == 17 || signal == 23 || signal == 28 || signal > 31 || (u64)info <= 2) return 0;
  int code = info->si_code;
  if (code != 0 && code != -1 && code != -6) return 0; /* SI_USER, SI_QUEUE, SI_TKILL */
  u32 pid = bpf_get_current_pid_tgid() >> 32;
  struct config *settings = CONFIG();
  if (!settings || pid == settings->self || (u32)target->tgid == pid || !wanted(settings, KILL)) return 0;
  struct event *event = begin(KILL, settings);
  if (!event) return 0;
  event->values[0] = signal;
  event->values[1] = (u32)target->tgid;
  event->values[2] = target->group_leader->start_boottime;
  event->values[3] = result;
  bpf_probe_read_kernel(event->data, 16, target->group_leader->comm);
  event->lengths[0] = 16;
  emit(event, 16, false);
  return 0;
}

/* Control groups: their names carry the ids of containers. */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(weir_cgroup, struct cgroup *cgroup, const char *path) {
  struct config *settings = CONFIG();
  if (!settings || (u32)cgroup->root->hierarchy_id != settings->cgroup_hierarchy) return 0;
  struct event *event = begin(CGROUP, settings);
  if (!event) return 0;
  u32 used = 0;
  event->values[0] = cgroup->kn->id;
  ADD_KERNEL_TEXT(event, used, 0, path, PATH_MAX);
  emit(event, used, true);
  return 0;
}
