/**
 * Records of a produce request, for the mends of kafkajs: it copies each value three times into memory that it clears first and never
 * uses again, which costs more than all else that a busy producer does, and makes the process as large as garbage may become.
 * Format: https://kafka.apache.org/documentation/#recordbatch, of which kafkajs writes what is around the records.
 */

type Data = Buffer | string | null | undefined

/** A message as kafkajs hands it over to be written. */
export interface RecordParts {
  readonly offsetDelta?: number
  readonly timestampDelta?: number
  readonly key?: Data
  readonly value?: Data
  readonly headers?: Readonly<Record<string, Data | readonly Data[]>>
}

/** Memory for records on their way to be compressed; more of it than is used at once is let go. */
const spare: Buffer[] = []
const SPARE_MAX = 2
const SPARE_BYTES_MAX = 4 * 1024 * 1024
const FIRST_BYTES = 64 * 1024
const VARINT_BYTES = 10

function varintSize(value: number): number {
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  let bytes = 1
  for (; rest >= 0x80; bytes += 1) rest = Math.floor(rest / 0x80)
  return bytes
}

function writeVarint(target: Buffer, from: number, value: number): number {
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  let at = from
  for (; rest >= 0x80; at += 1) {
    target[at] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  target[at] = rest
  return at + 1
}

const lengthOf = (data: Data): number => (data === null || data === undefined ? -1 : Buffer.byteLength(data))
const dataSize = (data: Data): number => varintSize(lengthOf(data)) + Math.max(0, lengthOf(data))

function writeData(target: Buffer, from: number, data: Data): number {
  const at = writeVarint(target, from, lengthOf(data))
  if (data === null || data === undefined) return at
  return at + (typeof data === 'string' ? target.write(data, at) : data.copy(target, at))
}

const headersOf = ({ headers = {} }: RecordParts): Array<readonly [name: string, value: Data]> =>
  Object.entries(headers).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((one: Data) => [name, one] as const) : [[name, value as Data] as const]
  )

function bodySize(record: RecordParts, headers: ReturnType<typeof headersOf>): number {
  let size = 1 + varintSize(record.timestampDelta ?? 0) + varintSize(record.offsetDelta ?? 0)
  size += dataSize(record.key) + dataSize(record.value) + varintSize(headers.length)
  for (const [name, value] of headers) size += dataSize(name) + dataSize(value)
  return size
}

/** @returns where it ends */
function writeRecord(
  target: Buffer,
  from: number,
  record: RecordParts,
  headers: ReturnType<typeof headersOf>,
  size: number
): number {
  let at = writeVarint(target, from, size)
  // Attributes, of which there are none.
  target[at] = 0
  at = writeVarint(target, at + 1, record.timestampDelta ?? 0)
  at = writeVarint(target, at, record.offsetDelta ?? 0)
  at = writeData(target, at, record.key)
  at = writeData(target, at, record.value)
  at = writeVarint(target, at, headers.length)
  for (const [name, value] of headers) at = writeData(target, writeData(target, at, name), value)
  return at
}

/**
 * Writes records one behind the other into memory that is used again.
 * @param use what to do with the bytes, which are its own until it is done
 * @returns what it returned
 */
export async function withRecordBytes<Result>(
  records: readonly RecordParts[],
  use: (bytes: Buffer) => Promise<Result> | Result
): Promise<Result> {
  const all = records.map((record) => {
    const headers = headersOf(record)
    return { record, headers, size: bodySize(record, headers) }
  })
  const bytes = all.reduce((sum, { size }) => sum + size + VARINT_BYTES, 0)
  let memory = spare.pop() ?? Buffer.allocUnsafeSlow(Math.max(bytes, FIRST_BYTES))
  if (memory.length < bytes) memory = Buffer.allocUnsafeSlow(bytes)
  let end = 0
  for (const { record, headers, size } of all) end = writeRecord(memory, end, record, headers, size)
  try {
    return await use(memory.subarray(0, end))
  } finally {
    if (spare.length < SPARE_MAX && memory.length <= SPARE_BYTES_MAX) spare.push(memory)
  }
}
