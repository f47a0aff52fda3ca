import { WeirError } from '../errors.ts'
import { CODEC_ERRORS } from './errors.ts'

/** Length of the header: magic byte and schema id. */
export const HEADER_BYTES = 5
const MAGIC = 0

/**
 * Id of the schema a message was written with: the wire format of Confluent-compatible registries is a zero byte, the id as a
 * big-endian 32-bit number, and the Avro value, which starts at `HEADER_BYTES`.
 * @throws CODEC_NO_VALUE, CODEC_TRUNCATED_FRAME, CODEC_WRONG_MAGIC
 */
export function schemaIdOf(message: Buffer | null): number {
  if (message === null) throw new WeirError(CODEC_ERRORS, 'CODEC_NO_VALUE', 'the message has no value (a tombstone)')
  const magic = message[0]
  if (magic !== undefined && magic !== MAGIC) {
    throw new WeirError(CODEC_ERRORS, 'CODEC_WRONG_MAGIC', `the message begins with byte ${magic}, not with ${MAGIC}`)
  }
  if (message.length < HEADER_BYTES) {
    throw new WeirError(
      CODEC_ERRORS,
      'CODEC_TRUNCATED_FRAME',
      `the message has ${message.length} bytes, its header alone needs ${HEADER_BYTES}`
    )
  }
  return message.readUInt32BE(1)
}

/** Writes the header to the front of `target`. */
export function writeHeader(target: Buffer, schemaId: number): void {
  target[0] = MAGIC
  target.writeUInt32BE(schemaId, 1)
}
