import type { ErrorList } from '../errors.ts'

/** What can be wrong with an encoded message, or with a value that is to be encoded. Stable: dead letters route on these. */
export const CODEC_ERRORS = {
  CODEC_NO_VALUE: { description: 'The message has no value where one is needed.', retriable: false },
  CODEC_WRONG_MAGIC: {
    description: 'The first byte is not 0: not in the wire format of a schema registry.',
    retriable: false
  },
  CODEC_TRUNCATED_FRAME: { description: 'The message ends before its header or its value does.', retriable: false },
  CODEC_UNKNOWN_SCHEMA_ID: { description: 'The registry does not know the schema id in the header.', retriable: false },
  CODEC_UNREADABLE_SCHEMA: {
    description: "The writer's schema is not valid, or cannot be read as the schema asked for.",
    retriable: false
  },
  CODEC_CORRUPT_PAYLOAD: { description: "The bytes are not a value of the writer's schema.", retriable: false },
  CODEC_LONG_OUT_OF_RANGE: {
    description: 'A 64-bit integer is outside the range that is exact here, -(2^52) to 2^52-1.',
    retriable: false
  },
  CODEC_TRAILING_BYTES: { description: 'There are bytes after the value.', retriable: false },
  CODEC_VALUE_MISMATCH: { description: 'A value to be encoded does not fit its schema.', retriable: false }
} as const satisfies ErrorList<string>

export type CodecErrorCode = keyof typeof CODEC_ERRORS
