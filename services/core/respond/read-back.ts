import type { ApiRequest } from '../../../schemas/generated/types.ts'
import { at, isObject, type JsonObject, parseJson, property, stringAt } from '../json.ts'
import { isEviction } from './requests.ts'

/**
 * How a change stands to the cluster: `so` when it is as the change would make it, `open` when the change is still to be
 * made and may be, `gone` when the object is not there, `other` when it is not the object, or not as, that was looked at.
 */
export type Standing = 'so' | 'open' | 'gone' | 'other'

/** Equal as JSON, whatever the order of keys. */
function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, at) => same(one, b[at]))
  if (!isObject(a) || !isObject(b)) return a === b
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]))
}

/** The value at a JSON pointer (RFC 6901); the API leaves out what is empty, 0 or false. */
function valueAt(object: JsonObject, pointer: string): unknown {
  return at(
    object,
    pointer
      .split('/')
      .slice(1)
      .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
  )
}

const isNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === 0 ||
  value === false ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (isObject(value) && Object.keys(value).length === 0)

const matches = (now: unknown, wanted: unknown) => same(now, wanted) || (isNothing(now) && isNothing(wanted))

function patchStanding(operations: readonly unknown[], object: JsonObject): Standing {
  const changes = operations.filter((one) => property(one, 'op') !== 'test')
  const tests = operations.filter((one) => property(one, 'op') === 'test')
  const pointer = (one: unknown) => stringAt(one, 'path') ?? ''
  const isMet = (one: unknown) => matches(valueAt(object, pointer(one)), property(one, 'value'))
  const identity = tests.filter((one) => pointer(one) === '/metadata/uid')
  if (!identity.every(isMet)) return 'other'
  const done = changes.every((one) => {
    // That a map is there says nothing of its entries, which other operations are about.
    if (isObject(property(one, 'value')) && isNothing(property(one, 'value'))) return true
    const now = valueAt(object, pointer(one))
    return property(one, 'op') === 'remove' ? now === undefined : matches(now, property(one, 'value'))
  })
  if (done) return 'so'
  return tests.every(isMet) ? 'open' : 'other'
}

/**
 * Whether a change is made already, or can be: read from the object itself, so that it holds after a crash, too.
 * @param object as it is now; null when there is none
 */
export function standingOf(request: ApiRequest, object: JsonObject | null): Standing {
  const body = parseJson(request.body)
  switch (request.method) {
    case 'POST':
      if (isEviction(request)) {
        const uid = stringAt(body, 'deleteOptions', 'preconditions', 'uid')
        const isThere = object !== null && stringAt(object, 'metadata', 'uid') === uid
        return isThere && stringAt(object, 'metadata', 'deletionTimestamp') === null ? 'open' : 'so'
      }
      return object === null ? 'open' : 'so'
    case 'DELETE': {
      if (object === null) return 'so'
      const wanted = stringAt(body, 'preconditions', 'uid')
      if (wanted !== null && stringAt(object, 'metadata', 'uid') !== wanted) return 'other'
      return stringAt(object, 'metadata', 'deletionTimestamp') === null ? 'open' : 'so'
    }
    case 'PATCH':
      if (object === null) return 'gone'
      return Array.isArray(body) ? patchStanding(body, object) : 'open'
    default:
      return 'open'
  }
}

/** Where the object is that a change is about: a created one bears its name in the body. */
export function objectPathOf({ method, path, body }: ApiRequest): string {
  const [way = ''] = path.split('?')
  if (method !== 'POST') return way
  if (isEviction({ method, path: way })) return way.slice(0, -'/eviction'.length)
  const name = stringAt(parseJson(body), 'metadata', 'name')
  return name === null ? way : `${way}/${encodeURIComponent(name)}`
}
