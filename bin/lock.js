/**
 * A lock between processes: a file that names its owner. Plain JavaScript because the bootstrap needs it before anything is
 * installed; `infra/native` uses it too.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** An owner on another machine (a shared folder) cannot be asked whether it lives: after this long it is taken for dead. */
const FOREIGN_STALE_MS = 15 * 60_000
/** Taking over a dead owner's lock takes milliseconds; who needs longer has died while doing it. */
const TAKEOVER_STALE_MS = 10_000
const POLL_MS = 200

/**
 * @typedef {{ pid: number, started: string, host: string }} Owner `started` tells a process from a later one with its pid
 */

/**
 * Takes the lock if it is free or its owner is dead.
 *
 * @param {string} path of the lock file; its folder is made
 * @returns {{ release: () => void } | { owner: Owner }} the lock, or who has it
 */
export function tryLock(path) {
  mkdirSync(dirname(path), { recursive: true })
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid) ?? '', host: hostname() })
  // A link appears with its content or not at all, so nobody ever reads half an owner.
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  writeFileSync(temporary, mine)
  try {
    for (let attempt = 0; attempt < 20; attempt++) {
      if (link(temporary, path)) return { release: () => releaseIfMine(path, mine) }
      const owner = ownerOf(path)
      if (owner && isAlive(owner, path)) return { owner }
      removeDead(path)
    }
  } finally {
    rmSync(temporary, { force: true })
  }
  return { owner: ownerOf(path) ?? { pid: 0, started: '', host: 'unknown' } }
}

/**
 * Waits for the lock.
 *
 * @param {string} path of the lock file
 * @param {{ onWait?: (owner: Owner) => void, signal?: AbortSignal }} [options] `onWait` is called once, if there is a wait
 * @returns {Promise<() => void>} gives the lock back
 */
export async function lock(path, options = {}) {
  let told = false
  for (;;) {
    options.signal?.throwIfAborted()
    const got = tryLock(path)
    if ('release' in got) return got.release
    if (!told) options.onWait?.(got.owner)
    told = true
    await delay(POLL_MS, undefined, options.signal ? { signal: options.signal } : {})
  }
}

/** @param {string} from @param {string} to @returns {boolean} whether the link was made */
function link(from, to) {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** @param {string} path @returns {Owner | null} null when the lock is gone or unreadable */
function ownerOf(path) {
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8'))
    return Number.isInteger(owner.pid) && owner.pid > 0 ? owner : null
  } catch {
    return null
  }
}

/** @param {Owner} owner @param {string} path @returns {boolean} */
function isAlive(owner, path) {
  if (owner.host !== hostname()) {
    try {
      return Date.now() - statSync(path).mtimeMs < FOREIGN_STALE_MS
    } catch {
      return false
    }
  }
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false
  }
  const started = startOf(owner.pid)
  return started === null || owner.started === '' || started === owner.started
}

/**
 * When the process began, in the kernel's words: a pid alone may have been given to someone else since.
 *
 * @param {number} pid @returns {string | null} null where there is no /proc
 */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in brackets, may hold spaces; field 22 is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

/**
 * Removes a dead owner's lock. Only one process at a time may do that, and it looks again first: else a second one could
 * remove the lock that the first has just taken.
 *
 * @param {string} path
 */
function removeDead(path) {
  const takeover = `${path}.takeover`
  try {
    writeFileSync(takeover, String(process.pid), { flag: 'wx' })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    try {
      if (Date.now() - statSync(takeover).mtimeMs > TAKEOVER_STALE_MS) rmSync(takeover, { force: true })
    } catch {}
    return
  }
  try {
    const owner = ownerOf(path)
    if (!owner || !isAlive(owner, path)) rmSync(path, { force: true })
  } finally {
    rmSync(takeover, { force: true })
  }
}

/** @param {string} path @param {string} mine */
function releaseIfMine(path, mine) {
  try {
    if (readFileSync(path, 'utf8') === mine) unlinkSync(path)
  } catch {}
}

/** @param {unknown} error @returns {string | undefined} */
function codeOf(error) {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
