import type { Entity, Signal } from '../../../schemas/generated/types.ts'
import type { Template } from './part-template.ts'
import {
  hashIdNext,
  hashNext,
  isSameNext,
  type Reader,
  readIs,
  readNumber,
  readText,
  reserve,
  skipText,
  type Writer,
  writeNumber,
  writeText
} from './part-text.ts'

import { hashOfList } from './slot-index.ts'

/**
 * What windows need of a signal as bytes: length of all (4 bytes), number of the template among those of its block (2), time (8, a
 * double), then the values of the fields that the template names, id, event id, entities and ancestors. A value that is also the id of
 * an entity is the entity's number. Title, evidence and deduplication key are left out.
 */
const TEMPLATE_AT = 4
const TIME_AT = 6
const CONTENT_AT = 14
const NUMBER_BYTES = 5

function writeEntities(writer: Writer, entities: readonly Entity[]): void {
  for (const { id, name } of entities) {
    writeText(writer, id)
    reserve(writer, 1)
    writer.bytes[writer.at] = id === name ? 0 : 1
    writer.at += 1
    if (id !== name) writeText(writer, name)
  }
}

function writeValue(writer: Writer, value: string, entities: readonly Entity[]): void {
  reserve(writer, NUMBER_BYTES)
  let place = 0
  while (place < entities.length && entities[place]?.id !== value) place += 1
  if (place < entities.length) writeNumber(writer, place + 1)
  else {
    writeNumber(writer, 0)
    writeText(writer, value)
  }
}

/** @param template the number under which the signal's template is known in the block */
export function writeRecord(writer: Writer, signal: Signal, { fields }: Template, template: number): void {
  const begin = writer.at
  reserve(writer, CONTENT_AT)
  writer.at += CONTENT_AT
  const { entities, correlation_fields } = signal
  for (const name of fields) {
    const values = correlation_fields[name] ?? []
    reserve(writer, NUMBER_BYTES)
    writeNumber(writer, values.length)
    for (const value of values) writeValue(writer, value, entities)
  }
  writeText(writer, signal.id)
  writeText(writer, signal.event_id)
  writeEntities(writer, entities)
  writeEntities(writer, signal.ancestry)
  const { bytes } = writer
  bytes.writeUInt32LE(writer.at - begin, begin)
  bytes.writeUInt16LE(template, begin + TEMPLATE_AT)
  bytes.writeDoubleLE(signal.time, begin + TIME_AT)
}

/** Writes a record as it stands elsewhere, with another number for its template. */
export function copyRecord(writer: Writer, bytes: Buffer, at: number, template: number): void {
  const length = lengthOf(bytes, at)
  reserve(writer, length)
  bytes.copy(writer.bytes, writer.at, at, at + length)
  writer.bytes.writeUInt16LE(template, writer.at + TEMPLATE_AT)
  writer.at += length
}

export const lengthOf = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at)
export const templateNumberOf = (bytes: Buffer, at: number): number => bytes.readUInt16LE(at + TEMPLATE_AT)
export const timeOf = (bytes: Buffer, at: number): number => bytes.readDoubleLE(at + TIME_AT)

function skipValues(reader: Reader, fields: number): void {
  for (let field = 0; field < fields; field += 1) {
    for (let left = readNumber(reader); left > 0; left -= 1) if (readNumber(reader) === 0) skipText(reader)
  }
}

function skipEntities(reader: Reader, count: number): void {
  for (let place = 0; place < count; place += 1) {
    skipText(reader)
    reader.at += 1
    if (reader.bytes[reader.at - 1] === 1) skipText(reader)
  }
}

function readEntities(reader: Reader, shape: Template['entities']): readonly Entity[] {
  return shape.map(([type, role]) => {
    const id = readText(reader)
    reader.at += 1
    return { type, id, name: reader.bytes[reader.at - 1] === 1 ? readText(reader) : id, role }
  })
}

const contentOf = (bytes: Buffer, at: number): Reader => ({ bytes, at: at + CONTENT_AT })

/** Goes to the id of an entity. */
function entityOf(bytes: Buffer, at: number, { fields }: Template, place: number): Reader {
  const reader = contentOf(bytes, at)
  skipValues(reader, fields.length)
  skipText(reader)
  skipText(reader)
  skipEntities(reader, place)
  return reader
}

