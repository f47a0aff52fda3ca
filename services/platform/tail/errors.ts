import type { ErrorList } from '../../core/errors.ts'

export const TAIL_ERRORS = {
  TAIL_NOT_A_FILE: {
    description: 'The path names a directory, pipe or device; only regular files can be followed.',
    retriable: true
  },
  TAIL_UNREADABLE: { description: 'The file cannot be opened or read; it is tried again.', retriable: true },
  TAIL_LINE_TOO_LONG: { description: 'A line is longer than the bound and was passed over.', retriable: false },
  TAIL_LINES_MISSED: { description: 'A file was removed before it had been read to its end.', retriable: false },
  TAIL_STATE_DAMAGED: {
    description: 'The file with the saved positions cannot be read; files are read from their start.',
    retriable: false
  },
  TAIL_STATE_UNWRITABLE: {
    description: 'The positions cannot be saved; after a restart lines will be read again.',
    retriable: true
  }
} as const satisfies ErrorList<string>

export type TailErrorCode = keyof typeof TAIL_ERRORS
