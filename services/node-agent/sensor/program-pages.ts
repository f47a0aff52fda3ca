import { readFileSync } from 'node:fs'
import koffi from 'koffi'

const MADV_DONTNEED = 4

/** A part of the address space. */
export interface PageRange {
  readonly from: bigint
  readonly bytes: number
}

const HEAD = /^([0-9a-f]+)-([0-9a-f]+) (r-[x-])p [0-9a-f]+ \S+ \d+\s+(.*)$/
const WRITTEN = /^(?:Anonymous|Private_Dirty|Shared_Dirty):\s+(\d+) kB$/

/**
 * Parts of a program that are in memory as they are in its file, and cannot be written.
 * @param smaps format: man 5 proc_pid_smaps
 * @param program path of its file
 */
export function untouchedRanges(smaps: string, program: string): PageRange[] {
  const ranges: PageRange[] = []
  let current: PageRange | null = null
  const end = () => {
    if (current !== null) ranges.push(current)
    current = null
  }
  for (const line of smaps.split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) {
      end()
      const [, from, to, , path] = HEAD.exec(line) ?? []
      if (path !== program) continue
      current = { from: BigInt(`0x${from}`), bytes: Number(BigInt(`0x${to}`) - BigInt(`0x${from}`)) }
    } else if (current !== null && Number(WRITTEN.exec(line)?.[1] ?? 0) > 0) current = null
  }
  end()
  return ranges
}

let advise: ((from: bigint, bytes: number, advice: number) => number) | null = null

/**
 * Lets go of the pages of Node's own program, of which starting needs more than running does: what is needed after all comes back from
 * the page cache, where it stays. Where that cannot be done nothing changes.
 */
export function releaseProgramPages(): void {
  try {
    advise ??= koffi.load('libc.so.6').func('int madvise(uintptr_t from, size_t bytes, int advice)')
    for (const { from, bytes } of untouchedRanges(readFileSync('/proc/self/smaps', 'latin1'), process.execPath)) {
      advise(from, bytes, MADV_DONTNEED)
    }
  } catch {
    // It is memory that is saved, and nothing that is needed.
  }
}
