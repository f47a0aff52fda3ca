import { closeSync, createReadStream, createWriteStream, mkdirSync, openSync, readSync, statSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { PassThrough, Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createInflateRaw } from 'node:zlib'

const END = 0x06054b50
const ENTRY = 0x02014b50
const END_SEARCH_BYTES = 22 + 65_535

interface Entry {
  readonly name: string
  readonly method: number
  readonly compressed_bytes: number
  readonly offset: number
  readonly mode: number
}

/**
 * Unpacks a ZIP archive, because `unzip` is not on every machine and Java's `jar` only comes with a full JDK. Archives over
 * 4 GB and encrypted ones are not read. Format: PKWARE APPNOTE 6.3.
 *
 * @param file the archive, already known to be what was expected
 * @param folder made if it is not there
 * @throws Error when the archive is damaged or an entry would land outside the folder
 */
export async function unzip(file: string, folder: string): Promise<void> {
  for (const entry of readDirectory(file)) {
    const target = join(folder, normalize(entry.name))
    if (target !== folder && !target.startsWith(folder + sep))
      throw new Error(`${file}: ${entry.name} leaves the folder`)
    if (entry.name.endsWith('/')) {
      mkdirSync(target, { recursive: true })
      continue
    }
    mkdirSync(dirname(target), { recursive: true })
    // Opened last: a stream that nothing is piped into would be left open when the archive turns out to be damaged.
    const out = () => createWriteStream(target, { mode: entry.mode || 0o644 })
    const unpack = UNPACKERS.get(entry.method)
    if (!unpack) throw new Error(`${file}: ${entry.name} is packed with method ${entry.method}, which is not known`)
    if (entry.compressed_bytes === 0) {
      await pipeline(Readable.from([]), out())
      continue
    }
    const start = dataOffset(file, entry)
    const data = createReadStream(file, { start, end: start + entry.compressed_bytes - 1, highWaterMark: 1 << 20 })
    await pipeline(data, unpack(), out())
  }
}

/** By compression method: 0 stored, 8 deflated. Nothing else is in use. */
const UNPACKERS: ReadonlyMap<number, () => Transform> = new Map([
  [0, (): Transform => new PassThrough()],
  [8, (): Transform => createInflateRaw({ chunkSize: 1 << 18 })]
])

function readDirectory(file: string): Entry[] {
  const size = statSync(file).size
  const end = read(file, Math.max(0, size - END_SEARCH_BYTES), Math.min(size, END_SEARCH_BYTES))
  let at = end.length - 22
  while (at >= 0 && end.readUInt32LE(at) !== END) at--
  if (at < 0) throw new Error(`${file} is no ZIP archive, or it is cut short`)
  const directory = read(file, end.readUInt32LE(at + 16), end.readUInt32LE(at + 12))
  const entries: Entry[] = []
  for (let pos = 0; pos + 46 <= directory.length; ) {
    if (directory.readUInt32LE(pos) !== ENTRY) throw new Error(`${file}: the directory is damaged`)
    const name_bytes = directory.readUInt16LE(pos + 28)
    entries.push({
      name: directory.toString('utf8', pos + 46, pos + 46 + name_bytes),
      method: directory.readUInt16LE(pos + 10),
      compressed_bytes: directory.readUInt32LE(pos + 20),
      offset: directory.readUInt32LE(pos + 42),
      // Unix permissions are in the upper half of the external attributes.
      mode: (directory.readUInt32LE(pos + 38) >>> 16) & 0o777
    })
    pos += 46 + name_bytes + directory.readUInt16LE(pos + 30) + directory.readUInt16LE(pos + 32)
  }
  return entries
}

/** The local header repeats the name and may carry other extra fields than the directory. */
function dataOffset(file: string, entry: Entry): number {
  const header = read(file, entry.offset, 30)
  return entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
}

function read(file: string, position: number, length: number): Buffer {
  const fd = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(length)
    const count = readSync(fd, buffer, 0, length, position)
    if (count !== length) throw new Error(`${file} is cut short`)
    return buffer
  } finally {
    closeSync(fd)
  }
}
