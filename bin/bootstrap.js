/**
 * Makes a fresh clone ready to run: installs the packages of package-lock.json and, on an older Node, Node 24. Plain
 * JavaScript with nothing but Node's own modules, because it runs before anything is installed, on any Node from 20.
 *
 *     node bin/bootstrap.js                      only makes ready
 *     node bin/bootstrap.js run NAME [ARGS…]     makes ready, then runs a script file or a program of node_modules/.bin
 *                                                under Node 24
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync
} from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lock } from './lock.js'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const NODE_MAJOR = 24
const NODE_VERSION = '24.21.0'
/** What an installation takes on disk at its height, roughly; with less free it is not begun. */
const NODE_BYTES = 450_000_000
const PACKAGES_BYTES = 400_000_000
const WINDOWS = process.platform === 'win32'

/** The folder for everything downloaded, cached or stored. */
export function weirHome() {
  return resolve(process.env.WEIR_HOME || join(ROOT, '.weir'))
}

/** An error whose message is all that a person needs: shown without a stack. */
export class BootstrapError extends Error {
  name = 'BootstrapError'
}

/**
 * Installs what is missing, saying so on standard error; silent and quick (a few ms) when all is there. Safe when several
 * processes do it at once.
 *
 * @returns {Promise<string>} path of a Node of at least version 24
 * @throws {BootstrapError} with the mend
 */
export async function ensureReady() {
  // For images and packages, which bring everything with them.
  if (process.env.WEIR_NO_BOOTSTRAP) return process.execPath
  const missing = () => ({ node: findNode() === null, packages: !packagesAreCurrent() })
  let todo = missing()
  if (todo.node || todo.packages) {
    const release = await lock(join(weirHome(), 'bootstrap.lock'), {
      onWait: (owner) => say(`waiting for process ${owner.pid}, which is setting up the same checkout`)
    }).catch((error) => {
      throw explain(`the lock ${join(weirHome(), 'bootstrap.lock')} could not be taken`, error)
    })
    try {
      // Whoever had the lock before may have done it all.
      todo = missing()
      if (todo.packages) installPackages()
      if (todo.node) installNode()
    } finally {
      release()
    }
  }
  const node = findNode()
  if (node === null) throw new BootstrapError(`Node ${NODE_VERSION} was installed but is not in ${toolchain()}`)
  return node
}

/**
 * Runs a program under Node 24 with our standard streams, passes signals on and resolves to its exit code. The program does not
 * outlive this process.
 *
 * @param {string} node from `ensureReady`
 * @param {readonly string[]} args of Node: script and its arguments
 * @returns {Promise<number>} exit code, 128 + signal number when a signal ended it
 */
export function runUnder(node, args) {
  const lifeline = new URL('./lifeline.js', import.meta.url).href
  return follow(node, ['--import', lifeline, ...args], {
    ...environmentFor(node),
    // The fourth stream is a pipe whose other end closes with us, however we go.
    WEIR_LIFELINE: String(process.pid)
  })
}

/**
 * @param {string} node
 * @returns {NodeJS.ProcessEnv} in which programs find Node 24 and the checkout's tools first, and keep what Node has compiled: that
 *   takes a third off the start of each service, command and test worker
 */
function environmentFor(node) {
  const path = [dirname(node), join(ROOT, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter)
  return { NODE_COMPILE_CACHE: join(weirHome(), 'compiled'), ...process.env, PATH: path }
}

/** @param {string} command @param {readonly string[]} args @param {NodeJS.ProcessEnv} env @returns {Promise<number>} */
function follow(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['inherit', 'inherit', 'inherit', 'pipe'], env })
    /** @type {Map<NodeJS.Signals, () => void>} */
    const handlers = new Map()
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])) {
      const handler = () => {
        // A terminal's Ctrl-C reaches the program by itself: passed on, it would count as a second one.
        if (signal === 'SIGTERM' || !inForeground()) child.kill(signal)
      }
      handlers.set(signal, handler)
      process.on(signal, handler)
    }
    const done = () => {
      for (const [signal, handler] of handlers) process.off(signal, handler)
    }
    child.once('error', (error) => {
      done()
      reject(explain(`${command} could not be started`, error))
    })
    child.once('exit', (code, signal) => {
      done()
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
    })
  })
}

/** Whether we are in the group that the terminal sends Ctrl-C to. */
function inForeground() {
  try {
    // /proc/self/stat after the name in brackets: state, parent, group, session, terminal, the terminal's foreground group.
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return group === foreground
  } catch {
    return process.stdin.isTTY === true || process.stderr.isTTY === true
  }
}

function toolchain() {
  return join(weirHome(), 'toolchain')
}

