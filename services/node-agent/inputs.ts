import type { Running } from '../platform/lifecycle.ts'

/**
 * Starts inputs one after the other, as one: it fails when one of them does, and stops all, the last first. When one cannot be
 * started, those before it are stopped.
 */
export async function startInputs(starts: ReadonlyArray<() => Promise<Running>>): Promise<Running> {
  const running: Running[] = []
  const stop = async () => {
    for (const input of running.splice(0).reverse()) await input.stop()
  }
  try {
    for (const start of starts) running.push(await start())
  } catch (error) {
    await stop()
    throw error
  }
  const failures = running.flatMap(({ failed }) => (failed === undefined ? [] : [failed]))
  if (failures.length === 0) return { stop }
  const failed = Promise.race(failures)
  failed.catch(() => undefined)
  return { failed, stop }
}
