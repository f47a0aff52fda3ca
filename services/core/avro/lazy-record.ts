import { layoutOf, type RecordLayout, type TypeLayout } from './lazy-layout.ts'

/**
 * Records that are decoded field by field, when a field is first read. One pass over the bytes of a record notes where its fields
 * are and proves them; what it has proved it reads without looking again. That pass and the classes of the records are generated
 * from a schema: engines run straight-line code several times faster than a walk over a tree of types.
 */

/** Where the fields of many records are: positions in the bytes, appended record by record. */
export interface FieldIndex {
  positions: Int32Array
  used: number
}

/** What the records of one event read from. */
interface EventText {
  readonly bytes: Buffer
  readonly index: FieldIndex
  readonly start: number
  readonly end: number
  /** Blocks of bytes as characters of their own, of which strings of ASCII are slices: each made when a string in it is read. */
  readonly blocks: (string | undefined)[]
}

/** A key of maps, with its bytes as they are in encoded ones. */
export interface MapKey {
  readonly text: string
  readonly bytes: Buffer
}

export const mapKey = (text: string): MapKey => ({ text, bytes: Buffer.from(text) })

/** Some of the bytes of an event. */
export interface ByteRange {
  bytes: Uint8Array
  from: number
  to: number
}

/** Name of the method of lazy records that tells in which bytes a field is. */
export const locatorOf = (field: string): string => `locate_${field}`

/** The value of a key of a map that is there; undefined where there is none. */
const ownValue = (map: unknown, key: string): unknown =>
  typeof map === 'object' && map !== null && Object.hasOwn(map, key) ? (map as Record<string, unknown>)[key] : undefined

/** Superclass of all lazy records: they have accessors where decoded ones have properties of their own. */
export class LazyRecord {
  /** The value of one key of a map, without decoding the others; undefined where there is none. */
  inMap(field: string, key: MapKey): unknown {
    return ownValue((this as Record<string, unknown>)[field], key.text)
  }

  /** The record with all of its fields decoded, as properties of their own. */
  toJSON(): unknown {
    return {}
  }
}

/** A lazy record as an object with properties of its own, as a decoder would make it; anything else as it is. */
export function plainOf<Value>(value: Value): Value {
  if (value instanceof LazyRecord) return value.toJSON() as Value
  if (Array.isArray(value) && value[0] instanceof LazyRecord) return value.map(plainOf) as Value
  return value
}

/** The value of a key of a map of a record, lazy or decoded; undefined where there is none. */
export function valueInMap(record: unknown, field: string, key: MapKey): unknown {
  if (record instanceof LazyRecord) return record.inMap(field, key)
  return typeof record === 'object' && record !== null
    ? ownValue((record as Record<string, unknown>)[field], key.text)
    : undefined
}

export interface LazyReader {
  /**
   * Notes where the fields of the record at `start` are.
   * @returns the end of the record, negative when it is corrupt or uses encodings that only a decoder is worth for
   */
  note(bytes: Buffer, start: number, index: FieldIndex): number
  /**
   * @param at `index.used` before the record was noted
   * @returns the record; valid as long as the bytes stay as they are
   */
  record(bytes: Buffer, index: FieldIndex, at: number, start: number, end: number): unknown
}

export const fieldIndex = (): FieldIndex => ({ positions: new Int32Array(4096), used: 0 })

function grow(index: FieldIndex, needed: number): Int32Array {
  const larger = new Int32Array(Math.max(index.positions.length * 2, needed))
  larger.set(index.positions)
  index.positions = larger
  return larger
}

/**
 * Decoding a string costs a call into native code, several times as much as a slice of a text that is there. So many bytes (of a
 * power of two) are made one text: a slice keeps all of it in memory, and some strings are remembered.
 */
const BLOCK_BITS = 10
/** Longer strings are not looked through for characters beyond ASCII: native code does that sooner. */
const SLICED_BYTES = 192
const LENGTH_MAX_BYTES = 4

/** Position behind the number that `unsignedAt` or `longAt` has read last. */
let behind = 0

