/** Node's own, where it was started so that it can be asked for (bin/lean.js). */
const { gc } = globalThis as {
  gc?: (options: { readonly type: 'major'; readonly flavor: 'regular' | 'last-resort' }) => void
}

/** Gives back what is not needed any more. */
export function collectGarbage(): void {
  gc?.({ type: 'major', flavor: 'last-resort' })
}

const LOOK_EVERY_MS = 1000

/**
 * Keeps what buffers take within a bound: they lie outside of V8's heap, which lets 64 MB of them become garbage before it looks.
 * @param most_bytes as much more than what was still needed after the last look is collected, when it is seen, once a second
 * @param used tells how much buffers take now
 * @param collect gives back what nobody needs
 * @returns ends it
 */
export function boundBuffers(
  most_bytes: number,
  used: () => number = () => process.memoryUsage().arrayBuffers,
  collect: () => void = () => gc?.({ type: 'major', flavor: 'regular' })
): () => void {
  let needed = 0
  const timer = setInterval(() => {
    const now = used()
    needed = Math.min(needed, now)
    if (now <= needed + most_bytes) return
    collect()
    needed = used()
  }, LOOK_EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * Gives memory back at once: left to V8, what was handed from thread to thread stays until the collection of a heap that hardly grows.
 * @param bytes have their memory for themselves, and are empty after that
 */
export function free(bytes: Uint8Array<ArrayBuffer>): void {
  bytes.buffer.transfer(0)
}
