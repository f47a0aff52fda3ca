import type { BigIntStats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { fileIdOf } from './position.ts'

const COMPRESSED = /\.(gz|zst|xz|bz2|lz4)$/

export interface LogFile {
  readonly path: string
  readonly stats: BigIntStats
}

export async function statOrNull(path: string): Promise<BigIntStats | null> {
  return stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
}

/**
 * Whether a name is what rotation makes of a log's name: `audit.log.1`, `audit-2026-01-31T10-00-00.000.log` (kube-apiserver),
 * `tetragon-2026….log`. A digit must be in it, so that `audit-policy.log` is not taken for an old `audit.log`.
 */
export function isRotatedName(name: string, log: string): boolean {
  const stem = log.slice(0, log.length - extname(log).length)
  if (name === log || !name.startsWith(stem)) return false
  const rest = name.slice(stem.length)
  return /^[-.]/.test(rest) && /\d/.test(rest)
}

/** How often to list again when names changed meanwhile: rotation renames all old files within a moment. */
const LIST_ATTEMPTS = 5

/** Files that were this log before, not compressed, the oldest first. */
export async function rotatedFiles(path: string): Promise<LogFile[]> {
  const directory = dirname(path)
  let files: LogFile[] = []
  for (let attempt = 0; attempt < LIST_ATTEMPTS; attempt += 1) {
    const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    const old = names.filter((name) => isRotatedName(name, basename(path)) && !COMPRESSED.test(name))
    const found = await Promise.all(
      old.map(async (name) => ({ path: join(directory, name), stats: await statOrNull(join(directory, name)) }))
    )
    files = found.filter((file): file is LogFile => file.stats?.isFile() ?? false)
    if (found.every(({ stats }) => stats !== null)) break
  }
  return files.sort((a, b) => (a.stats.birthtimeNs < b.stats.birthtimeNs ? -1 : 1))
}

/**
 * The file to read after one that was rotated away: the oldest that was created after it. Rotation may have happened more than
 * once, so this need not be the one that has the log's name now. Renaming keeps the time of creation.
 * @param after the file that has been read to its end, by its id and its creation in nanoseconds since the epoch
 * @returns null while there is none yet
 */
export async function successorOf(path: string, after: { file: string; created_ns: bigint }): Promise<LogFile | null> {
  const stats = await statOrNull(path)
  const current = stats === null ? null : { path, stats }
  // Some file systems keep no time of creation: then the only certain order is that the log's own name comes last.
  if (after.created_ns === 0n) return current
  for (const file of await rotatedFiles(path)) {
    const { birthtimeNs } = file.stats
    if (fileIdOf(file.stats) === after.file || birthtimeNs <= after.created_ns) continue
    if (
      current !== null &&
      (birthtimeNs > current.stats.birthtimeNs || fileIdOf(file.stats) === fileIdOf(current.stats))
    )
      break
    return file
  }
  return current
}
