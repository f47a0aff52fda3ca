import { readFile, rename, writeFile } from 'node:fs/promises'
import { messageOf, WeirError } from '../../core/errors.ts'
import { TAIL_ERRORS, type TailErrorCode } from './errors.ts'
import { isTailPosition, type TailPosition } from './position.ts'

/** Where each followed file has been read to, kept in one small file that is replaced as a whole. */
export interface SavedPositions {
  get(path: string): TailPosition | null
  set(path: string, position: TailPosition): void
  /**
   * Writes the file if anything changed.
   * @param first done before, after the positions to be written have been settled: makes safe what was read up to them
   * @throws WeirError TAIL_STATE_UNWRITABLE, and what `first` throws
   */
  save(first?: () => Promise<void>): Promise<void>
  /** There was a file and it could not be read: what it said is not known, so `start: end` must not be followed. */
  readonly damaged: boolean
}

/** @param report told when the file was there and could not be used */
export async function openPositions(
  file: string,
  report: (problem: WeirError<TailErrorCode>) => void
): Promise<SavedPositions> {
  const positions = new Map<string, TailPosition>()
  let damaged = false
  let changed = false
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new WeirError(TAIL_ERRORS, 'TAIL_STATE_DAMAGED', `cannot read ${file}: ${messageOf(error)}`, { cause: error })
  })
  if (content !== null) {
    try {
      for (const [path, position] of Object.entries(JSON.parse(content) as object)) {
        if (!isTailPosition(position)) throw new TypeError(`no position for ${path}`)
        positions.set(path, position)
      }
    } catch (error) {
      damaged = true
      report(
        new WeirError(
          TAIL_ERRORS,
          'TAIL_STATE_DAMAGED',
          `${file}: ${messageOf(error)}; reading all files from their start`
        )
      )
    }
  }
  let saving: Promise<void> = Promise.resolve()

  async function write(first: (() => Promise<void>) | undefined): Promise<void> {
    if (!changed) return
    changed = false
    const content = JSON.stringify(Object.fromEntries(positions), null, 1)
    try {
      await first?.()
      await writeFile(`${file}.new`, content, { flush: true })
      await rename(`${file}.new`, file)
    } catch (error) {
      changed = true
      if (error instanceof WeirError) throw error
      throw new WeirError(TAIL_ERRORS, 'TAIL_STATE_UNWRITABLE', `cannot write ${file}: ${messageOf(error)}`, {
        cause: error
      })
    }
  }

  return {
    damaged,
    get: (path) => positions.get(path) ?? null,
    set: (path, position) => {
      positions.set(path, position)
      changed = true
    },
    save: (first) => {
      // One at a time, or one would rename the file that the other is writing.
      saving = saving.catch(() => undefined).then(() => write(first))
      return saving
    }
  }
}
