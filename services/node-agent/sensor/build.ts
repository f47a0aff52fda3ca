/**
 * npm run build:sensor [-- --arch x64|arm64] [--out FOLDER]
 *
 * Compiles the BPF program of the sensor. It is relocated against the running kernel when it is loaded, so one object serves all
 * kernels of an architecture, and is the same whatever kernel it is built on.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BUILD_FOLDER, objectName, type SensorArch, sensorArch } from './object-file.ts'

const FIX = 'install clang, llvm and libbpf-dev (Debian, Ubuntu: apt-get install clang llvm libbpf-dev)'
/** Debian keeps headers of an architecture in a folder of its own, which clang does not look into for BPF. */
const INCLUDES: Readonly<Record<SensorArch, readonly string[]>> = {
  x64: ['/usr/include/x86_64-linux-gnu'],
  arm64: ['/usr/include/aarch64-linux-gnu', '/usr/include/x86_64-linux-gnu']
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}

function run(command: string, args: readonly string[]): void {
  const { error, status } = spawnSync(command, args, { stdio: 'inherit' })
  if (error !== undefined) fail(`cannot run ${command} (${error.message}): ${FIX}`)
  if (status !== 0) fail(`${command} has failed with status ${status}`)
}

const { values } = parseArgs({ options: { arch: { type: 'string' }, out: { type: 'string', default: BUILD_FOLDER } } })
const arch = values.arch === undefined ? sensorArch() : sensorArch('linux', values.arch)
if (!existsSync('/usr/include/bpf/bpf_helpers.h')) fail(`the headers of libbpf are not there: ${FIX}`)
mkdirSync(values.out, { recursive: true })
const object = join(values.out, objectName(arch))
run('clang', [
  ...['-g', '-O2', '-Wall', '-Werror', '-target', 'bpf'],
  `-D__TARGET_ARCH_${arch === 'x64' ? 'x86' : 'arm64'}`,
  // The source's own folder is no part of the object.
  `-fdebug-prefix-map=${import.meta.dirname}=.`,
  ...INCLUDES[arch].filter((folder) => existsSync(folder)).map((folder) => `-I${folder}`),
  ...['-c', join(import.meta.dirname, 'sensor.bpf.c'), '-o', object]
])
// The types of the program stay, the line numbers of a debugger do not.
run('llvm-strip', ['-g', object])
console.log(`${object}: ${statSync(object).size} bytes`)
