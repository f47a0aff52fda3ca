#!/usr/bin/env node
/** The `weir` command: makes the checkout ready when it is not, then hands over to services/cli/main.ts under Node 24. */
import { fileURLToPath } from 'node:url'
import { ensureReady, exitWith, runUnder } from './bootstrap.js'

const MAIN = new URL('../services/cli/main.ts', import.meta.url)

async function weir() {
  const node = await ensureReady()
  if (node !== process.execPath) return runUnder(node, [fileURLToPath(MAIN), ...process.argv.slice(2)])
  // This process will do: one less, and signals need no forwarding.
  process.argv[1] = fileURLToPath(MAIN)
  await import(MAIN.href)
  return undefined
}

await exitWith(weir())
