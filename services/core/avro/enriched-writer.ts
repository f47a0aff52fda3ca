import type { AuditEvent, EnrichedEvent, RetryEvent, RuntimeEvent } from '../../../schemas/generated/types.ts'
import { createEncoder, type SchemaSource } from './codec.ts'
import { partialType, typeOf } from './schema-types.ts'
import { HEADER_BYTES, writeHeader } from './wire.ts'

/** A raw event to be put into a record: its bytes in today's schema where they are known, else its value. */
export type RawEvent = {
  readonly bytes: Buffer | null
} & ({ readonly type: 'audit'; value(): AuditEvent } | { readonly type: 'runtime'; value(): RuntimeEvent })

/** What an EnrichedEvent says beside the raw event. */
type EnrichedFacts = Omit<EnrichedEvent, 'audit' | 'runtime'>
/** What a RetryEvent says beside the raw event. */
type RetryFacts = Omit<RetryEvent, 'audit' | 'runtime'>

/** The records that begin with a raw event, and their other fields. */
interface Carriers {
  'enriched-event': EnrichedFacts
  'retry-event': RetryFacts
}

export interface RawEventWriter<Facts> {
  /**
   * @returns the same message as encoding the whole record would give
   * @throws CODEC_VALUE_MISMATCH when the facts, or an event without bytes, do not fit
   */
  encode(event: RawEvent, facts: Facts): Buffer
}

/** Branches of the unions `audit` and `runtime`: null, or the event. */
const ABSENT = 0
const PRESENT = 2

/**
 * Writes records that begin with `audit` and `runtime`, one of them null, by copying the raw event's bytes and appending the
 * facts: in Avro a record is its fields one after the other, so nothing of the raw event is decoded.
 */
export function createRawEventWriter<Name extends keyof Carriers>(
  name: Name,
  source: Pick<SchemaSource, 'idOf'>
): RawEventWriter<Carriers[Name]> {
  const factsType = partialType(name, (field) => field !== 'audit' && field !== 'runtime')
  const encodeValue = createEncoder()

  return {
    encode(event, facts) {
      const raw = event.bytes ?? encodeValue(typeOf(`${event.type}-event`), `${event.type}-event`, event.value(), 0)
      const reserved = HEADER_BYTES + 2 + raw.length
      const message = encodeValue(factsType, name, facts, reserved)
      writeHeader(message, source.idOf(name))
      if (event.type === 'audit') {
        message[HEADER_BYTES] = PRESENT
        raw.copy(message, HEADER_BYTES + 1)
        message[reserved - 1] = ABSENT
      } else {
        message[HEADER_BYTES] = ABSENT
        message[HEADER_BYTES + 1] = PRESENT
        raw.copy(message, HEADER_BYTES + 2)
      }
      return message
    }
  }
}
