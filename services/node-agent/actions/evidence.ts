import { createHash } from 'node:crypto'
import { type Dirent, existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf } from '../../core/errors.ts'
import { type ProcProcess, readProcess } from '../sensor/proc.ts'
import { containerDiff, type Hasher } from './container-diff.ts'
import { type ContainerFolders, containerCgroups, pidsOf } from './containers.ts'

const PROCESSES_MAX = 1000
const FDS_MAX = 10_000
/** Of /proc/PID/maps and the like. */
const TEXT_MAX_BYTES = 4 * 1024 * 1024
const CHUNK_BYTES = 1024 * 1024
const SUMS = 'SHA256SUMS'

export interface EvidenceLimits {
  /** Folder that bundles are kept in. */
  readonly directory: string
  /** Largest bundle. */
  readonly bundle_max_bytes: number
  /** Largest program that is copied; of larger ones the hash alone is kept. */
  readonly file_max_bytes: number
  /** All bundles together: when it is full, no more are made, and none is removed. */
  readonly total_max_bytes: number
  /** Longest time: the responder waits for an answer. */
  readonly time_max_ms: number
}

export interface EvidencePorts {
  readonly folders: ContainerFolders
  readonly node: string
  readonly limits: EvidenceLimits
  readonly now_ms: () => number
  /** Aborted when it has to be done with what there is by now. */
  readonly finish?: AbortSignal
}

export interface EvidenceRequest {
  readonly pod_uid: string | null
  /** Ids, whole or the first 12 characters or more. */
  readonly containers: readonly string[]
  /** What the bundle is called for, such as the id of the plan. */
  readonly purpose: string
}

interface Member {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** A bundle in the making, within its bounds. */
interface Bundle {
  readonly members: Member[]
  readonly notes: string[]
  bytes: number
  /** @param always what the bundle is not one without */
  add(path: string, content: string | Buffer, always?: boolean): Promise<void>
  copy(path: string, from: string): Promise<void>
  /** Whether there is time left; says so once when there is none. */
  inTime(): boolean
}

function openBundle(folder: string, limits: EvidenceLimits, isOver: () => boolean): Bundle {
  let late = false
  const bundle: Bundle = {
    members: [],
    notes: [],
    bytes: 0,
    async add(path, content, always = false) {
      const data = typeof content === 'string' ? Buffer.from(content) : content
      if (!always && bundle.bytes + data.length > limits.bundle_max_bytes) {
        bundle.notes.push(`${path} is left out: the bundle is full`)
        return
      }
      await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 })
      await writeFile(join(folder, path), data, { mode: 0o600 })
      bundle.bytes += data.length
      bundle.members.push({ path, bytes: data.length, sha256: createHash('sha256').update(data).digest('hex') })
    },
    async copy(path, from) {
      const room = Math.min(limits.file_max_bytes, limits.bundle_max_bytes - bundle.bytes)
      const source = await open(from, 'r')
      try {
        const { size } = await source.stat()
        if (size > room) {
          bundle.notes.push(`${path} is left out: it has ${size} bytes`)
          return
        }
        await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 })
        const target = await open(join(folder, path), 'wx', 0o600)
        const digest = createHash('sha256')
        let bytes = 0
        try {
          const chunk = Buffer.alloc(CHUNK_BYTES)
          // It may grow while it is read.
          for (let read = await source.read(chunk, 0, chunk.length); read.bytesRead > 0 && bytes <= room; ) {
            const part = chunk.subarray(0, read.bytesRead)
            digest.update(part)
            await target.write(part)
            bytes += part.length
            read = await source.read(chunk, 0, chunk.length)
          }
        } finally {
          await target.close()
        }
        bundle.bytes += bytes
        bundle.members.push({ path, bytes, sha256: digest.digest('hex') })
      } finally {
        await source.close()
      }
    },
    inTime() {
      if (!isOver()) return true
      if (!late) bundle.notes.push('not all was looked at: the time was up')
      late = true
      return false
    }
  }
  return bundle
}

/** The bytes of a file, at most so many. /proc tells no sizes, so that they are counted. */
async function textOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const parts: Buffer[] = []
    let bytes = 0
    for (;;) {
      const chunk = Buffer.alloc(64 * 1024)
      const { bytesRead } = await file.read(chunk, 0, chunk.length)
      if (bytesRead === 0 || bytes >= TEXT_MAX_BYTES) break
      parts.push(chunk.subarray(0, bytesRead))
      bytes += bytesRead
    }
    return Buffer.concat(parts)
  } finally {
    await file.close()
  }
}

async function filesOpenIn(proc: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  const names = await readdir(join(proc, 'fd'))
  for (const name of names.slice(0, FDS_MAX)) {
    // It may have been closed meanwhile.
    files[name] = await readlink(join(proc, 'fd', name)).catch(() => '?')
  }
  return files
}

/** Whether the program of a process is no longer, or never was, the file at its path: deleted, replaced, or only in memory. */
async function isElsewhere(proc: string): Promise<boolean> {
  const path = await readlink(join(proc, 'exe'))
  if (path.endsWith(' (deleted)') || !path.startsWith('/')) return true
  const [running, there] = await Promise.all([
    stat(join(proc, 'exe')),
    stat(join(proc, 'root', path)).catch(() => null)
  ])
  return there === null || there.ino !== running.ino || there.dev !== running.dev
}