export function idOf(bytes: Buffer, at: number, { fields }: Template): string {
  const reader = contentOf(bytes, at)
  skipValues(reader, fields.length)
  return readText(reader)
}

/** Whether it is the record of the signal with this id. */
export function hasId(bytes: Buffer, at: number, { fields }: Template, id: string): boolean {
  const reader = contentOf(bytes, at)
  skipValues(reader, fields.length)
  return readIs(reader, id)
}

/** Goes to the values of a field. @returns null when it has none of this name */
function fieldOf(bytes: Buffer, at: number, { fields }: Template, name: string): Reader | null {
  const place = fields.indexOf(name)
  if (place < 0) return null
  const reader = contentOf(bytes, at)
  skipValues(reader, place)
  return reader
}

/** Whether the values of a field are these; one that it does not have has no values. */
export function valuesAre(
  bytes: Buffer,
  at: number,
  template: Template,
  name: string,
  texts: readonly string[]
): boolean {
  const reader = fieldOf(bytes, at, template, name)
  if (reader === null) return texts.length === 0
  if (readNumber(reader) !== texts.length) return false
  for (const text of texts) {
    const entity = readNumber(reader)
    const isSame = entity === 0 ? readIs(reader, text) : readIs(entityOf(bytes, at, template, entity - 1), text)
    if (!isSame) return false
  }
  return true
}

export function valuesOf(bytes: Buffer, at: number, template: Template, name: string): readonly string[] {
  const reader = fieldOf(bytes, at, template, name)
  if (reader === null) return []
  return Array.from({ length: readNumber(reader) }, () => {
    const entity = readNumber(reader)
    return readText(entity === 0 ? reader : entityOf(bytes, at, template, entity - 1))
  })
}

/** What `hashId` gives of the id. */
export function hashOfId(bytes: Buffer, at: number, { fields }: Template): number {
  const reader = contentOf(bytes, at)
  skipValues(reader, fields.length)
  return hashIdNext(reader)
}

/** What `hashTexts` gives of the values of a field; null when it has none. */
export function hashOfValues(bytes: Buffer, at: number, template: Template, name: string, seed: number): number | null {
  const reader = fieldOf(bytes, at, template, name)
  const count = reader === null ? 0 : readNumber(reader)
  if (reader === null || count === 0) return null
  let hash = seed
  for (let left = count; left > 0; left -= 1) {
    const entity = readNumber(reader)
    hash = hashNext(entity === 0 ? reader : entityOf(bytes, at, template, entity - 1), hash)
  }
  return hashOfList(hash, count)
}

/** A record in a block. */
export interface RecordPlace {
  readonly bytes: Buffer
  readonly at: number
  readonly template: Template
}

/** Whether a field of one record has the same values as a field of another, which has some. */
export function isSameValues(some: RecordPlace, name: string, others: RecordPlace, otherName: string): boolean {
  const reader = fieldOf(some.bytes, some.at, some.template, name)
  const other = fieldOf(others.bytes, others.at, others.template, otherName)
  if (reader === null || other === null) return false
  const count = readNumber(reader)
  if (readNumber(other) !== count) return false
  for (let left = count; left > 0; left -= 1) {
    const entity = readNumber(reader)
    const otherEntity = readNumber(other)
    const text = entity === 0 ? reader : entityOf(some.bytes, some.at, some.template, entity - 1)
    const otherText = otherEntity === 0 ? other : entityOf(others.bytes, others.at, others.template, otherEntity - 1)
    if (!isSameNext(text, otherText)) return false
  }
  return true
}

/** The signal; title, evidence and deduplication key are missing. */
export function signalOf(bytes: Buffer, at: number, template: Template): Signal {
  const { common, fields } = template
  const reader = contentOf(bytes, at)
  skipValues(reader, fields.length)
  const id = readText(reader)
  const event_id = readText(reader)
  const entities = readEntities(reader, template.entities)
  const ancestry = readEntities(reader, template.ancestry)
  const correlation_fields = Object.fromEntries(fields.map((name) => [name, valuesOf(bytes, at, template, name)]))
  const bare = { title: common.rule.title, dedup_key: '', evidence: {} }
  return { ...common, ...bare, id, event_id, time: timeOf(bytes, at), entities, ancestry, correlation_fields }
}
