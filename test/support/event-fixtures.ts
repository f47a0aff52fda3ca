import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { isObject, type JsonObject } from '../../services/core/json.ts'

const FOLDER = join(import.meta.dirname, '../fixtures/events')

/** A fixture of records as parsed JSON: the records of an .ndjson file, the one of a .json file. */
export function eventFixture(name: string): JsonObject[] {
  const text = readFileSync(join(FOLDER, name), 'utf8')
  const parsed: unknown[] = name.endsWith('.ndjson')
    ? text
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line))
    : [JSON.parse(text)]
  return parsed.filter(isObject)
}

/** Record `index` of a fixture. */
export function eventRecord(name: string, index = 0): JsonObject {
  const record = eventFixture(name)[index]
  if (record === undefined) throw new Error(`test/fixtures/events/${name} has no record ${index}`)
  return record
}

/** Every record of every fixture, with a name for messages. */
export function allEventRecords(): ReadonlyArray<readonly [name: string, record: JsonObject]> {
  return readdirSync(FOLDER)
    .sort()
    .flatMap((file) => eventFixture(file).map((record, index) => [`${file} ${index}`, record] as const))
}

/** A copy of a JSON value with the keys of every object in another order. */
export function reversedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversedKeys)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .reverse()
      .map((key) => [key, reversedKeys(value[key])])
  )
}

/** JSON text of a value with a key `__proto__` in each of its objects. */
export function poisonedText(value: unknown, poison: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => poisonedText(item, poison)).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const entries = Object.keys(value).map((key) => `,${JSON.stringify(key)}:${poisonedText(value[key], poison)}`)
  return `{"__proto__":${JSON.stringify(poison)}${entries.join('')}}`
}

/** Places in a JSON value, as paths of keys and indices. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  const below = Array.isArray(value)
    ? value.flatMap((item, index) => pathsOf(item, [...path, index]))
    : isObject(value)
      ? Object.keys(value).flatMap((key) => pathsOf(value[key], [...path, key]))
      : []
  return [path, ...below]
}

/** A copy of a JSON value with the part at a path replaced. */
function replaced(value: unknown, [step, ...rest]: readonly (string | number)[], part: unknown): unknown {
  if (step === undefined) return part
  if (Array.isArray(value)) return value.map((item, index) => (index === step ? replaced(item, rest, part) : item))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.keys(value).map((key) => [key, key === step ? replaced(value[key], rest, part) : value[key]])
  )
}

/** Values that break careless readers. */
const hostile = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(null, true, 0, -1, 1e308, 4_294_967_295, 2 ** 53, '', '<NA>', '\0', '\ud800', [], {}, [[]]),
  fc.constantFrom(
    'x'.repeat(300_000),
    '{"a":',
    '[]',
    '{"kind":"Event"}',
    '0001-01-01T00:00:00Z',
    '2026-13-45T99:99:99Z'
  ),
  fc.constantFrom<unknown>(
    JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
    JSON.parse('{"__proto__":["a"],"toString":"x","hasOwnProperty":1}'),
    JSON.parse(`${'['.repeat(400)}${']'.repeat(400)}`),
    Array.from({ length: 3_000 }, (_, index) => String(index)),
    Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`key${index}`, 'v'.repeat(200)]))
  )
)

/**
 * Each place of the fixtures' records once, with everything it could hold by mistake put there: one record a place and value.
 * Records of a file are alike, so a place counts once a file.
 */
export function* recordsDamagedEverywhere(): Generator<readonly [where: string, record: unknown]> {
  const parts: readonly unknown[] = [
    null,
    true,
    -1,
    4_294_967_295,
    2 ** 53,
    1e308,
    '',
    '9007199254740993',
    [],
    {},
    [[{}]]
  ]
  const seen = new Set<string>()
  for (const [name, record] of allEventRecords()) {
    for (const path of pathsOf(record)) {
      const place = `${name.split(' ')[0]} ${path.join('/')}`
      if (seen.has(place)) continue
      seen.add(place)
      for (const part of parts) yield [`${place} = ${JSON.stringify(part)}`, replaced(record, path, part)]
    }
  }
}

/** Records of the fixtures with one to three parts replaced by something hostile: wrong types at every place. */
export function damagedRecords(): fc.Arbitrary<unknown> {
  const records = allEventRecords().map(([, record]) => ({ record, paths: pathsOf(record) }))
  return fc
    .constantFrom(...records)
    .chain(({ record, paths }) =>
      fc
        .array(fc.tuple(fc.constantFrom(...paths), hostile), { minLength: 1, maxLength: 3 })
        .map((changes) => changes.reduce<unknown>((value, [path, part]) => replaced(value, path, part), record))
    )
}