async function addProcess(bundle: Bundle, folders: ContainerFolders, pid: number, copied: Set<string>): Promise<void> {
  const proc = join(folders.proc, String(pid))
  const at = `processes/${pid}`
  const steps: ReadonlyArray<readonly [string, () => Promise<void>]> = [
    ['maps', async () => bundle.add(`${at}/maps`, await textOf(join(proc, 'maps')))],
    ['status', async () => bundle.add(`${at}/status`, await textOf(join(proc, 'status')))],
    ['mountinfo', async () => bundle.add(`${at}/mountinfo`, await textOf(join(proc, 'mountinfo')))],
    ['net', async () => bundle.add(`${at}/net-tcp`, await textOf(join(proc, 'net', 'tcp')))],
    ['fd', async () => bundle.add(`${at}/files.json`, JSON.stringify(await filesOpenIn(proc), null, 1))],
    [
      'exe',
      async () => {
        if (!(await isElsewhere(proc))) return
        const { dev, ino } = await stat(join(proc, 'exe'))
        if (copied.has(`${dev}/${ino}`)) return
        copied.add(`${dev}/${ino}`)
        await bundle.copy(`${at}/executable`, join(proc, 'exe'))
      }
    ]
  ]
  for (const [name, step] of steps) {
    try {
      await step()
    } catch (error) {
      bundle.notes.push(`${at}/${name}: ${messageOf(error)}`)
    }
  }
}

async function sizeOf(folder: string): Promise<number> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
  let bytes = 0
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0
  }
  return bytes
}

/** Removes what an agent that was killed has left half made: there is one collection at a time. */
async function removeHalfMade(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names) {
    if (name.startsWith('.') && name.endsWith('.new')) await rm(join(directory, name), { recursive: true, force: true })
  }
}

/** What hashes the files of a container, within the time of the bundle. */
function hasherOf(bundle: Bundle, limits: EvidenceLimits): Hasher {
  return async (path, size) => {
    if (size > limits.file_max_bytes || !bundle.inTime()) return null
    const digest = createHash('sha256')
    const file = await open(path, 'r')
    try {
      for await (const chunk of file.createReadStream({ end: limits.file_max_bytes })) digest.update(chunk as Buffer)
    } finally {
      await file.close().catch(() => undefined)
    }
    return digest.digest('hex')
  }
}

/** Name for a folder, of what may be anything. */
const plain = (text: string): string => text.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 80)

/**
 * Keeps what a node can tell of a pod's containers before they are destroyed, as a folder: the tree of their processes; of each process
 * its status, maps, mounts, open files and connections, and its program if that is deleted, replaced or in memory only; of each
 * container what was written over its image, with hashes. `manifest.json` has what was left out, and why; `SHA256SUMS` the hash of every
 * member, and its own hash stands for the whole bundle.
 * @returns where it is, what it has, and the hash of the whole, in one line
 * @throws Error when there is no such container, or no room
 */
export async function collectEvidence(ports: EvidencePorts, request: EvidenceRequest): Promise<string> {
  const { folders, node, limits, now_ms } = ports
  const found = containerCgroups(folders, request)
  if (found.size === 0) throw new Error('there is no container of this pod on this node')
  await removeHalfMade(limits.directory)
  const kept = await sizeOf(limits.directory)
  if (kept + limits.bundle_max_bytes > limits.total_max_bytes) {
    throw new Error(`${limits.directory} holds ${kept} bytes: no room for another bundle; move old ones away`)
  }
  const begun = now_ms()
  const name = `${new Date(begun).toISOString().replace(/[:.]/g, '-')}-${plain(request.purpose)}`
  const folder = join(limits.directory, name)
  const making = join(limits.directory, `.${name}.new`)
  await mkdir(making, { recursive: true, mode: 0o700 })
  try {
    const isOver = () => ports.finish?.aborted === true || Math.abs(now_ms() - begun) >= limits.time_max_ms
    const bundle = openBundle(making, limits, isOver)
    const copied = new Set<string>()
    const processes: Array<ProcProcess & { container: string }> = []
    for (const [container, cgroups] of found) {
      const pids = [...new Set(cgroups.flatMap((path) => (existsSync(path) ? pidsOf(path) : [])))]
      if (pids.length > PROCESSES_MAX)
        bundle.notes.push(`${container}: ${pids.length} processes, ${PROCESSES_MAX} are kept`)
      for (const pid of pids.slice(0, PROCESSES_MAX)) {
        const process = readProcess(pid, folders.proc)
        if (process !== null) processes.push({ ...process, container })
      }
    }
    await bundle.add('processes.json', JSON.stringify(processes, null, 1))
    for (const { pid } of processes) if (bundle.inTime()) await addProcess(bundle, folders, pid, copied)
    for (const container of found.keys()) {
      const [first] = processes.filter((process) => process.container === container)
      if (first === undefined) bundle.notes.push(`${container} has no process: what it wrote is not known`)
      else if (bundle.inTime()) {
        const { entries, notes } = await containerDiff(folders.proc, first.pid, hasherOf(bundle, limits))
        bundle.notes.push(...notes.map((note) => `${container}: ${note}`))
        await bundle.add(`containers/${container}/diff.json`, JSON.stringify(entries, null, 1))
      }
    }
    const { pod_uid, purpose } = request
    const about = { node, pod_uid, purpose, containers: [...found.keys()], began: new Date(begun).toISOString() }
    await bundle.add('manifest.json', JSON.stringify({ ...about, notes: bundle.notes }, null, 1), true)
    const sums = bundle.members.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('')
    await writeFile(join(making, SUMS), sums, { mode: 0o600, flush: true })
    await rename(making, folder)
    const whole = createHash('sha256')
      .update(await readFile(join(folder, SUMS)))
      .digest('hex')
    const left = bundle.notes.length === 0 ? '' : `, ${bundle.notes.length} notes on what is missing`
    return `kept ${bundle.members.length} files of ${bundle.bytes} bytes of ${processes.length} processes in ${folder}${left}; SHA-256 of ${SUMS}: ${whole}`
  } catch (error) {
    await rm(making, { recursive: true, force: true })
    throw error
  }
}
