import { open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SpoolPosition } from './files.ts'

const CHECKPOINT_NAME = 'checkpoint.json'

/** How far the spool has been consumed, and what the consumer wants to find again with it. */
export interface Checkpoint {
  readonly position: SpoolPosition
  readonly note: string | null
}

/**
 * @returns the checkpoint, `missing` when there has never been one, `damaged` when it cannot be read
 */
export async function readCheckpoint(directory: string): Promise<Checkpoint | 'missing' | 'damaged'> {
  const handle = await open(join(directory, CHECKPOINT_NAME), 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (handle === null) return 'missing'
  try {
    const value: unknown = JSON.parse(await handle.readFile('utf8'))
    return isCheckpoint(value) ? value : 'damaged'
  } catch (error) {
    if (error instanceof SyntaxError) return 'damaged'
    throw error
  } finally {
    await handle.close()
  }
}

function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== 'object' || value === null) return false
  const { position, note } = value as Partial<Record<keyof Checkpoint, unknown>>
  if (typeof position !== 'object' || position === null || (note !== null && typeof note !== 'string')) return false
  const { segment, offset, sequence } = position as Partial<Record<keyof SpoolPosition, unknown>>
  return [segment, offset, sequence].every((number) => Number.isSafeInteger(number) && Number(number) >= 0)
}

/** Replaces the checkpoint as a whole: a crash leaves the old one or the new one. */
export async function writeCheckpoint(directory: string, checkpoint: Checkpoint, durable: boolean): Promise<void> {
  const path = join(directory, CHECKPOINT_NAME)
  await writeFile(`${path}.new`, JSON.stringify(checkpoint), { flush: durable })
  await rename(`${path}.new`, path)
}
