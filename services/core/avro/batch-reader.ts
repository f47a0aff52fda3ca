import { SCHEMAS } from '../../../schemas/generated/schemas.ts'
import type {
  AuditBatch,
  AuditEvent,
  CloudBatch,
  CloudEvent,
  RuntimeBatch,
  RuntimeEvent
} from '../../../schemas/generated/types.ts'
import { messageOf, WeirError } from '../errors.ts'
import { createReadings, decodeWalked, type Reading, type SchemaSource } from './codec.ts'
import { CODEC_ERRORS } from './errors.ts'
import { type BatchWalks, type Cursor, compileBatchWalks, expectEnd, guarded, readBlock } from './layout.ts'
import { createLazyReader, type FieldIndex, fieldIndex, type LazyReader } from './lazy-record.ts'
import { partialType, typeOf } from './schema-types.ts'
import { HEADER_BYTES, schemaIdOf } from './wire.ts'

/** Batches and their events, by schema name. */
interface Batches {
  'audit-batch': { batch: AuditBatch; event: AuditEvent }
  'runtime-batch': { batch: RuntimeBatch; event: RuntimeEvent }
  'cloud-batch': { batch: CloudBatch; event: CloudEvent }
}
type BatchName = keyof Batches

/** One event of a batch. */
export interface BatchEvent<Event> {
  /** Place in the batch, from 0. */
  readonly index: number
  /**
   * The encoded event, for copying into another record; null when its writer's schema is not today's, so that it has to be
   * encoded again.
   */
  readonly bytes: Buffer | null
  /** Decodes the event, anew at each call. */
  value(): Event
  /**
   * The event with fields that are decoded when they are read; the same at each call. They are accessors, not properties of its
   * own: `plainOf` makes those. Valid as long as the message's bytes stay as they are.
   */
  view(): Event
  /** A message with the batch's header and only this event, as its writer would have written it: for dead letters. */
  alone(): Buffer
}

/** A batch whose bytes have been proved, with its events still encoded. */
interface OpenBatch<Name extends BatchName> {
  readonly header: Omit<Batches[Name]['batch'], 'events'>
  readonly events: readonly BatchEvent<Batches[Name]['event']>[]
}

export interface BatchReader {
  /**
   * @throws as `Codec.decode`: a batch is usable as a whole or not at all, since after a corrupt event nobody knows where the
   *   next begins
   */
  open<Name extends BatchName>(name: Name, message: Buffer | null): Promise<OpenBatch<Name>>
}

const EVENT_SCHEMAS = {
  'audit-batch': 'audit-event',
  'runtime-batch': 'runtime-event',
  'cloud-batch': 'cloud-event'
} as const

/** Where the parts of an encoded batch are. */
interface Extents {
  /** End of the fields before the events. */
  readonly headEnd: number
  /** Start of the fields after the events. */
  readonly tailStart: number
  /** Of each event, one after the other: start, end, and place in the index of fields, -1 for one that is not in it. */
  readonly bounds: readonly number[]
}

const NUMBERS_PER_EVENT = 3

/**
 * Finds where an event ends. What the quick reader does not take, the walk judges: it alone says what is wrong.
 * @returns place in the index of fields, -1 for what is not in it
 */
function passEvent(walks: BatchWalks, cursor: Cursor, lazy: LazyReader | null, fields: FieldIndex): number {
  const at = fields.used
  const end = lazy === null ? -1 : lazy.note(cursor.bytes as Buffer, cursor.position, fields)
  if (end >= 0) {
    cursor.position = end
    return at
  }
  fields.used = at
  walks.event(cursor)
  return -1
}

function findExtents(
  walks: BatchWalks,
  cursor: Cursor,
  name: BatchName,
  lazy: LazyReader | null,
  fields: FieldIndex
): Extents {
  const extents = guarded(cursor, name, () => {
    const bounds: number[] = []
    walks.head(cursor)
    const headEnd = cursor.position
    for (let count = readBlock(cursor); count > 0; count = readBlock(cursor)) {
      for (; count > 0; count--) {
        const start = cursor.position
        const at = passEvent(walks, cursor, lazy, fields)
        bounds.push(start, cursor.position, at)
      }
    }
    const tailStart = cursor.position
    walks.tail(cursor)
    return { headEnd, tailStart, bounds }
  })
  expectEnd(cursor, name)
  return extents
}

