/**
 * How Node is started for the service that runs on every node of a cluster, where its memory is taken from others: a small nursery, and
 * no threads of V8's own, since what the agent makes is garbage a moment later; `gc` is there to give back what starting took.
 */
import { join } from 'node:path'
import { weirHome } from './bootstrap.js'

const FLAGS = ['--max-semi-space-size=1', '--single-threaded-gc', '--v8-pool-size=1', '--expose-gc']

/** @param {readonly string[]} args of the `weir` command @returns {readonly string[]} flags for Node */
export function flagsFor(args) {
  return args[0] === 'serve' && args.includes('node-agent') ? FLAGS : []
}

/**
 * What is kept there saves the compiler of types, and its memory, from the second start on.
 *
 * @param {NodeJS.ProcessEnv} env @returns {Record<string, string>}
 */
export function leanEnvironment(env) {
  /** @type {Record<string, string>} */
  const own = {
    NODE_COMPILE_CACHE: join(weirHome(), 'compile-cache'),
    // Of glibc: what is large is given back as soon as it is freed, and threads share what is small.
    MALLOC_MMAP_THRESHOLD_: '131072',
    MALLOC_TRIM_THRESHOLD_: '131072',
    MALLOC_ARENA_MAX: '2'
  }
  for (const [name, value] of Object.entries(env)) if (value !== undefined) own[name] = value
  return own
}
