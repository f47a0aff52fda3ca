import { createAvroWriter } from './avro-writer.ts'

/** How a process tree came into its container; see `entry` of Process in the event model. */
export type Entry = 'entrypoint' | 'exec' | 'host' | 'runtime'

/** Avro encoding of a process, from the branch of its union on, in two pieces: the exit code is between them. */
export interface ProcessBytes {
  readonly before: Uint8Array
  readonly behind: Uint8Array
}

/** What is known of a process. */
export interface KnownProcess {
  readonly entity_id: string
  readonly pid: number
  /** In ticks since boot. */
  readonly start: number
  /** Microseconds since the epoch; fixed when it was first seen, so that setting the clock does not change it. */
  readonly start_time: number
  parent: KnownProcess | null
  name: string | null
  executable: string | null
  args: readonly string[]
  command_line: string | null
  working_directory: string | null
  user_id: number | null
  interactive: boolean | null
  in_image: boolean | null
  entry: Entry | null
  socket_stdio: boolean | null
  cgroup: number
  container: string | null
  pod_uid: string | null
  /** When it ended, milliseconds of the reader's clock; null while it runs. */
  ended_ms: number | null
  /** Its encoding, with its ancestors; null when something has changed. */
  bytes: ProcessBytes | null
  /** Its ancestors, encoded, the parent first; null when not made yet. */
  ancestors: readonly Uint8Array[] | null
  /** Its encoding as an ancestor of others. */
  as_ancestor: Uint8Array | null
  depth: number
  /** Last change of user or group, by what and when: see the observer. */
  last_change: { readonly what: string; readonly tid: number; readonly time_ns: number } | null
}

/** Ancestors that events carry, the parent first. */
const ANCESTORS_MAX = 8
/** Of an ancestor's command line so much is repeated in each event. */
const ANCESTOR_TEXT_MAX = 512
/** A chain of processes that end after each has made the next would be remembered for ever. */
const DEPTH_MAX = 64
/** What has ended is kept so long, for what is still on its way. */
const KEEP_ENDED_MS = 5000

export interface ProcessTable {
  get(pid: number): KnownProcess | undefined
  /** The process of this id that started then; another one of the same id is another process. */
  find(pid: number, start: number): KnownProcess | undefined
  put(process: KnownProcess): void
  end(process: KnownProcess, now_ms: number): void
  /** Forgets what ended some time ago, and the oldest beyond the bound. */
  sweep(now_ms: number): void
  size(): number
  all(): IterableIterator<KnownProcess>
}

/** @param most processes that are remembered at once */
export function createProcessTable(most: number): ProcessTable {
  const processes = new Map<number, KnownProcess>()
  const ended: KnownProcess[] = []
  let firstEnded = 0

  function forget(process: KnownProcess): void {
    if (processes.get(process.pid) === process) processes.delete(process.pid)
  }

  return {
    get: (pid) => processes.get(pid),
    find(pid, start) {
      const process = processes.get(pid)
      return process?.start === start ? process : undefined
    },
    put(process) {
      // Behind the others, so that what is forgotten first is what was there first.
      processes.delete(process.pid)
      processes.set(process.pid, process)
      if (process.depth > DEPTH_MAX) cutAncestry(process)
    },
    end(process, now_ms) {
      process.ended_ms = now_ms
      // It will hardly be told of again.
      process.bytes = null
      ended.push(process)
    },
    sweep(now_ms) {
      for (; firstEnded < ended.length; firstEnded += 1) {
        const process = ended[firstEnded]
        // The clock may have been set back: nothing waits for it to be what it was.
        if (process === undefined || Math.abs(now_ms - (process.ended_ms ?? 0)) < KEEP_ENDED_MS) break
        forget(process)
      }
      if (firstEnded > 1000 && firstEnded * 2 > ended.length) {
        ended.splice(0, firstEnded)
        firstEnded = 0
      }
      for (const process of processes.values()) {
        if (processes.size <= most) break
        forget(process)
      }
    },
    size: () => processes.size,
    all: () => processes.values()
  }
}

function cutAncestry(process: KnownProcess): void {
  let last: KnownProcess | null = process
  for (let level = 0; level < ANCESTORS_MAX && last !== null; level += 1) last = last.parent
  if (last !== null) last.parent = null
  process.depth = ANCESTORS_MAX
}

/** To be called after a change of anything in the process that its encoding shows. */
export function changed(process: KnownProcess): void {
  process.bytes = null
  process.as_ancestor = null
}

const writer = createAvroWriter(4096)

function asAncestor(process: KnownProcess): Uint8Array {
  if (process.as_ancestor === null) {
    const { entity_id, pid, name, executable, command_line } = process
    writer.maybeString(entity_id)
    writer.maybeLong(pid)
    writer.maybeString(name)
    writer.maybeString(executable)
    writer.maybeString(
      command_line !== null && command_line.length > ANCESTOR_TEXT_MAX
        ? command_line.slice(0, ANCESTOR_TEXT_MAX).toWellFormed()
        : command_line
    )
    process.as_ancestor = writer.take()
  }
  return process.as_ancestor
}

/** Made once: what the parents became after that, by an exec of their own, is another's story. */
function ancestorsOf(process: KnownProcess): readonly Uint8Array[] {
  if (process.ancestors === null) {
    const { parent } = process
    process.ancestors = parent === null ? [] : [asAncestor(parent), ...ancestorsOf(parent).slice(0, ANCESTORS_MAX - 1)]
  }
  return process.ancestors
}

function writeArray<Item>(items: readonly Item[], write: (item: Item) => void): void {
  if (items.length > 0) writer.long(items.length)
  for (const item of items) write(item)
  writer.byte(0)
}

/**
 * Avro encoding of a process as the event model has it, with its ancestors. Most events of a process say the same of it, so it is kept;
 * the same encoding is the same object.
 */
export function processBytes(process: KnownProcess): ProcessBytes {
  if (process.bytes !== null) return process.bytes
  // First, since they use the same memory.
  const ancestors = ancestorsOf(process)
  writer.byte(2)
  writer.string(process.entity_id)
  writer.maybeLong(process.pid)
  writer.maybeString(process.name)
  writer.maybeString(process.executable)
  writeArray(process.args, writer.string)
  writer.maybeString(process.command_line)
  writer.maybeString(process.working_directory)
  writer.maybeLong(process.user_id)
  writer.maybeLong(process.start_time)
  writer.maybeBoolean(process.interactive)
  writer.maybeBoolean(process.in_image)
  writer.maybeString(process.entry)
  writer.maybeBoolean(process.socket_stdio)
  const before = writer.take()
  writeArray(ancestors, writer.raw)
  process.bytes = { before, behind: writer.take() }
  return process.bytes
}
