/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
 *
 * What the sensor reads of the kernel, and no more: libbpf relocates each field by name against the running kernel's BTF, so
 * the object does not depend on the kernel it was built on, and no generated vmlinux.h is needed.
 */
#ifndef WEIR_KERNEL_H
#define WEIR_KERNEL_H

#include <linux/types.h>

typedef __u8 u8;
typedef __s8 s8;
typedef _Bool bool;
enum { false, true };
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

/* The values of map types and flags are part of the kernel's interface. */
enum {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_LPM_TRIE = 11,
  BPF_MAP_TYPE_RINGBUF = 27
};
enum { BPF_ANY = 0, BPF_F_NO_PREALLOC = 1, BPF_RB_NO_WAKEUP = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
  u32 len;
  const unsigned char *name;
};

struct hlist_bl_node {
  void **pprev;
};

struct super_block {
  unsigned long s_magic;
};

struct inode {
  unsigned short i_mode;
  u32 i_rdev;
  struct super_block *i_sb;
};

struct dentry {
  struct hlist_bl_node d_hash;
  struct dentry *d_parent;
  struct qstr d_name;
  struct inode *d_inode;
};

struct vfsmount {
  struct dentry *mnt_root;
};

struct mount {
  struct mount *mnt_parent;
  struct dentry *mnt_mountpoint;
  struct vfsmount mnt;
};

struct path {
  struct vfsmount *mnt;
  struct dentry *dentry;
};

struct file {
  u32 f_mode;
  u32 f_flags;
  struct path f_path;
  struct inode *f_inode;
  void *private_data;
};

struct fdtable {
  u32 max_fds;
  struct file **fd;
};

struct files_struct {
  struct fdtable *fdt;
};

struct fs_struct {
  struct path root;
  struct path pwd;
};

typedef struct {
  u32 val;
} kuid_t;
typedef struct {
  u32 val;
} kgid_t;

typedef struct {
  u64 val;
} kernel_cap_t;

/* Before 6.3 capabilities were two words. */
struct kernel_cap_struct___old {
  u32 cap[2];
};

struct cred {
  kuid_t uid;
  kuid_t euid;
  kgid_t egid;
  kernel_cap_t cap_effective;
};

struct mm_struct {
  unsigned long arg_start;
  unsigned long arg_end;
  struct file *exe_file;
};

struct ns_common {
  u32 inum;
};

struct pid_namespace {
  struct ns_common ns;
};

struct mnt_namespace {
  struct ns_common ns;
};

struct nsproxy {
  struct mnt_namespace *mnt_ns;
};

struct upid {
  int nr;
  struct pid_namespace *ns;
};

struct pid {
  u32 level;
  struct upid numbers[1];
};

typedef struct {
  int counter;
} atomic_t;

struct signal_struct {
  atomic_t live;
  int group_exit_code;
  void *tty;
};

struct kernfs_node {
  u64 id;
};

struct cgroup_root {
  int hierarchy_id;
};

struct cgroup {
  struct kernfs_node *kn;
  struct cgroup_root *root;
};

struct cgroup_subsys_state {
  struct cgroup *cgroup;
};

enum cgroup_subsys_id {
  memory_cgrp_id = 4
};

struct css_set {
  struct cgroup_subsys_state *subsys[1];
  struct cgroup *dfl_cgrp;
};

struct thread_info {
  u32 status;
  unsigned long flags;
};

struct task_struct {
  struct thread_info thread_info;
  u32 flags;
  int exit_code;
  int pid;
  int tgid;
  struct task_struct *real_parent;
  struct task_struct *group_leader;
  struct pid *thread_pid;
  u64 start_boottime;
  const struct cred *cred;
  struct fs_struct *fs;
  struct files_struct *files;
  struct nsproxy *nsproxy;
  struct signal_struct *signal;
  struct mm_struct *mm;
  struct css_set *cgroups;
  kuid_t loginuid;
  char comm[16];
};

struct linux_binprm {
  struct file *file;
  const char *filename;
};

struct in6_addr {
  u8 bytes[16];
};

struct sock_common {
  u32 skc_daddr;
  u32 skc_rcv_saddr;
  u16 skc_dport;
  u16 skc_num;
  unsigned short skc_family;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
  struct sock_common __sk_common;
  u16 sk_type;
  u16 sk_protocol;
};

struct unix_sock {
  struct sock sk;
  struct path path;
  struct sock *peer;
};

struct socket {
  short type;
  struct sock *sk;
};

struct kernel_siginfo {
  int si_code;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
  unsigned long bp, bx, r10, r9, r8, cx, dx, si, di, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
  u64 regs[31];
  u64 orig_x0;
  s32 syscallno;
};
#else
#error "the sensor is written for x86 and arm64: give -D__TARGET_ARCH_x86 or -D__TARGET_ARCH_arm64"
#endif

#pragma clang attribute pop

#endif