/** A number of up to 28 bits without its zigzag coding undone; -1 when it is longer or the bytes end. */
function unsignedAt(bytes: Buffer, from: number): number {
  let value = 0
  for (let at = 0; at < LENGTH_MAX_BYTES; at += 1) {
    const byte = bytes[from + at]
    if (byte === undefined) return -1
    value |= (byte & 0x7f) << (7 * at)
    if (byte < 0x80) {
      behind = from + at + 1
      return value
    }
  }
  return -1
}

/** End of an integer of at most 32 bits (53 for `isLong`), the range that `layout.ts` allows; -1 when it is outside. */
function endOfNumber(bytes: Buffer, from: number, isLong: boolean): number {
  const last = from + (isLong ? 7 : 4)
  for (let at = from; at <= last; at += 1) {
    const byte = bytes[at]
    if (byte === undefined) return -1
    if (byte < 0x80) return at < last || byte < 16 ? at + 1 : -1
  }
  return -1
}

function longAt(bytes: Buffer, from: number): number {
  let value = 0
  let scale = 1
  for (let at = from; ; at += 1) {
    const byte = bytes[at] ?? 0
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      behind = at + 1
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    scale *= 128
  }
}

function stringAt(event: EventText, from: number): string {
  const { bytes, start, end, blocks } = event
  const first = bytes[from] ?? 0
  let at = from + 1
  let length = first >>> 1
  if (first >= 0x80) {
    length = unsignedAt(bytes, from) >>> 1
    at = behind
  }
  behind = at + length
  if (length === 0) return ''
  const last = at + length
  const block = (at - start) >>> BLOCK_BITS
  if (length > SLICED_BYTES || (last - 1 - start) >>> BLOCK_BITS !== block) return bytes.toString('utf8', at, last)
  let bits = 0
  for (let byte = at; byte < last; byte += 1) bits |= bytes[byte] ?? 0
  if (bits >= 0x80) return bytes.toString('utf8', at, last)
  const origin = start + (block << BLOCK_BITS)
  let text = blocks[block]
  if (text === undefined) {
    text = bytes.toString('latin1', origin, Math.min(end, origin + (1 << BLOCK_BITS)))
    blocks[block] = text
  }
  return text.slice(at - origin, last - origin)
}

/** Reads a value of any type and leaves `behind` at its end: for items of arrays and maps. */
function valueAt(event: EventText, from: number, type: TypeLayout): unknown {
  switch (type.kind) {
    case 'string':
      return stringAt(event, from)
    case 'number':
      return longAt(event.bytes, from)
    case 'boolean':
      behind = from + 1
      return event.bytes[from] === 1
    case 'enum':
      behind = from + 1
      return type.symbols[(event.bytes[from] ?? 0) >>> 1]
    case 'nullable':
      if (event.bytes[from] !== 0) return valueAt(event, from + 1, type.of)
      behind = from + 1
      return null
    case 'array': {
      const items: unknown[] = []
      let at = from
      for (let count = longAt(event.bytes, at); count > 0; count = longAt(event.bytes, at)) {
        at = behind
        for (; count > 0; count -= 1) {
          items.push(valueAt(event, at, type.items))
          at = behind
        }
      }
      return items
    }
    case 'map': {
      const map: Record<string, unknown> = {}
      let at = from
      for (let count = longAt(event.bytes, at); count > 0; count = longAt(event.bytes, at)) {
        at = behind
        for (; count > 0; count -= 1) {
          const key = stringAt(event, at)
          const value = valueAt(event, behind, type.values)
          at = behind
          if (key === '__proto__') {
            Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
          } else map[key] = value
        }
      }
      return map
    }
    case 'record': {
      const record: Record<string, unknown> = {}
      behind = from
      for (const { name, type: field } of type.fields) record[name] = valueAt(event, behind, field)
      return record
    }
  }
}

/** The value of a key of an encoded map of strings; undefined where there is none. Of equal keys the last counts. */
function stringInMap(event: EventText, from: number, { bytes: wanted }: MapKey): string | undefined {
  const { bytes } = event
  let found: number | null = null
  let at = from
  for (let count = longAt(bytes, at); count > 0; count = longAt(bytes, at)) {
    at = behind
    for (; count > 0; count -= 1) {
      const length = unsignedAt(bytes, at) >>> 1
      const key = behind
      at = key + length
      if (length === wanted.length) {
        let same = 0
        while (same < length && bytes[key + same] === wanted[same]) same += 1
        if (same === length) found = at
      }
      const skipped = unsignedAt(bytes, at) >>> 1
      at = behind + skipped
    }
  }
  return found === null ? undefined : stringAt(event, found)
}