/** @returns {string | null} path of a Node that will do, without starting it */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath
  return installedNode(toolchain())
}

/** @param {string} folder that npm installed the package `node` to @returns {string | null} */
function installedNode(folder) {
  const installed = join(folder, 'node_modules', 'node')
  try {
    if (JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')).version !== NODE_VERSION) return null
  } catch {
    return null
  }
  const program = join(installed, 'bin', WINDOWS ? 'node.exe' : 'node')
  return existsSync(program) ? program : null
}

function installNode() {
  say(
    `Node ${process.versions.node} is older than ${NODE_MAJOR}: fetching Node ${NODE_VERSION} from npm (190 MB on disk)`
  )
  const started_ms = Date.now()
  // Beside the final place and then renamed: an interrupted installation is never taken for a whole one.
  const part = `${toolchain()}.part`
  rmSync(part, { recursive: true, force: true })
  needSpace(weirHome(), NODE_BYTES)
  npm(
    ['install', '--no-save', '--no-package-lock', '--prefix', part, `node@${NODE_VERSION}`],
    part,
    `Node ${NODE_VERSION}`
  )
  const program = installedNode(part)
  const answer = program === null ? null : spawnSync(program, ['--version'], { encoding: 'utf8' })
  if (answer?.stdout?.trim() !== `v${NODE_VERSION}`) {
    throw new BootstrapError(
      `Node ${NODE_VERSION} from npm does not run here (${answer?.stderr?.trim() || answer?.error?.message || 'no program'}): ` +
        `install Node ${NODE_MAJOR} or newer yourself and run again`
    )
  }
  rmSync(toolchain(), { recursive: true, force: true })
  renameSync(part, toolchain())
  say(`Node ${NODE_VERSION} is ready (${seconds(started_ms)})`)
}

/**
 * Whether node_modules holds what package-lock.json says. After our own installation a stamp tells; after someone else's
 * (`npm install` by hand) npm's own record is compared, package by package.
 */
function packagesAreCurrent() {
  const wanted = readLock()
  const stamp = join(ROOT, 'node_modules', '.weir-lock-sha256')
  const digest = createHash('sha256').update(wanted).digest('hex')
  try {
    if (readFileSync(stamp, 'utf8') === digest) return true
  } catch {
    // Not installed by us.
  }
  try {
    const there = JSON.parse(readFileSync(join(ROOT, 'node_modules', '.package-lock.json'), 'utf8')).packages
    for (const [path, entry] of Object.entries(JSON.parse(wanted).packages)) {
      if (path === '' || entry.optional || entry.devOptional || entry.link) continue
      if (there[path]?.version !== entry.version) return false
    }
    writeFileSync(stamp, digest)
    return true
  } catch {
    return false
  }
}

function readLock() {
  try {
    return readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
  } catch (error) {
    throw explain(`${join(ROOT, 'package-lock.json')} cannot be read: is this a whole checkout?`, error)
  }
}

function installPackages() {
  const digest = createHash('sha256').update(readLock()).digest('hex')
  say(`installing the packages of package-lock.json (npm ci)`)
  const started_ms = Date.now()
  needSpace(ROOT, PACKAGES_BYTES)
  // The tests and the type checker are part of a checkout, whatever NODE_ENV says.
  const problem = npm(['ci', '--include=dev'], ROOT, 'the packages', OUT_OF_STEP)
  if (problem) {
    say('package-lock.json does not cover package.json: installing with `npm install` instead, which fills the gaps')
    npm(['install', '--no-save', '--include=dev'], ROOT, 'the packages')
  }
  writeFileSync(join(ROOT, 'node_modules', '.weir-lock-sha256'), digest)
  say(`packages are ready (${seconds(started_ms)})`)
}

/** npm's words when the lock file lacks a package: also when a registry did not serve one for another platform. */
const OUT_OF_STEP = /EUSAGE/

/**
 * @param {readonly string[]} args
 * @param {string} folder to run in
 * @param {string} what for messages
 * @param {RegExp} [tolerated] failures that the caller deals with
 * @returns {boolean} whether it failed in the tolerated way
 */
function npm(args, folder, what, tolerated) {
  mkdirSync(folder, { recursive: true })
  const [command, ...first] = npmCommand()
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env }
  for (const name of Object.keys(env)) {
    // Inside `npm start` and `npx` these tell an npm about the outer call, and would misdirect ours.
    if (
      /^npm_(lifecycle|package|command|config_(local_prefix|prefix|global|global_prefix|package|call|yes))/i.test(name)
    )
      delete env[name]
  }
  const result = spawnSync(command, [...first, ...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    env,
    // Its standard output would mix with the output of what we run in the end.
    stdio: ['ignore', 2, 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    shell: WINDOWS && command === 'npm'
  })
  if (result.error && 'code' in result.error && result.error.code === 'ENOENT') {
    throw new BootstrapError(
      'npm is not on the PATH: install Node.js together with npm (https://nodejs.org), then run again'
    )
  }
  if (result.error) throw explain(`npm could not be started to install ${what}`, result.error)
  if (result.signal) throw new BootstrapError(`npm was ended by ${result.signal} while it installed ${what}: run again`)
  if (result.status === 0) return false
  if (tolerated?.test(result.stderr)) return true
  throw new BootstrapError(npmFailure(result.stderr, what, folder))
}

/** @returns {[string, ...string[]]} the npm that runs us, else the one beside this Node, else the one on the PATH */
function npmCommand() {
  const running = process.env.npm_execpath
  if (running && /npm-cli\.[cm]?js$/.test(running) && existsSync(running)) return [process.execPath, running]
  const beside = join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js')
  if (existsSync(beside)) return [process.execPath, beside]
  return ['npm']
}

/** @param {string} stderr @param {string} what @param {string} folder */
function npmFailure(stderr, what, folder) {
  // The cause comes first, help and the name of a log file last.
  const words = stderr.trim().split('\n').slice(0, 12).join('\n')
  const mend = /ENOSPC|no space left/i.test(stderr)
    ? `the disk of ${folder} is full: make room and run again (downloads can go elsewhere with WEIR_HOME)`
    : /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network/i.test(stderr)
      ? 'npm cannot reach its registry: look at the network, the proxy and `npm config get registry`, then run again'
      : /EACCES|EPERM|EROFS/.test(stderr)
        ? `npm may not write to ${folder}: look at its owner and permissions`
        : /EBADENGINE|Unsupported engine/i.test(stderr)
          ? 'this Node is too old: install Node 20 or newer'
          : 'npm says why:'
  return `${what} could not be installed: ${mend}\n${words}`
}

/** @param {string} folder @param {number} bytes */
function needSpace(folder, bytes) {
  mkdirSync(folder, { recursive: true })
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize >= bytes) return
  const mb = (/** @type {number} */ count) => Math.round(count / 1e6)
  throw new BootstrapError(
    `the disk of ${folder} has ${mb(bavail * bsize)} MB free, about ${mb(bytes)} MB are needed: make room and run again ` +
      '(downloads can go elsewhere with WEIR_HOME)'
  )
}

