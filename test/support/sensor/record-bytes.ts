import { AT, COMM_BYTES, type Kind, kindNumber } from '../../../services/node-agent/sensor/layout.ts'

export interface RecordParts {
  readonly kind: Kind
  readonly flags?: number
  readonly uid?: number
  readonly time_ns?: number
  readonly start_ns?: number
  readonly cgroup?: number
  readonly pid?: number
  readonly tid?: number
  readonly comm?: string
  readonly texts?: ReadonlyArray<Uint8Array | string>
  readonly values?: readonly bigint[]
}

/** A record as the BPF program writes it. */
export function recordBytes(parts: RecordParts): Buffer {
  const fixed = Buffer.alloc(AT.data)
  fixed.writeUInt16LE(kindNumber(parts.kind), AT.kind)
  fixed.writeUInt16LE(parts.flags ?? 0, AT.flags)
  fixed.writeUInt32LE(parts.uid ?? 0, AT.uid)
  fixed.writeBigUInt64LE(BigInt(parts.time_ns ?? 0), AT.time)
  fixed.writeBigUInt64LE(BigInt(parts.start_ns ?? 0), AT.start)
  fixed.writeBigUInt64LE(BigInt(parts.cgroup ?? 0), AT.cgroup)
  fixed.writeUInt32LE(parts.pid ?? 0, AT.pid)
  fixed.writeUInt32LE(parts.tid ?? parts.pid ?? 0, AT.tid)
  fixed.write((parts.comm ?? '').slice(0, COMM_BYTES), AT.comm)
  const texts = (parts.texts ?? []).map((text) => Buffer.from(text as string))
  for (const [slot, text] of texts.entries()) fixed.writeUInt16LE(text.length, AT.lengths + 2 * slot)
  for (const [index, value] of (parts.values ?? []).entries()) fixed.writeBigUInt64LE(value, AT.values + 8 * index)
  return Buffer.concat([fixed, ...texts])
}
