import type { ErrorList } from '../../core/errors.ts'

export const SPOOL_ERRORS = {
  SPOOL_FULL: {
    description: 'The spool holds as much as max_bytes allows; nothing of the append was kept.',
    retriable: true
  },
  SPOOL_DISK_FULL: {
    description: 'The disk under the spool is full (ENOSPC, EDQUOT); nothing of the append was kept.',
    retriable: true
  },
  SPOOL_IO: { description: 'The operating system refused to read or write a file of the spool.', retriable: true },
  SPOOL_LOCKED: { description: 'Another process has this spool open.', retriable: true },
  SPOOL_CLOSED: { description: 'The spool has been closed.', retriable: false },
  SPOOL_UNUSABLE: { description: 'The directory of the spool cannot be created, listed or written.', retriable: false },
  SPOOL_RECORD_TOO_LARGE: { description: 'One record is larger than the spool may ever hold.', retriable: false },
  SPOOL_TORN_TAIL: {
    description: 'An append was cut short by a crash; it had not been acknowledged and was removed.',
    retriable: false
  },
  SPOOL_CORRUPT: {
    description: 'Part of a segment cannot be read; reading went on at the next good record.',
    retriable: false
  },
  SPOOL_CHECKPOINT_LOST: {
    description: 'The note of how far the spool had been read is gone or damaged; records may be delivered again.',
    retriable: false
  },
  SPOOL_SYNC_FAILED: {
    description: 'fsync failed: records since the last good one may be lost on a power failure.',
    retriable: true
  }
} as const satisfies ErrorList<string>

export type SpoolErrorCode = keyof typeof SPOOL_ERRORS
