import type {
  AuditEvent,
  CloudEvent,
  EnrichedEvent,
  RetryEvent,
  RuntimeEvent
} from '../../../schemas/generated/types.ts'
import { createEncoder, type SchemaSource } from './codec.ts'
import { partialType, typeOf } from './schema-types.ts'
import { HEADER_BYTES, writeHeader } from './wire.ts'

/** A raw event to be put into a record: its bytes in today's schema where they are known, else its value. */
export type RawEvent = {
  readonly bytes: Buffer | null
} & (
  | { readonly type: 'audit'; value(): AuditEvent }
  | { readonly type: 'runtime'; value(): RuntimeEvent }
  | { readonly type: 'cloud'; value(): CloudEvent }
)

/** What an EnrichedEvent says beside the raw event. */
type EnrichedFacts = Omit<EnrichedEvent, RawEvent['type']>
/** What a RetryEvent says beside the raw event. */
type RetryFacts = Omit<RetryEvent, RawEvent['type']>

/** The records that begin with a raw event, and their other fields. */
interface Carriers {
  'enriched-event': EnrichedFacts
  'retry-event': RetryFacts
}

/** The raw events that a record may begin with, in the order of its fields. Events of a cloud wait for nothing. */
const RAW_FIELDS: Readonly<Record<keyof Carriers, readonly RawEvent['type'][]>> = {
  'enriched-event': ['audit', 'runtime', 'cloud'],
  'retry-event': ['audit', 'runtime']
}

export interface RawEventWriter<Facts> {
  /**
   * @returns the same message as encoding the whole record would give
   * @throws CODEC_VALUE_MISMATCH when the facts, or an event without bytes, do not fit; TypeError for an event that the record has
   *   no place for
   */
  encode(event: RawEvent, facts: Facts): Buffer
}

/** Branches of the unions `audit`, `runtime` and `cloud`: null, or the event. */
const ABSENT = 0
const PRESENT = 2

/**
 * Writes records that begin with `audit`, `runtime` and `cloud`, all but one of them null, by copying the raw event's bytes and
 * appending the facts: in Avro a record is its fields one after the other, so nothing of the raw event is decoded.
 */
export function createRawEventWriter<Name extends keyof Carriers>(
  name: Name,
  source: Pick<SchemaSource, 'idOf'>
): RawEventWriter<Carriers[Name]> {
  const rawFields = RAW_FIELDS[name]
  const factsType = partialType(name, (field) => !rawFields.some((raw) => raw === field))
  const encodeValue = createEncoder()

  return {
    encode(event, facts) {
      const place = rawFields.indexOf(event.type)
      if (place === -1) throw new TypeError(`a ${name} has no place for an event of ${event.type}`)
      const raw = event.bytes ?? encodeValue(typeOf(`${event.type}-event`), `${event.type}-event`, event.value(), 0)
      const reserved = HEADER_BYTES + rawFields.length + raw.length
      const message = encodeValue(factsType, name, facts, reserved)
      writeHeader(message, source.idOf(name))
      message.fill(ABSENT, HEADER_BYTES, HEADER_BYTES + place)
      message[HEADER_BYTES + place] = PRESENT
      raw.copy(message, HEADER_BYTES + place + 1)
      message.fill(ABSENT, HEADER_BYTES + place + 1 + raw.length, reserved)
      return message
    }
  }
}
