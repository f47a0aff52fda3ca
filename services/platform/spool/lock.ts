import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf, WeirError } from '../../core/errors.ts'
import { SPOOL_ERRORS } from './errors.ts'

const SQLITE_BUSY = 5

/**
 * Takes a directory for this process alone, until `release` is called or the process is gone, however it went.
 *
 * Node has no file locks of its own, and a file with a process id in it goes wrong in containers, where every process is number 1
 * and outlives its file. SQLite takes a real lock of the kernel (fcntl) on an empty file, on every file system that has
 * them, and also guards against a second taker in the same process.
 *
 * @throws WeirError SPOOL_LOCKED when another holds it, SPOOL_UNUSABLE when the directory cannot be written
 */
export function lockDirectory(directory: string): { release(): void } {
  const file = join(directory, 'lock')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    if ((error as { errcode?: unknown }).errcode === SQLITE_BUSY) {
      throw new WeirError(
        SPOOL_ERRORS,
        'SPOOL_LOCKED',
        `${directory} is in use by another process; give each its own spool directory`,
        {
          cause: error
        }
      )
    }
    throw new WeirError(SPOOL_ERRORS, 'SPOOL_UNUSABLE', `cannot lock ${file}: ${messageOf(error)}`, { cause: error })
  }
  const held = database
  return { release: () => held.close() }
}
