import type { Json, JsonObject } from './json.ts'
import { rfc3339Seconds } from './timeline.ts'

/**
 * `metadata.managedFields` as the API server fills it in: which client set which field. Follows the paths of structured-merge-diff
 * (`f:` fields, `k:` keyed list items, atomic lists as leaves).
 */

const LIST_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  ports: ['containerPort', 'protocol'],
  volumeMounts: ['mountPath'],
  volumes: ['name'],
  conditions: ['type'],
  ownerReferences: ['uid'],
  podIPs: ['ip']
}

/** Maps whose members are set one by one, so that the map itself is owned too. */
const OWNED_MAPS = new Set([
  'labels',
  'annotations',
  'requests',
  'limits',
  'rollingUpdate',
  'securityContext',
  'resources'
])

function fieldsOf(value: Json, name: string): JsonObject {
  if (Array.isArray(value)) {
    const keys = LIST_KEYS[name]
    if (keys === undefined) return {}
    const fields: Record<string, Json> = { '.': {} }
    for (const item of value) {
      if (item === null || typeof item !== 'object' || Array.isArray(item)) continue
      const members = item as JsonObject
      const key = Object.fromEntries(keys.flatMap((part) => (part in members ? [[part, members[part]]] : [])))
      fields[`k:${JSON.stringify(key)}`] = name === 'ownerReferences' ? {} : { '.': {}, ...fieldsOf(members, '') }
    }
    return fields
  }
  if (value === null || typeof value !== 'object') return {}
  const fields: Record<string, Json> = OWNED_MAPS.has(name) && Object.keys(value).length > 0 ? { '.': {} } : {}
  if (name === 'selector') return {}
  for (const [key, member] of Object.entries(value as JsonObject)) fields[`f:${key}`] = fieldsOf(member, key)
  return fields
}

/**
 * One entry of `managedFields`.
 * @param fields the part of the object the manager set, such as `{ metadata: { labels }, spec }`
 */
export function managedFields(manager: string, apiVersion: string, time_us: number, fields: JsonObject): JsonObject {
  return {
    manager,
    operation: 'Update',
    apiVersion,
    time: rfc3339Seconds(time_us),
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsOf(fields, '')
  }
}
