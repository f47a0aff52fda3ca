import { styleText } from 'node:util'

/** Text styles, so that renderers in core need not know terminals. */
export type Style = (style: 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan' | 'magenta', text: string) => string

/** Colours where the stream is a terminal and NO_COLOR is not set. */
export function styleFor(stream: NodeJS.WriteStream): Style {
  return (style, text) => styleText(style, text, { stream, validateStream: true })
}

/** Columns of a stream, 100 where it is no terminal. */
export function widthOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? Math.max(60, stream.columns) : 100
}

/** A line on standard error that is written over, on terminals only. */
export function progressLine(stream: NodeJS.WriteStream = process.stderr): { show(text: string): void; clear(): void } {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} }
  let shown = 0
  return {
    show: (text) => {
      const now = Date.now()
      if (now - shown < 100) return
      shown = now
      stream.write(`\r\u001b[K${text.slice(0, stream.columns - 1)}`)
    },
    clear: () => stream.write('\r\u001b[K')
  }
}

/** Writes to standard output and waits when whoever reads it is slow; a closed pipe (`| head`) ends the program quietly. */
export async function print(text: string): Promise<void> {
  if (process.stdout.write(text)) return
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve))
}
