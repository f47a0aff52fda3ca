import type { Cluster } from '../../schemas/generated/types.ts'
import { partialType } from '../core/avro/schema-types.ts'
import { attributed, type RuntimeContainer } from '../core/enrich/attribution.ts'
import {
  BATCH_MAX_BYTES,
  BATCH_MAX_EVENTS,
  type BatchContext,
  MESSAGE_OVERHEAD_BYTES,
  RECEIVED_SPAN_US,
  RUNTIME_TOPIC,
  takeSequence
} from '../platform/ingest/batches.ts'
import { eventsIn } from '../platform/metrics.ts'
import type { OutgoingMessage } from '../platform/stage.ts'
import { bareContainer, eachEvent, eventBytes, writeEvent } from './sensor/batch.ts'

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
}

const SENSOR = 'bpf'
/** Attribution of the events of a container that was last written, as most come again. */
const KEPT_CONTAINERS = 1000

/** Bytes of Avro's long: count of an array. */
function countBytes(count: number): Buffer {
  const bytes: number[] = []
  let rest = count * 2
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}

const END_OF_ARRAY = Buffer.from([0])

/**
 * Events go from the spool into messages as they are encoded: each gets its container and its process put in, and is not decoded for
 * that. Runs of the same node, boot and second go into one message.
 */
export function createPacker({ cluster, node, context }: PackedPorts): Packer {
  const placeType = partialType('runtime-event', (field) => field === 'container' || field === 'pod')
  const places = new Map<string, { readonly of: RuntimeContainer; readonly bytes: Uint8Array }>()
  const key = `${cluster.id}/${node}`
  const largest = context.message_max_bytes - MESSAGE_OVERHEAD_BYTES
  const fullAt = Math.min(BATCH_MAX_BYTES, largest)
  const onHost = bareContainer(null, null)
  let messages: OutgoingMessage[] = []

  function placeOf({ container, pod_uid }: Packed): Uint8Array {
    if (container === null) return onHost
    const name = `${container.id}/${pod_uid}`
    const kept = places.get(name)
    if (kept?.of === container) return kept.bytes
    const bare = { id: container.id, name: null, image_name: null, image_id: null, privileged: null }
    const pod = pod_uid === null ? null : { uid: pod_uid, name: null, namespace: null }
    const bytes = placeType.toBuffer(attributed({ container: bare, pod }, container))
    if (places.size >= KEPT_CONTAINERS) places.clear()
    places.set(name, { of: container, bytes })
    return bytes
  }

  /** Events that are put together, waiting to become a message. */
  let open = { bytes: Buffer.alloc(0), size: 0, count: 0, boot_id: null as string | null, received: 0 }

  function close(next: Map<string, number>): void {
    const { bytes, size, count, boot_id, received } = open
    if (count === 0) return
    const first_sequence = String(takeSequence(next, `${key}/${SENSOR}`, count))
    // The encoding of a batch without events ends with the end of its array.
    const head = context.codec
      .encode('runtime-batch', { cluster, node, boot_id, sensor: SENSOR, first_sequence, received, events: [] })
      .subarray(0, -1)
    messages.push({
      topic: RUNTIME_TOPIC,
      key,
      value: Buffer.concat([head, countBytes(count), bytes.subarray(0, size), END_OF_ARRAY])
    })
    open = { ...open, size: 0, count: 0 }
  }

  function room(wanted: number): void {
    if (open.size + wanted <= open.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * open.bytes.length, open.size + wanted, 64 * 1024))
    open.bytes.copy(larger, 0, 0, open.size)
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
        if (open.count >= BATCH_MAX_EVENTS || open.size + size > fullAt) close(next)
        if (open.count === 0) open = { ...open, boot_id, received }
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
    }
  }
}
