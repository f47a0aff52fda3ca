/** Arguments of a program that are read; of each, STRING_BYTES. */
const ARGS_MAX = 20

/** Longest text that bpftrace reads, with its end: more does not fit the stack of a BPF program. */
export const STRING_BYTES = 200

/** What every line about a process begins with: nanoseconds since the boot, ids, user, parent, start. */
const HEAD = 'nsecs, pid, tid, uid, $task->real_parent->tgid, $task->start_boottime'
const TASK = '$task = (struct task_struct *)curtask;'

/**
 * The program for bpftrace: execs with their arguments, their ends, connections and files opened for writing, with tracepoints only.
 * Each line begins with a letter and numbers and ends with at most one text, since a text may hold anything: E an exec that is asked
 * for and its arguments A, X one that happened, F one that failed, Q the end of a process, C a connection, O an opened file, and N the
 * name of the thread of the line before it.
 *
 * The loop over arguments ends at the NULL: what follows it in memory is the environment. A path is read when the call returns, by its
 * address: a text in a map and another on the stack are more than a BPF program has.
 * @param own_pid process that is not looked at: the agent, whose own files would be events that it writes to files
 */
export function bpftraceProgram(own_pid: number): string {
  const name = 'printf("N %d %s", tid, comm);'
  const attempt = (call: string) => `
tracepoint:syscalls:sys_enter_${call} {
  ${TASK}
  printf("E %llu %d %d %d %d %llu %s", ${HEAD}, str(args->filename));
  $more = 1;
  $i = 0;
  unroll(${ARGS_MAX}) {
    if ($more == 1) {
      $text = *(args->argv + $i);
      if ((uint64)$text == 0) { $more = 0; } else { printf("A %d %d %s", tid, $i, str($text)); }
      $i = $i + 1;
    }
  }
}
tracepoint:syscalls:sys_exit_${call} /args->ret < 0/ { printf("F %llu %d %d", nsecs, tid, args->ret); }`
  const connection = (variable: string, type: string, port: string, address: string) => `
    ${variable} = (struct ${type} *)args->uservaddr;
    printf("C %llu %d %d %d %d %llu %d %s", ${HEAD}, ${variable}->${port}, ntop(${variable}->${address}));
    ${name}`
  return `
BEGIN { printf("R"); }
${attempt('execve')}
${attempt('execveat')}
tracepoint:sched:sched_process_exec {
  ${TASK}
  printf("X %llu %d %d %d %d %llu %d %s", ${HEAD}, args->old_pid, str(args->filename));
  ${name}
}
tracepoint:sched:sched_process_exit /pid == tid/ {
  ${TASK}
  printf("Q %llu %d %d %d %d %llu %d %s", ${HEAD}, $task->exit_code, comm);
}
tracepoint:syscalls:sys_enter_connect /pid != ${own_pid}/ {
  ${TASK}
  $address = (struct sockaddr *)args->uservaddr;
  if ($address->sa_family == 2) {${connection('$in', 'sockaddr_in', 'sin_port', 'sin_addr.s_addr')}
  }
  if ($address->sa_family == 10) {${connection('$in6', 'sockaddr_in6', 'sin6_port', 'sin6_addr.in6_u.u6_addr8')}
  }
}
tracepoint:syscalls:sys_enter_openat /pid != ${own_pid} && ((args->flags & 3) != 0 || (args->flags & 576) != 0)/ {
  @path[tid] = (uint64)args->filename;
  @flags[tid] = args->flags;
}
tracepoint:syscalls:sys_exit_openat /@path[tid]/ {
  if (args->ret >= 0) {
    ${TASK}
    printf("O %llu %d %d %d %d %llu %d %s", ${HEAD}, @flags[tid], str(uptr(@path[tid])));
    ${name}
  }
  delete(@path[tid]);
  delete(@flags[tid]);
}
END { clear(@path); clear(@flags); }
`
}