/** Statements that move `p` behind a length or count, which is then in `n`. */
const READ_LENGTH =
  'n = b[p]; if (n < 128) p++; else { n = unsignedAt(b, p); if (n < 0) return -1; p = behind() } if (n & 1) return -1; n >>>= 1;'

/** Statements that prove a value at `p` and move behind it. `base` is the variable with the place of the record's positions. */
function skipping(type: TypeLayout, base: string, depth: number): string {
  switch (type.kind) {
    case 'string':
      return `${READ_LENGTH} p += n; if (p > end) return -1;`
    case 'number':
      return `if (b[p] < 128) p++; else { p = endOfNumber(b, p, ${type.isLong}); if (p < 0) return -1 }`
    case 'boolean':
      return 'if (!(b[p] <= 1)) return -1; p++;'
    case 'enum':
      return `n = b[p]; if (!(n < ${type.symbols.length * 2}) || (n & 1)) return -1; p++;`
    case 'nullable':
      return `n = b[p++]; if (n === 2) { ${skipping(type.of, base, depth)} } else if (n !== 0) return -1;`
    case 'record':
      return type.fields
        .map((field) => {
          const note = base === '' ? '' : `o[${base} + ${field.place}] = p;`
          return `${note} ${skipping(field.type, base, depth)}`
        })
        .join('\n')
    case 'map':
    case 'array': {
      const count = `c${depth}`
      const item =
        type.kind === 'map'
          ? `${skipping({ kind: 'string' }, '', depth + 1)} ${skipping(type.values, '', depth + 1)}`
          : skipping(type.items, '', depth + 1)
      if (type.kind === 'map' || type.element === null || base === '') {
        return `for (;;) { ${READ_LENGTH} if (n === 0) break; for (let ${count} = n; ${count} > 0; ${count}--) { ${item} } }`
      }
      // Positions of the elements follow one after the other: such elements hold no such lists.
      const { size, place } = type.element
      const element = `e${depth}`
      return `{ const first = index.used; let all = 0;
        for (;;) { ${READ_LENGTH} if (n === 0) break;
          for (let ${count} = n; ${count} > 0; ${count}--) {
            const ${element} = index.used; all++;
            if (${element} + ${size} > o.length) o = grow(index, ${element} + ${size});
            index.used += ${size};
            ${skipping(type.items, element, depth + 1)}
          } }
        o[${base} + ${place}] = first; o[${base} + ${place + 1}] = all; }`
    }
  }
}

/**
 * Class of a record: an accessor for each field, which remembers what took work to make, and a method that tells in which bytes the
 * field is, with which equal values can be told without being decoded.
 * @param end where the position behind the record is noted; null where it is not, so that the last field is not told of
 */
