import { type Dirent, existsSync } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../core/errors.ts'

const ENTRIES_MAX = 100_000

/** @returns hash of a file, null when it is not to be hashed */
export type Hasher = (path: string, size: number) => Promise<string | null>

/** Something that is in a container and not, or not so, in its image. */
export interface DiffEntry {
  readonly path: string
  /** `removed`: the image has it, the container does not. */
  readonly type: 'file' | 'folder' | 'link' | 'removed' | 'other'
  readonly bytes: number
  readonly mode: string
  readonly modified: string
  /** Of a file that is not too large. */
  readonly sha256: string | null
  /** Of a link. */
  readonly target: string | null
}

/** Overlay's folder of changes, from the mounts of a process: man 5 proc, mountinfo; null when its root is no overlay. */
export function upperFolder(mountinfo: string): string | null {
  // Of several mounts on the root, the last is seen.
  for (const line of mountinfo.split('\n').toReversed()) {
    const [before = '', after = ''] = line.split(' - ')
    const [type, , options = ''] = after.split(' ')
    if (before.split(' ')[4] !== '/' || type !== 'overlay') continue
    const upper = /(?:^|,)upperdir=([^,]+)/.exec(options)?.[1]
    // Blanks and the like are in octal.
    return upper === undefined
      ? null
      : upper.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
  }
  return null
}

async function entryOf(path: string, name: string, hasher: Hasher): Promise<DiffEntry> {
  const found = await lstat(path)
  const common = {
    path: name,
    bytes: found.size,
    mode: (found.mode & 0o7777).toString(8),
    modified: found.mtime.toISOString(),
    sha256: null,
    target: null
  }
  // A character device of number 0/0 stands for what was removed.
  if (found.isCharacterDevice() && found.rdev === 0) return { ...common, type: 'removed' }
  if (found.isSymbolicLink()) return { ...common, type: 'link', target: await readlink(path) }
  if (found.isDirectory()) return { ...common, type: 'folder' }
  if (!found.isFile()) return { ...common, type: 'other' }
  return { ...common, type: 'file', sha256: await hasher(path, found.size) }
}

/**
 * What was written over a container's image, by the folder that overlay keeps it in. Links are never followed.
 * @param proc where the node's processes are
 * @param pid a process of the container
 */
export async function containerDiff(
  proc: string,
  pid: number,
  hasher: Hasher
): Promise<{ readonly entries: readonly DiffEntry[]; readonly notes: readonly string[] }> {
  const upper = upperFolder(await readFile(join(proc, String(pid), 'mountinfo'), 'latin1').catch(() => ''))
  if (upper === null) return { entries: [], notes: ['its root is no overlay: what it wrote is not known'] }
  // The runtime mounted it where process 1 is, which the agent may not see by the same path.
  const ofNode = join(proc, '1', 'root', upper)
  const root = existsSync(ofNode) ? ofNode : upper
  const entries: DiffEntry[] = []
  const notes: string[] = []
  const pending: string[] = ['/']
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    let names: Dirent[] = []
    try {
      names = await readdir(join(root, folder), { withFileTypes: true })
    } catch (error) {
      notes.push(`${folder}: ${messageOf(error)}`)
    }
    for (const entry of names) {
      const name = join(folder, entry.name)
      if (entries.length === ENTRIES_MAX) return { entries, notes: [...notes, `more than ${ENTRIES_MAX} changes`] }
      try {
        entries.push(await entryOf(join(root, name), name, hasher))
        if (entry.isDirectory()) pending.push(name)
      } catch (error) {
        notes.push(`${name}: ${messageOf(error)}`)
      }
    }
  }
  return { entries, notes }
}
