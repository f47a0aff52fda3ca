import type { Cluster } from '../../schemas/generated/types.ts'
import { attributed, type RuntimeContainer } from '../core/enrich/attribution.ts'
import {
  BATCH_MAX_EVENTS,
  type BatchContext,
  MESSAGE_OVERHEAD_BYTES,
  RECEIVED_SPAN_US,
  RUNTIME_TOPIC,
  takeSequence
} from '../platform/ingest/batches.ts'
import { eventsIn } from '../platform/metrics.ts'
import type { OutgoingMessage } from '../platform/stage.ts'
import { bareIds, eachEvent, eventBytes, placeBytes, writeEvent } from './sensor/batch.ts'

/** Events of the built-in sensor as they lie in the spool. */
export interface Packed {
  readonly bytes: Buffer
  readonly boot_id: string | null
  /** Microseconds since the epoch. */
  readonly received: number
  readonly pod_uid: string | null
  /** Their container; null for the host. */
  readonly container: RuntimeContainer | null
}

export interface PackedPorts {
  readonly cluster: Cluster
  readonly node: string
  readonly context: BatchContext
  /** Which numbering the numbers are of, at this time. */
  readonly numbering: () => string
}

/** Makes messages of packed events. */
export interface Packer {
  /**
   * @param next the next sequence number by `cluster/node/sensor`; changed
   * @returns false when one of the events is too large for a message: then nothing was added
   * @throws RangeError when the bytes are no batch
   */
  add(packed: Packed, next: Map<string, number>): boolean
  /** Ends the last message. @returns all, in order */
  take(next: Map<string, number>): OutgoingMessage[]
  /** Says that all messages that were taken have been sent: their memory is used again. */
  done(): void
}

const SENSOR = 'bpf'
/** Attribution of the events of a container that was last written, as most come again. */
const KEPT_CONTAINERS = 1000

/** Room before the events of a message, for what a batch begins with; more than that is copied. */
const HEAD_ROOM = 1024
/** Memory that is kept for the messages to come, at most so many of them. */
const SPARE_MAX = 6
const SPARE_BYTES_MAX = 512 * 1024
/** Smaller than other batches: memory is what the agent has little of, and messages are compressed together. */
const MESSAGE_BYTES = 192 * 1024
const FIRST_BYTES = 64 * 1024
const COUNT_BYTES = 10

/** Writes Avro's long: the count of an array. @returns its bytes */
function countBytes(count: number): Buffer {
  const bytes = Buffer.alloc(COUNT_BYTES)
  let rest = count * 2
  let size = 0
  for (; rest >= 0x80; size += 1) {
    bytes[size] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  bytes[size] = rest
  return bytes.subarray(0, size + 1)
}

/**
 * Events go from the spool into messages as they are encoded: each gets its container and its process put in, and is not decoded for
 * that. Runs of the same node, boot and second go into one message.
 */
export function createPacker({ cluster, node, context, numbering }: PackedPorts): Packer {
  const places = new Map<string, { readonly of: RuntimeContainer; readonly bytes: Uint8Array }>()
  const key = `${cluster.id}/${node}`
  const largest = context.message_max_bytes - MESSAGE_OVERHEAD_BYTES
  const fullAt = Math.min(MESSAGE_BYTES, largest)
  const onHost = placeBytes(null, null)
  let messages: OutgoingMessage[] = []

  function placeOf({ container, pod_uid }: Packed): Uint8Array {
    if (container === null) return onHost
    const name = `${container.id}/${pod_uid}`
    const kept = places.get(name)
    if (kept?.of === container) return kept.bytes
    const known = attributed(bareIds(container.id, pod_uid), container)
    const bytes = placeBytes(known.container, known.pod)
    if (places.size >= KEPT_CONTAINERS) places.clear()
    places.set(name, { of: container, bytes })
    return bytes
  }

  const spare: Buffer[] = []
  let used: Buffer[] = []
  /** Events that are put together, waiting to become a message; before them there is room for its head. */
  const open = { bytes: Buffer.alloc(0), size: HEAD_ROOM, count: 0, boot_id: null as string | null, received: 0 }

  /** @returns the message's value, in the memory of its events */
  function withHead(head: Buffer): Buffer {
    const { bytes, size } = open
    const from = HEAD_ROOM - head.length
    // The end of the array.
    if (from < 0) return Buffer.concat([head, bytes.subarray(HEAD_ROOM, size), Buffer.alloc(1)])
    head.copy(bytes, from)
    bytes[size] = 0
    return bytes.subarray(from, size + 1)
  }

  function close(next: Map<string, number>): void {
    const { count, boot_id, received } = open
    if (count === 0) return
    const first_sequence = String(takeSequence(next, `${key}/${SENSOR}`, count))
    // The encoding of a batch without events ends with the end of its array.
    const numbers = { first_sequence, numbering: numbering() }
    const head = context.codec
      .encode('runtime-batch', { cluster, node, boot_id, sensor: SENSOR, ...numbers, received, events: [] })
      .subarray(0, -1)
    messages.push({ topic: RUNTIME_TOPIC, key, value: withHead(Buffer.concat([head, countBytes(count)])) })
    used.push(open.bytes)
    Object.assign(open, { bytes: spare.pop() ?? Buffer.alloc(0), size: HEAD_ROOM, count: 0 })
  }

  function room(wanted: number): void {
    // One byte more, for the end of the array.
    const needed = open.size + wanted + 1
    if (needed <= open.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * open.bytes.length, needed, FIRST_BYTES))
    open.bytes.copy(larger, 0, 0, Math.min(open.size, open.bytes.length))
    open.bytes = larger
  }

  return {
    add(packed, next) {
      const { bytes, boot_id, received } = packed
      const place = placeOf(packed)
      let fits = true
      let events = 0
      eachEvent(bytes, (pieces) => {
        events += 1
        if (eventBytes(pieces, place) > largest) fits = false
      })
      if (!fits) return false
      if (boot_id !== open.boot_id || Math.abs(received - open.received) >= RECEIVED_SPAN_US) close(next)
      eachEvent(bytes, (pieces) => {
        const size = eventBytes(pieces, place)
        if (open.count >= BATCH_MAX_EVENTS || open.size - HEAD_ROOM + size > fullAt) close(next)
        if (open.count === 0) Object.assign(open, { boot_id, received })
        room(size)
        open.size = writeEvent(bytes, pieces, place, open.bytes, open.size)
        open.count += 1
      })
      eventsIn.inc({ source: 'runtime', provider: SENSOR }, events)
      return true
    },
    take(next) {
      close(next)
      const taken = messages
      messages = []
      return taken
    },
    done() {
      for (const bytes of used) if (spare.length < SPARE_MAX && bytes.length <= SPARE_BYTES_MAX) spare.push(bytes)
      used = []
    }
  }
}