function classSource(
  record: RecordLayout,
  types: TypeLayout[],
  classes: string[],
  end: number | 'event' | null
): string {
  const name = `Record${classes.length}`
  classes.push('')
  const caches: string[] = []
  const maps: string[] = []
  const locators = record.fields.map(({ name: field, place }, number) => {
    const next = record.fields[number + 1]?.place ?? end
    if (next === null) return ''
    const behind = next === 'event' ? 'this.#event.end' : `o[this.#at + ${next}]`
    return `${locatorOf(field)}(into) { const o = this.#event.index.positions;
      into.bytes = this.#event.bytes; into.from = o[this.#at + ${place}]; into.to = ${behind} }`
  })
  const accessors = record.fields.map((field, number) => {
    const { place } = field
    const nullable = field.type.kind === 'nullable'
    const type = field.type.kind === 'nullable' ? field.type.of : field.type
    const position = `const p = this.#event.index.positions[this.#at + ${place}];`
    const at = nullable ? 'p + 1' : 'p'
    const absent = nullable ? 'if (this.#event.bytes[p] === 0) return null;' : ''
    const simple = (value: string) => `get ${field.name}() { ${position} ${absent} return ${value} }`
    const cached = (value: string) => {
      caches.push(`#v${number};`)
      return `get ${field.name}() { let v = this.#v${number}; if (v !== undefined) return v; ${position} ${absent} v = ${value}; this.#v${number} = v; return v }`
    }
    switch (type.kind) {
      case 'number':
        return simple(`longAt(this.#event.bytes, ${at})`)
      case 'boolean':
        return simple(`this.#event.bytes[${at}] === 1`)
      case 'enum':
        types.push(type)
        return simple(`types[${types.length - 1}].symbols[this.#event.bytes[${at}] >>> 1]`)
      case 'string':
        return cached(`stringAt(this.#event, ${at})`)
      case 'record':
        return cached(
          `new ${classSource(type, types, classes, record.fields[number + 1]?.place ?? end)}(this.#event, this.#at)`
        )
      case 'array': {
        const { element, items } = type
        if (element !== null && items.kind === 'record') {
          return cached(
            `elements(this.#event, this.#at + ${element.place}, ${element.size}, ${classSource(items, types, classes, null)})`
          )
        }
        types.push(type)
        return cached(`valueAt(this.#event, ${at}, types[${types.length - 1}])`)
      }
      default:
        types.push(type)
        if (type.kind === 'map' && type.values.kind === 'string') {
          maps.push(`case '${field.name}': { if (this.#v${number} !== undefined) break; ${position}
            ${nullable ? 'if (this.#event.bytes[p] === 0) return undefined;' : ''} return stringInMap(this.#event, ${at}, key) }`)
        }
        return cached(`valueAt(this.#event, ${at}, types[${types.length - 1}])`)
    }
  })
  const all = record.fields.map((field) => `${field.name}: plainOf(this.${field.name})`).join(', ')
  classes[Number(name.slice('Record'.length))] = `class ${name} extends LazyRecord {
    #event; #at; ${caches.join(' ')}
    constructor(event, at) { super(); this.#event = event; this.#at = at }
    ${accessors.join('\n')}
    ${locators.join('\n')}
    inMap(field, key) { switch (field) { ${maps.join('\n')} } return super.inMap(field, key) }
    toJSON() { return { ${all} } }
  }`
  return name
}

type ElementClass = new (event: EventText, at: number) => unknown

function elements(event: EventText, place: number, size: number, of: ElementClass): readonly unknown[] {
  const { positions } = event.index
  const first = positions[place] ?? 0
  return Array.from({ length: positions[place + 1] ?? 0 }, (_, number) => new of(event, first + number * size))
}

const USED = {
  LazyRecord,
  behind: () => behind,
  elements,
  endOfNumber,
  grow,
  longAt,
  plainOf,
  stringAt,
  stringInMap,
  unsignedAt,
  valueAt
}

interface Generated {
  readonly note: LazyReader['note']
  readonly Root: ElementClass
}

/**
 * Generates the reader of a record schema.
 * @param schema one of our schemas: its names become names in generated code, so they are checked to be nothing but names
 * @returns null when the schema has something that no schema of ours has
 */
export function createLazyReader(schema: unknown): LazyReader | null {
  const layout = layoutOf(schema)
  if (layout === null) return null
  const types: TypeLayout[] = []
  const classes: string[] = []
  const root = classSource(layout, types, classes, 'event')
  const body = `'use strict';
    const { ${Object.keys(USED).join(', ')} } = used;
    ${classes.toReversed().join('\n')}
    function note(b, start, index) {
      const end = b.length, i = index.used; let p = start, n = 0, o = index.positions;
      if (i + ${layout.size} > o.length) o = grow(index, i + ${layout.size});
      index.used = i + ${layout.size};
      ${skipping(layout, 'i', 0)}
      return p > end ? -1 : p;
    }
    return { note, Root: ${root} };`
  // Nothing of an event is in the source, and of the schema only what `layoutOf` has checked.
  // oxlint-disable-next-line typescript/no-implied-eval
  const make = new Function('used', 'types', body) as (used: typeof USED, types: readonly TypeLayout[]) => Generated
  const { note, Root } = make(USED, types)
  return {
    note,
    record: (bytes, index, at, start, end) => new Root({ bytes, index, start, end, blocks: [] }, at)
  }
}
