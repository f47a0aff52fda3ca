import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { weirHome } from '../../infra/settings.ts'

/** The last version whose kubelet runs on control groups of version 1. */
const VERSION = '1.34.4'
const STAGING = `v0.${VERSION.slice(2)}`
const BUILD_DATE = '2026-01-01T00:00:00Z'

/** Names a built program, or one packed with xz, in place of building one. */
export const BINARY_VARIABLE = 'WEIR_CLUSTER_BINARY'

const folder = () => join(weirHome(), 'cluster-binary', VERSION)
const cached = () => join(folder(), 'kubemulti')

/** Whether there is something to run without building it. */
export function isBinaryReady(environment: NodeJS.ProcessEnv = process.env): boolean {
  const given = environment[BINARY_VARIABLE]
  return (given !== undefined && given !== '') || existsSync(cached())
}

/**
 * The program with all parts of Kubernetes: the one named in the environment, else the one built before, else it is built: nine
 * minutes on two quiet cores with nothing cached, and 2.3 GiB of memory at most.
 * @param say told what takes long
 */
export function clusterBinary(say: (text: string) => void, environment: NodeJS.ProcessEnv = process.env): string {
  const given = environment[BINARY_VARIABLE]
  if (given !== undefined && given !== '') return given.endsWith('.xz') ? unpacked(given, say) : given
  if (!existsSync(cached())) build(say)
  return cached()
}

/** Unpacks once; a newer archive is unpacked again. */
function unpacked(archive: string, say: (text: string) => void): string {
  const target = join(weirHome(), 'cluster-binary', 'unpacked', 'kubemulti')
  const mark = `${target}.from`
  const { size, mtimeMs } = statSync(archive)
  const from = `${archive} ${size} ${mtimeMs}`
  if (existsSync(target) && existsSync(mark) && readFileSync(mark, 'utf8') === from) return target
  say(`unpacking ${archive}`)
  mkdirSync(join(target, '..'), { recursive: true })
  execFileSync('sh', ['-c', 'xz -dkc "$1" > "$2.tmp"', 'sh', archive, target], { stdio: 'inherit' })
  chmodSync(`${target}.tmp`, 0o755)
  renameSync(`${target}.tmp`, target)
  writeFileSync(mark, from)
  return target
}

function go(work: string, ...args: string[]): void {
  const { status } = spawnSync('nice', ['-n', '10', 'go', ...args], {
    cwd: work,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-p=2 -mod=mod -buildvcs=false' }
  })
  if (status !== 0)
    throw new Error(`go ${args[0] ?? ''} failed with exit code ${status ?? 'none'}; what it said is above`)
}

/**
 * A module file that pins everything as Kubernetes itself does. Its own go.mod replaces the staging modules by folders of its tree,
 * which others do not have; here they are taken at the versions they are published under.
 */
function moduleFile(kubernetes: string): string {
  const lines = kubernetes.split('\n')
  const one = (pattern: RegExp) => lines.filter((line) => pattern.test(line)).join('\n')
  const pins = [...kubernetes.matchAll(/^\t([^\s]+) (v[^\s]+)( \/\/ indirect)?$/gm)]
  const staging = pins.filter(([, name = '', version]) => name.startsWith('k8s.io/') && version === 'v0.0.0')
  const required = pins.map(([, name = '', version = '', indirect = '']) => {
    const isStaging = staging.some(([, other]) => other === name)
    return `\t${name} ${isStaging ? STAGING : version}${indirect}`
  })
  const replaced = staging.map(([, name = '']) => `\t${name} => ${name} ${STAGING}`)
  return `module kubemulti

${one(/^go /)}

${one(/^godebug /)}

require (
\tk8s.io/kubernetes v${VERSION}
${required.join('\n')}
)

replace (
${replaced.join('\n')}
)
`
}

/** Writes the module's files and fetches what it needs. @returns its folder */
export function prepareBuild(say: (text: string) => void): string {
  const work = join(folder(), 'build')
  mkdirSync(work, { recursive: true })
  copyFileSync(new URL('multi-call/main.go', import.meta.url), join(work, 'main.go'))
  say(`fetching the sources of Kubernetes ${VERSION}`)
  writeFileSync(join(work, 'go.mod'), 'module kubemulti\n')
  const told = execFileSync('go', ['mod', 'download', '-json', `k8s.io/kubernetes@v${VERSION}`], {
    cwd: work,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const { GoMod } = JSON.parse(told) as { readonly GoMod: string }
  writeFileSync(join(work, 'go.mod'), moduleFile(readFileSync(GoMod, 'utf8')))
  // Fetches what is built and no more.
  go(work, 'list', '-deps', '-f', '{{with .Module}}{{end}}', '.')
  return work
}

function build(say: (text: string) => void): void {
  const work = prepareBuild(say)
  say('building it: nine minutes on two quiet cores, once')
  const [major, minor] = VERSION.split('.')
  const stamps = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((path) =>
    [
      `gitVersion=v${VERSION}`,
      `gitMajor=${major}`,
      `gitMinor=${minor}`,
      'gitTreeState=clean',
      `buildDate=${BUILD_DATE}`
    ].map((stamp) => `-X ${path}.${stamp}`)
  )
  const target = join(work, 'kubemulti.tmp')
  go(work, 'build', '-trimpath', '-tags', 'providerless', '-ldflags', ['-s -w', ...stamps].join(' '), '-o', target, '.')
  renameSync(target, cached())
}