const ONE_ITEM = Buffer.from([2])
const NO_MORE_ITEMS = Buffer.from([0])

/**
 * Opens batches event by event, at the cost of skipping through them: an event is decoded when it is asked for, and its
 * bytes can be copied without that.
 */
export function createBatchReader(source: SchemaSource): BatchReader {
  const readingOf = createReadings(source)
  const walksOf = new WeakMap<Reading, BatchWalks>()

  function batchWalks(reading: Reading, name: BatchName, id: number): BatchWalks {
    let walks = walksOf.get(reading)
    if (walks === undefined) {
      try {
        walks = compileBatchWalks(reading.writerSchema)
      } catch (error) {
        const message = `schema ${id} is not one of a ${name}: ${messageOf(error)}`
        throw new WeirError(CODEC_ERRORS, 'CODEC_UNREADABLE_SCHEMA', message, { cause: error })
      }
      walksOf.set(reading, walks)
    }
    return walks
  }

  async function open<Name extends BatchName>(name: Name, message: Buffer | null): Promise<OpenBatch<Name>> {
    type Batch = Batches[Name]['batch']
    type Event = Batches[Name]['event']
    const id = schemaIdOf(message)
    const bytes = message as Buffer
    const known = readingOf(id, name)
    const reading = known instanceof Promise ? await known : known
    const lazy = reading.isCurrent ? lazyReader(EVENT_SCHEMAS[name]) : null
    const fields = fieldIndex()
    const { headEnd, tailStart, bounds } = findExtents(
      batchWalks(reading, name, id),
      { bytes, position: HEADER_BYTES },
      name,
      lazy,
      fields
    )

    const alone = (start: number, end: number) =>
      Buffer.concat([
        bytes.subarray(0, headEnd),
        ONE_ITEM,
        bytes.subarray(start, end),
        NO_MORE_ITEMS,
        bytes.subarray(tailStart)
      ])

    let header: Omit<Batch, 'events'>
    let decodeEvent: (index: number, start: number) => Event
    if (reading.isCurrent) {
      const eventType = typeOf(EVENT_SCHEMAS[name])
      header = headerType(name).decode(bytes, HEADER_BYTES).value
      decodeEvent = (_index, start) => eventType.decode(bytes, start).value
    } else {
      const { events, ...rest } = decodeWalked(name, bytes, reading) as Batch
      header = rest
      decodeEvent = (index) => events[index] as Event
    }

    const events: BatchEvent<Event>[] = []
    for (let at = 0; at < bounds.length; at += NUMBERS_PER_EVENT) {
      const index = at / NUMBERS_PER_EVENT
      const start = bounds[at] as number
      const end = bounds[at + 1] as number
      const place = bounds[at + 2] as number
      let view: Event | null = null
      events.push({
        index,
        bytes: reading.isCurrent ? bytes.subarray(start, end) : null,
        value: () => decodeEvent(index, start),
        view: () => {
          view ??=
            lazy === null || place < 0
              ? decodeEvent(index, start)
              : (lazy.record(bytes, fields, place, start, end) as Event)
          return view
        },
        alone: () => alone(start, end)
      })
    }
    return { header, events }
  }

  return { open }
}

const headerTypes = new Map<BatchName, ReturnType<typeof partialType>>()

/** Type of the fields before `events`, which is the last field of all batches. */
function headerType(name: BatchName) {
  let type = headerTypes.get(name)
  if (type === undefined) {
    type = partialType(name, (field) => field !== 'events')
    headerTypes.set(name, type)
  }
  return type
}

const lazyReaders = new Map<string, LazyReader | null>()

function lazyReader(name: (typeof EVENT_SCHEMAS)[BatchName]): LazyReader | null {
  let reader = lazyReaders.get(name)
  if (reader === undefined) {
    reader = createLazyReader(SCHEMAS[name])
    lazyReaders.set(name, reader)
  }
  return reader
}
