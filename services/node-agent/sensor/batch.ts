import type { Process, RuntimeEvent } from '../../../schemas/generated/types.ts'
import { isObject } from '../../core/json.ts'
import type { ObservedEvent } from './observer.ts'
import { type KnownProcess, processText } from './process-table.ts'

/**
 * Events on their way to the spool, as lines of JSON. A process is written once, as `{"define": N, "process": …}`, before the events
 * that are its; these have the number in place of the process, and their own exit code. Each batch can be read by itself.
 */
export interface OpenBatch {
  add(event: ObservedEvent): void
  /** Bytes so far. */
  size(): number
  count(): number
  /** The bytes; the batch is not to be used after that. */
  bytes(): Uint8Array<ArrayBuffer>
}

const FIRST_BYTES = 16 * 1024
/** Memory of batches that are done, for the next; more of it than is in use at once is let go. */
const spare: Buffer<ArrayBuffer>[] = []
const SPARE_MAX = 4
const SPARE_BYTES_MAX = 1024 * 1024
/** UTF-8 takes at most so many bytes for each UTF-16 code unit. */
const UTF8_BYTES = 3
const LINE_FEED = 10

export function openBatch(): OpenBatch {
  const defined = new Map<KnownProcess, { readonly text: string; readonly number: number }>()
  // Texts become bytes at once: strings that wait would be copied about by the garbage collector.
  let buffer = spare.pop() ?? Buffer.from(new ArrayBuffer(FIRST_BYTES))
  let size = 0
  let count = 0
  let numbers = 0

  function push(line: string): void {
    const room = line.length * UTF8_BYTES + 1
    if (size + room > buffer.length) {
      const larger = Buffer.from(new ArrayBuffer(Math.max(2 * buffer.length, size + room)))
      buffer.copy(larger, 0, 0, size)
      buffer = larger
    }
    size += buffer.write(line, size)
    buffer[size] = LINE_FEED
    size += 1
  }

  function numberOf(process: KnownProcess): number {
    const text = processText(process)
    const known = defined.get(process)
    // Kept texts are the same string, so that this compares no characters.
    if (known !== undefined && known.text === text) return known.number
    numbers += 1
    defined.set(process, { text, number: numbers })
    push(`{"define":${numbers},"process":${text}}`)
    return numbers
  }

  return {
    add({ process, exit_code, open_json }) {
      const number = numberOf(process)
      count += 1
      push(`${open_json},"process":${number}${exit_code === null ? '' : `,"exit_code":${exit_code}`}}`)
    },
    size: () => size,
    count: () => count,
    bytes() {
      const bytes = new Uint8Array(buffer.buffer.slice(0, size))
      if (spare.length < SPARE_MAX && buffer.length <= SPARE_BYTES_MAX) spare.push(buffer)
      return bytes
    }
  }
}

/**
 * Reads the lines of a batch back.
 * @param lines parsed JSON, in order
 * @returns the events
 */
export function* eventsOf(lines: Iterable<unknown>): Generator<RuntimeEvent, void> {
  const processes = new Map<unknown, Process>()
  for (const line of lines) {
    if (!isObject(line)) continue
    if (line['define'] !== undefined) {
      processes.set(line['define'], line['process'] as Process)
    } else {
      const { exit_code, process: number, ...event } = line
      const process = number === null ? null : (processes.get(number) ?? null)
      yield {
        ...event,
        process: process !== null && typeof exit_code === 'number' ? { ...process, exit_code } : process
      } as RuntimeEvent
    }
  }
}
