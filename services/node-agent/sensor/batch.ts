import type { Container, Network, PodReference, RuntimeCategory } from '../../../schemas/generated/types.ts'
import { createAvroWriter } from './avro-writer.ts'
import type { ObservedEvent } from './observer.ts'
import { type KnownProcess, type ProcessBytes, processBytes } from './process-table.ts'

/**
 * Events on their way to the spool. Each is in two pieces of its Avro encoding, as a RuntimeEvent: what comes before its process, and
 * what comes behind its pod. The process, in two pieces around its exit code, is written once, before the first event that is its. What
 * is between these pieces is put in where the message is made, which needs no event to be decoded for that.
 *
 * A frame is a byte for what it is, then numbers of 32 bits, little-endian: PROCESS, lengths of both pieces; or EVENT, number of its process
 * (from 1 on, in the order of frames), exit code, lengths of both pieces. The pieces follow.
 */
export interface OpenBatch {
  add(event: ObservedEvent): void
  /** Bytes so far. */
  size(): number
  count(): number
  /** Pod of its events. */
  readonly pod_uid: string | null
  /** The bytes; the batch is not to be used after that. */
  bytes(): Buffer<ArrayBuffer>
}

const PROCESS = 1
const EVENT = 2
const EVENT_WITH_EXIT_CODE = 3
const PROCESS_HEAD_BYTES = 9
const EVENT_HEAD_BYTES = 17
const FIRST_BYTES = 16 * 1024
/** Memory of batches that are done, for the next. */
const spare: ReturnType<typeof createAvroWriter>[] = []
const SPARE_MAX = 4

/** As the schema has them: the number of a symbol is what is written. */
const CATEGORIES: Readonly<Record<RuntimeCategory, number>> = {
  process: 0,
  network: 1,
  file: 2,
  privilege: 3,
  alert: 4,
  sensor: 5
}

type Writer = ReturnType<typeof createAvroWriter>

function writeNetwork(writer: Writer, network: Network | null): void {
  if (network === null) {
    writer.byte(0)
    return
  }
  const { direction, transport, source_ip, source_port, destination_ip, destination_port, domain } = network
  writer.byte(2)
  writer.maybeString(direction)
  writer.maybeString(transport)
  writer.maybeString(source_ip)
  writer.maybeLong(source_port)
  writer.maybeString(destination_ip)
  writer.maybeLong(destination_port)
  writer.maybeString(domain)
}

function writeFile(writer: Writer, { file, opened }: ObservedEvent): void {
  if (opened !== null) {
    writer.byte(2)
    writer.text(opened.bytes, opened.from, opened.to)
    writer.byte(0)
    writer.maybeString(opened.mode)
  } else if (file === null) writer.byte(0)
  else {
    writer.byte(2)
    writer.string(file.path)
    writer.maybeString(file.target_path)
    writer.maybeString(file.mode)
  }
}

/** Attributes of events that have no other than their control group, by its number: there are few. */
const plain = new Map<number, Uint8Array>()
const PLAIN_MAX = 1000
const plainWriter = createAvroWriter(256)

function plainAttributes(cgroup: number): Uint8Array {
  let bytes = plain.get(cgroup)
  if (bytes === undefined) {
    writeAttributes(plainWriter, {}, cgroup)
    bytes = plainWriter.take()
    if (plain.size >= PLAIN_MAX) plain.clear()
    plain.set(cgroup, bytes)
  }
  return bytes
}

function writeAttributes(writer: Writer, attributes: Readonly<Record<string, string>>, cgroup: number): void {
  let count = 1
  for (const _ in attributes) count += 1
  writer.long(count)
  for (const name in attributes) {
    writer.string(name)
    writer.string(attributes[name] ?? '')
  }
  writer.string('cgroup_id')
  writer.string(String(cgroup))
  writer.byte(0)
}

/** network, file, alert and attributes. */
function writeTail(writer: Writer, event: ObservedEvent): void {
  const { network, opened, attributes, cgroup } = event
  writeNetwork(writer, network)
  writeFile(writer, event)
  writer.byte(0)
  if (opened !== null) writer.raw(plainAttributes(cgroup))
  else writeAttributes(writer, attributes, cgroup)
}

export function openBatch(pod_uid: string | null): OpenBatch {
  const defined = new Map<KnownProcess, { readonly bytes: ProcessBytes; readonly number: number }>()
  const writer = spare.pop() ?? createAvroWriter(FIRST_BYTES)
  let count = 0
  let numbers = 0

  function numberOf(process: KnownProcess): number {
    const bytes = processBytes(process)
    const known = defined.get(process)
    if (known !== undefined && known.bytes === bytes) return known.number
    numbers += 1
    defined.set(process, { bytes, number: numbers })
    const at = writer.size()
    writer.byte(PROCESS)
    writer.skip(PROCESS_HEAD_BYTES - 1)
    writer.setU32(at + 1, bytes.before.length)
    writer.setU32(at + 5, bytes.behind.length)
    writer.raw(bytes.before)
    writer.raw(bytes.behind)
    return numbers
  }

  return {
    pod_uid,
    add(event) {
      const { id, time, category, action, process, exit_code } = event
      const number = numberOf(process)
      count += 1
      const at = writer.size()
      writer.byte(exit_code === null ? EVENT : EVENT_WITH_EXIT_CODE)
      writer.skip(EVENT_HEAD_BYTES - 1)
      writer.setU32(at + 1, number)
      writer.setU32(at + 5, exit_code ?? 0)
      writer.string(id)
      writer.long(time)
      writer.long(CATEGORIES[category])
      writer.string(action)
      const middle = writer.size()
      writeTail(writer, event)
      writer.setU32(at + 9, middle - at - EVENT_HEAD_BYTES)
      writer.setU32(at + 13, writer.size() - middle)
    },
    size: writer.size,
    count: () => count,
    bytes() {
      const bytes = writer.take()
      if (spare.length < SPARE_MAX) spare.push(writer)
      return bytes
    }
  }
}

