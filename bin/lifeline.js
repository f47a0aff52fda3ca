/**
 * Loaded before the program that bin/bootstrap.js runs: ends it when the process that started it is gone. The kernel closes
 * the other end of the pipe (file descriptor 3) even when that process was killed and could do nothing any more.
 */
import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'

/** A program that has not ended this long after it was asked to is killed. */
const GRACE_MS = 60_000

// Workers and forked processes inherit `--import` and the environment, but the pipe is not theirs.
if (isMainThread && process.env.WEIR_LIFELINE === String(process.ppid) && isPipe(3)) {
  delete process.env.WEIR_LIFELINE
  const pipe = new Socket({ fd: 3, readable: true, writable: false })
  pipe.on('error', () => {})
  pipe.once('close', () => {
    process.kill(process.pid, 'SIGTERM')
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref()
  })
  pipe.resume()
  pipe.unref()
}

/** @param {number} fd @returns {boolean} */
function isPipe(fd) {
  try {
    const stat = fstatSync(fd)
    return stat.isFIFO() || stat.isSocket()
  } catch {
    return false
  }
}