/** @param {string} what @param {unknown} error */
function explain(what, error) {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const mend =
    code === 'ENOSPC'
      ? ': the disk is full'
      : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
        ? ': look at owner and permissions, or set WEIR_HOME to a folder that may be written'
        : ''
  return new BootstrapError(`${what} (${error instanceof Error ? error.message : String(error)})${mend}`)
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`weir: ${text}\n`)
}

/** @param {number} since_ms */
function seconds(since_ms) {
  return `${((Date.now() - since_ms) / 1000).toFixed(1)} s`
}

/**
 * What to run for NAME: a script file runs under Node 24, a tool of node_modules/.bin too when it is written for Node.
 *
 * @param {string} name @returns {{ file: string, script: boolean }}
 */
function findProgram(name) {
  const file = resolve(name)
  if (existsSync(file) && /\.[cm]?[jt]s$/.test(name)) return { file, script: true }
  const tool = join(ROOT, 'node_modules', '.bin', name)
  if (!existsSync(tool)) throw new BootstrapError(`${name} is neither a script file nor a program of node_modules/.bin`)
  const real = realpathSync(tool)
  return { file: real, script: /^#!.*\bnode\b/.test(readFileSync(real, 'latin1').slice(0, 200)) }
}

/** @param {readonly string[]} args of the command line */
async function main([command, name, ...args]) {
  if (command !== undefined && (command !== 'run' || name === undefined)) {
    throw new BootstrapError('usage: node bin/bootstrap.js [run NAME ARGS…]')
  }
  const node = await ensureReady()
  if (name === undefined) return 0
  const program = findProgram(name)
  return program.script ? runUnder(node, [program.file, ...args]) : follow(program.file, args, environmentFor(node))
}

/**
 * Gives the process the exit code of the promise, or 1 and a message.
 *
 * @param {Promise<number | undefined>} result undefined leaves the code as the program has set it
 */
export async function exitWith(result) {
  try {
    const code = await result
    if (code !== undefined) process.exitCode = code
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error
    process.stderr.write(`weir: ${error.message}\n`)
    process.exitCode = 1
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await exitWith(main(process.argv.slice(2)))
}