/** Where the pieces of an event are, in the bytes of its batch. */
export interface EventPieces {
  /** id, time, category and action. */
  head: number
  /** From the process on, up to its exit code; then what is behind that. */
  before: number
  behind: number
  behind_end: number
  exit_code: number | null
  /** From network on. */
  tail: number
  end: number
}

/**
 * Goes through a batch.
 * @param each told of every event, in order, with an object that is used again for the next
 * @throws RangeError when the bytes are no batch
 */
export function eachEvent(bytes: Buffer, each: (pieces: EventPieces) => void): void {
  const processes: Array<readonly [before: number, behind: number, end: number]> = []
  const pieces: EventPieces = { head: 0, before: 0, behind: 0, behind_end: 0, exit_code: null, tail: 0, end: 0 }
  let at = 0
  while (at < bytes.length) {
    const what = bytes[at]
    if (what === PROCESS) {
      const before = at + PROCESS_HEAD_BYTES
      const behind = before + bytes.readUInt32LE(at + 1)
      at = behind + bytes.readUInt32LE(at + 5)
      processes.push([before, behind, at])
    } else if (what === EVENT || what === EVENT_WITH_EXIT_CODE) {
      const process = processes[bytes.readUInt32LE(at + 1) - 1]
      if (process === undefined) throw new RangeError('an event of a process that the batch does not have')
      ;[pieces.before, pieces.behind, pieces.behind_end] = process
      pieces.exit_code = what === EVENT ? null : bytes.readUInt32LE(at + 5)
      pieces.head = at + EVENT_HEAD_BYTES
      pieces.tail = pieces.head + bytes.readUInt32LE(at + 9)
      at = pieces.tail + bytes.readUInt32LE(at + 13)
      pieces.end = at
      each(pieces)
    } else throw new RangeError(`a frame of kind ${what}`)
    if (at > bytes.length) throw new RangeError('a frame that goes beyond the batch')
  }
}

/** How many events a batch has. @throws RangeError when the bytes are no batch */
export function countEvents(bytes: Buffer): number {
  let count = 0
  eachEvent(bytes, () => {
    count += 1
  })
  return count
}

/** Room that an event needs beside its pieces and its container: the exit code. */
const EXIT_CODE_BYTES = 6

/** How many bytes `writeEvent` takes at most. */
export function eventBytes({ head, before, behind_end, tail, end }: EventPieces, container: Uint8Array): number {
  return tail - head + (behind_end - before) + EXIT_CODE_BYTES + container.length + (end - tail)
}

/**
 * Puts an event together.
 * @param container encoding of container and pod
 * @returns where in `target` it ends
 */
export function writeEvent(
  bytes: Buffer,
  pieces: EventPieces,
  container: Uint8Array,
  target: Buffer,
  from: number
): number {
  const { head, before, behind, behind_end, exit_code, tail, end } = pieces
  let at = from + bytes.copy(target, from, head, tail)
  at += bytes.copy(target, at, before, behind)
  if (exit_code === null) {
    target[at] = 0
    at += 1
  } else {
    target[at] = 2
    at += 1
    let rest = exit_code * 2
    for (; rest >= 0x80; rest >>>= 7) {
      target[at] = (rest & 0x7f) | 0x80
      at += 1
    }
    target[at] = rest
    at += 1
  }
  at += bytes.copy(target, at, behind, behind_end)
  target.set(container, at)
  at += container.length
  return at + bytes.copy(target, at, tail, end)
}

/** Container and pod as they are written into an event. */
export function placeBytes(container: Container | null, pod: PodReference | null): Uint8Array {
  const writer = createAvroWriter(256)
  writer.byte(container === null ? 0 : 2)
  if (container !== null) {
    writer.string(container.id)
    writer.maybeString(container.name)
    writer.maybeString(container.image_name)
    writer.maybeString(container.image_id)
    writer.maybeBoolean(container.privileged)
  }
  writer.byte(pod === null ? 0 : 2)
  if (pod !== null) {
    writer.maybeString(pod.uid)
    writer.maybeString(pod.name)
    writer.maybeString(pod.namespace)
  }
  return writer.take()
}

/** What is known of a container and pod by their ids alone. */
export function bareIds(container: string | null, pod_uid: string | null) {
  return {
    container:
      container === null ? null : { id: container, name: null, image_name: null, image_id: null, privileged: null },
    pod: pod_uid === null ? null : { uid: pod_uid, name: null, namespace: null }
  }
}
