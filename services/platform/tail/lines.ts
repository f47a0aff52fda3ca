const LINE_FEED = 10
const CARRIAGE_RETURN = 13

interface SplitLines {
  /** Complete lines without their ends; empty ones are left out. */
  readonly lines: Buffer[]
  /** Lines that ended in this chunk and were longer than the bound. */
  readonly too_long: number
}

export interface LineSplitter {
  push(chunk: Buffer): SplitLines
  /** What was read of the line that is not complete, whether it is kept or passed over, in bytes. */
  readonly pending_bytes: number
  /** Gives the last line although nothing ended it, and begins anew. */
  finish(): SplitLines
  /** Passes over everything up to the next line end: the reader has landed in the middle of a line. */
  skipToNextLine(): void
}

/**
 * Cuts a stream of bytes into lines (LF or CRLF). Holds one line at most, and of one that is longer than the bound nothing.
 * @param maxBytes the longest line that is given out
 */
export function createLineSplitter(maxBytes: number): LineSplitter {
  let pieces: Buffer[] = []
  let pending = 0
  let tooLong = false
  let skipping = false

  function take(): Buffer | null {
    const line = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
    const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length
    return end === 0 ? null : line.subarray(0, end)
  }

  function add(piece: Buffer): void {
    pending += piece.length
    if (skipping || piece.length === 0) return
    // One more for a carriage return that may follow.
    if (pending > maxBytes + 1) {
      tooLong = true
      pieces = []
    } else if (!tooLong) {
      pieces.push(piece)
    }
  }

  function endLine(result: { lines: Buffer[]; too_long: number }): void {
    const line = skipping || tooLong ? null : take()
    if (tooLong || (line !== null && line.length > maxBytes)) result.too_long += 1
    else if (line !== null) result.lines.push(line)
    pieces = []
    pending = 0
    tooLong = false
    skipping = false
  }

  return {
    get pending_bytes() {
      return pending
    },
    push(chunk) {
      const result = { lines: [] as Buffer[], too_long: 0 }
      let start = 0
      for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
        add(chunk.subarray(start, end))
        endLine(result)
        start = end + 1
      }
      add(chunk.subarray(start))
      return result
    },
    finish() {
      const result = { lines: [] as Buffer[], too_long: 0 }
      if (pending > 0) endLine(result)
      return result
    },
    skipToNextLine() {
      skipping = true
    }
  }
}
