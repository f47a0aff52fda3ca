/** Receives what happens while something long runs, to be shown to a person. `step` is a short stable name: `kafka`, `deps`. */
export interface Progress {
  started(step: string, text: string): void
  /** `total_bytes` is null where nobody said how much comes. May be called often. */
  downloading(step: string, received_bytes: number, total_bytes: number | null): void
  ready(step: string, text: string, took_ms: number): void
  failed(step: string, text: string): void
  note(text: string): void
}

/** Discards everything. */
export const silentProgress: Progress = {
  started() {},
  downloading() {},
  ready() {},
  failed() {},
  note() {}
}

export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

interface Active {
  readonly text: string
  readonly since_ms: number
  received_bytes: number
  total_bytes: number | null
  /** Time of the last line about a download, for output that is no terminal. */
  said_ms: number
}

const SAY_AGAIN_MS = 5_000
const REDRAW_MS = 100

/**
 * Plain lines for whatever happens. On a terminal one last line, rewritten in place, shows what is still under way; elsewhere a
 * download is mentioned every five seconds, so that a log stays short.
 *
 * @param stream where to write, usually `process.stderr`
 * @param now_ms clock, for tests
 */
export function plainProgress(stream: ProgressStream, now_ms: () => number = Date.now): Progress & { end(): void } {
  const active = new Map<string, Active>()
  const terminal = stream.isTTY === true
  let drawn_ms = 0
  let timer: NodeJS.Timeout | undefined

  const clear = () => {
    if (terminal) stream.write('\r\x1b[K')
  }
  const draw = () => {
    if (!terminal || active.size === 0) return
    drawn_ms = now_ms()
    const parts = [...active].map(([step, one]) => {
      const size = one.received_bytes > 0 ? ` ${megabytes(one.received_bytes, one.total_bytes)}` : ''
      return `${step}${size} ${seconds(drawn_ms - one.since_ms)}`
    })
    stream.write(`\r\x1b[K${parts.join(' · ').slice(0, (stream.columns || 80) - 1)}`)
  }
  const line = (text: string) => {
    clear()
    stream.write(`${text}\n`)
    draw()
  }
  const tick = () => {
    if (active.size > 0 && terminal) {
      timer ??= setInterval(draw, 500).unref()
    } else {
      clearInterval(timer)
      timer = undefined
    }
  }

  return {
    started(step, text) {
      active.set(step, { text, since_ms: now_ms(), received_bytes: 0, total_bytes: null, said_ms: now_ms() })
      line(`  … ${step}: ${text}`)
      tick()
    },
    downloading(step, received_bytes, total_bytes) {
      const one = active.get(step)
      if (!one) return
      one.received_bytes = received_bytes
      one.total_bytes = total_bytes
      if (terminal) {
        if (now_ms() - drawn_ms >= REDRAW_MS) draw()
      } else if (now_ms() - one.said_ms >= SAY_AGAIN_MS) {
        one.said_ms = now_ms()
        stream.write(`  … ${step}: ${megabytes(received_bytes, total_bytes)}\n`)
      }
    },
    ready(step, text, took_ms) {
      active.delete(step)
      line(`  ✓ ${step}: ${text} (${seconds(took_ms)})`)
      tick()
    },
    failed(step, text) {
      active.delete(step)
      line(`  ✗ ${step}: ${text}`)
      tick()
    },
    note(text) {
      line(`  ${text}`)
    },
    end() {
      clear()
      active.clear()
      tick()
    }
  }
}

/** `12 of 162 MB`, or `12 MB` where the whole is not known. */
function megabytes(received_bytes: number, total_bytes: number | null): string {
  const mb = (bytes: number) => String(Math.round(bytes / 1_000_000))
  return total_bytes === null ? `${mb(received_bytes)} MB` : `${mb(received_bytes)} of ${mb(total_bytes)} MB`
}

/** `0.8 s`. */
function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
