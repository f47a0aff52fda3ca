#!/usr/bin/env node
/** The `weir` command: makes the checkout ready when it is not, then hands over to services/cli/main.ts under Node 24. */
import { fileURLToPath } from 'node:url'
import { ensureReady, exitWith, runUnder } from './bootstrap.js'
import { flagsFor, leanEnvironment } from './lean.js'

const MAIN = new URL('../services/cli/main.ts', import.meta.url)

async function weir() {
  const node = await ensureReady()
  const args = process.argv.slice(2)
  const flags = flagsFor(args)
  const main = fileURLToPath(MAIN)
  if (flags.length > 0) Object.assign(process.env, leanEnvironment(process.env))
  if (node !== process.execPath) return runUnder(node, [...flags, main, ...args])
  if (flags.length > 0 && process.execve !== undefined) {
    process.execve(node, [node, ...process.execArgv, ...flags, main, ...args], process.env)
  }
  // This process will do: one less, and signals need no forwarding.
  process.argv[1] = main
  await import(MAIN.href)
  return undefined
}

await exitWith(weir())
