import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { librariesOf, writeFolderImage } from './images.ts'

export const WEIR_IMAGE = 'registry.local/weir:test'

const TREE = resolve(import.meta.dirname, '../..')
const DOCKERFILE = join(TREE, 'infra/docker/Dockerfile')
const LIBBPF = 'libbpf.so.1'

/** Instructions of the Dockerfile's last stage: `[COPY, "bin bin"]`. */
function lastStage(): ReadonlyArray<readonly [name: string, rest: string]> {
  const lines = readFileSync(DOCKERFILE, 'utf8')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line))
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1).trim()] as const)
  return lines.slice(lines.findLastIndex(([name]) => name === 'FROM') + 1)
}

const all = (name: string) => lastStage().flatMap(([instruction, rest]) => (instruction === name ? [rest] : []))

const copy = (from: string, to: string) => execFileSync('cp', ['-a', from, to])

/** What `npm ci --omit=dev` would install, from what is installed here. */
function copyPackages(target: string): void {
  const lock = JSON.parse(readFileSync(join(TREE, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>
  }
  for (const [path, { dev }] of Object.entries(lock.packages)) {
    const [, name, inside] = path.split(/(?:^|\/)node_modules\//)
    // Packages for other processors and systems are in the lock file only.
    if (name === undefined || inside !== undefined || dev === true || !existsSync(join(TREE, path))) continue
    mkdirSync(dirname(join(target, name)), { recursive: true })
    copy(join(TREE, path), join(target, name))
  }
}

/** What the stages before the last one make. */
function copyFromStage(stage: string, target: string): void {
  if (stage === 'packages') copyPackages(target)
  else if (stage === 'sensor')
    execFileSync(process.execPath, [join(TREE, 'services/node-agent/sensor/build.ts'), '--out', target], {
      stdio: ['ignore', 'ignore', 'pipe']
    })
  else throw new Error(`${DOCKERFILE} has a stage ${stage} that this does not know`)
}

/** What the base image and its packages bring: Node, the library that loads the sensor, and the libraries of both. */
function copySystem(root: string): void {
  const libbpf = execFileSync('sh', ['-c', `ldconfig -p | sed -n 's/.*${LIBBPF}.* => //p' | head -1`], {
    encoding: 'utf8'
  }).trim()
  if (libbpf === '') throw new Error(`${LIBBPF} is not there`)
  const put = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), { recursive: true })
    copyFileSync(from, join(root, to))
  }
  put(process.execPath, 'usr/local/bin/node')
  for (const library of [libbpf, ...librariesOf(libbpf), ...librariesOf(process.execPath)]) put(library, library)
  for (const folder of ['tmp', 'proc', 'sys', 'dev', 'etc']) mkdirSync(join(root, folder), { recursive: true })
}

/**
 * Makes Weir's image as infra/docker/Dockerfile says, without a container engine: what it copies is copied, what it installs comes from
 * this machine. @param file the archive, for `ctr images import`
 */
export function writeWeirImage(file: string): void {
  const work = mkdtempSync(join(tmpdir(), 'weir-image-'))
  try {
    const root = join(work, 'root')
    const folder = join(root, all('WORKDIR').at(-1) ?? '')
    mkdirSync(folder, { recursive: true })
    copySystem(root)
    for (const rest of all('COPY')) {
      const words = rest.split(/\s+/)
      const stage = words[0]?.startsWith('--from=') === true ? words.shift()?.slice('--from='.length) : undefined
      const target = join(folder, words.pop() ?? '')
      if (stage !== undefined) copyFromStage(stage, target)
      else for (const source of words) copy(join(TREE, source), words.length > 1 ? join(target, source) : target)
    }
    const json = (name: string) => JSON.parse(all(name).at(-1) ?? '[]') as unknown
    const config = {
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin', ...all('ENV').flatMap((rest) => rest.split(/\s+/))],
      WorkingDir: all('WORKDIR').at(-1),
      // The Dockerfile's user has a name, which takes a file of users to be found.
      User: '1000',
      Entrypoint: json('ENTRYPOINT'),
      Cmd: json('CMD')
    }
    writeFolderImage({ name: WEIR_IMAGE, config }, root, work, file)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
