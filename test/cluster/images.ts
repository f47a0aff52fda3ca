import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file, folder (`folder: true`) or link (`target`) of an image. */
export interface ImageFile {
  readonly path: string
  readonly content?: Buffer | string
  readonly target?: string
  readonly folder?: boolean
  readonly mode?: number
}

export interface TestImage {
  readonly name: string
  readonly files: readonly ImageFile[]
  /** OCI image configuration: Cmd, Entrypoint, Env, … */
  readonly config: Readonly<Record<string, unknown>>
}

const BLOCK_BYTES = 512
const MADE = 1_767_225_600
const ARCHITECTURE: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** A tar archive (POSIX ustar) of files with one owner and one time, so that the same files give the same bytes. */
function tarOf(files: readonly ImageFile[]): Buffer {
  const blocks = files.flatMap(({ path, content = '', target, folder, mode }) => {
    const body = folder === true || target !== undefined ? Buffer.alloc(0) : Buffer.from(content)
    const header = Buffer.alloc(BLOCK_BYTES)
    const name = folder === true ? `${path}/` : path
    if (Buffer.byteLength(name) > 100) throw new Error(`${name} is too long for an archive`)
    const octal = (value: number, at: number, length: number) =>
      header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at)
    header.write(name, 0)
    octal(mode ?? 0o755, 100, 8)
    octal(0, 108, 8)
    octal(0, 116, 8)
    octal(body.length, 124, 12)
    octal(MADE, 136, 12)
    header.write('        ', 148)
    header.write(folder === true ? '5' : target === undefined ? '0' : '2', 156)
    header.write(target ?? '', 157)
    header.write('ustar\x0000', 257)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return [header, body, Buffer.alloc((BLOCK_BYTES - (body.length % BLOCK_BYTES)) % BLOCK_BYTES)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)])
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

/** What an archive for `ctr images import` has beside its one layer: a configuration, a manifest. */
function describe({ name, config }: Omit<TestImage, 'files'>, digest: string): ImageFile[] {
  const created = new Date(MADE * 1000).toISOString()
  const description = JSON.stringify({
    architecture: ARCHITECTURE[process.arch] ?? process.arch,
    os: 'linux',
    created,
    config,
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
    history: [{ created }]
  })
  const manifest = [{ Config: `${sha256(description)}.json`, RepoTags: [name], Layers: [`${digest}/layer.tar`] }]
  return [
    { path: `${sha256(description)}.json`, content: description, mode: 0o644 },
    { path: 'manifest.json', content: JSON.stringify(manifest), mode: 0o644 }
  ]
}

/** Writes an image as an archive for `ctr images import`. */
export function writeImage({ name, files, config }: TestImage, file: string): void {
  const layer = tarOf(files)
  const digest = sha256(layer)
  const parts = [...describe({ name, config }, digest), { path: `${digest}/layer.tar`, content: layer, mode: 0o644 }]
  writeFileSync(file, tarOf(parts))
}

/**
 * The same of a folder, for what is too much to be held in memory.
 * @param root what is to be the image's root; all is root's there
 * @param work an empty folder
 */
export function writeFolderImage(image: Omit<TestImage, 'files'>, root: string, work: string, file: string): void {
  const owner = ['--owner=0', '--group=0', '--numeric-owner']
  const made = join(work, 'layer.tar')
  execFileSync('tar', [...owner, '--sort=name', `--mtime=@${MADE}`, '-C', root, '-cf', made, '.'])
  const digest = execFileSync('sha256sum', [made], { encoding: 'utf8' }).slice(0, 64)
  mkdirSync(join(work, 'image', digest), { recursive: true })
  renameSync(made, join(work, 'image', digest, 'layer.tar'))
  for (const { path, content = '' } of describe(image, digest)) writeFileSync(join(work, 'image', path), content)
  execFileSync('tar', [...owner, '-C', join(work, 'image'), '-cf', file, '.'])
}

/** Files of an image in which busybox is every command: a shell, and nothing else. */
export function busyboxFiles(): ImageFile[] {
  const program = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim()
  const commands = execFileSync(program, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  const folders = ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev', 'var', 'var/run']
  return [
    ...folders.map((path) => ({ path, folder: true, mode: path === 'tmp' ? 0o1777 : 0o755 })),
    { path: 'bin/busybox', content: readFileSync(program) },
    ...commands
      .filter((command) => command !== 'busybox')
      .map((command) => ({ path: `bin/${command}`, target: 'busybox' })),
    { path: 'etc/passwd', content: 'root:x:0:0:root:/root:/bin/sh\n', mode: 0o644 },
    { path: 'etc/group', content: 'root:x:0:\n', mode: 0o644 }
  ]
}

/**
 * A program of this machine with the libraries it loads, for an image whose other files are those of busybox.
 * @param program name of the program
 * @param path where it is to be in the image
 */
export function programFiles(program: string, path: string): ImageFile[] {
  const source = execFileSync('sh', ['-c', 'readlink -f "$(command -v "$1")"', 'sh', program], {
    encoding: 'utf8'
  }).trim()
  const files = new Map([[path, source]])
  for (const library of librariesOf(source)) files.set(library.slice(1), library)
  return [...files].map(([file, from]) => ({ path: file, content: readFileSync(from) }))
}

/** Libraries that a program or library loads, by their paths on this machine. */
export function librariesOf(file: string): string[] {
  const lines = execFileSync('ldd', [file], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)
  return [...lines].flatMap(([, library]) => library ?? [])
}

/** Folders that hold files of an image, so that each is there before what is in it. */
export function foldersOf(files: readonly ImageFile[]): ImageFile[] {
  const folders = new Set<string>()
  for (const { path } of files)
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) folders.add(path.slice(0, end))
  return [...folders].toSorted().map((path) => ({ path, folder: true, mode: 0o755 }))
}

export const BUSYBOX_IMAGE = 'docker.io/library/busybox:test'
export const PAUSE_IMAGE = 'registry.local/pause:test'

/** Makes the images that every test cluster has. */
export function writeBaseImages(folder: string): void {
  const files = busyboxFiles()
  writeImage({ name: BUSYBOX_IMAGE, files, config: { Env: ['PATH=/bin'], Cmd: ['sh'] } }, join(folder, 'busybox.tar'))
  const pause = { Entrypoint: ['/bin/busybox', 'sleep', '2147483647'] }
  writeImage(
    { name: PAUSE_IMAGE, files: files.filter(({ path }) => /^bin(\/busybox)?$/.test(path)), config: pause },
    join(folder, 'pause.tar')
  )
}
