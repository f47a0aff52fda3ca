import type { Client } from '@opensearch-project/opensearch'
import { WeirError } from '../../core/errors.ts'
import { arrayAt, at, isObject, property } from '../../core/json.ts'
import { OPENSEARCH_ERRORS } from './errors.ts'
import { indexPattern, PLAIN_KINDS, plainIndex } from './index-names.ts'
import { demand, reasonOf, request } from './request.ts'
import { covers, loadTemplates, type Named, type Templates } from './templates.ts'

const POLICY_PATH = '/_plugins/_ism/policies'

/**
 * Brings templates, policies and indices to what this version of Weir needs. Idempotent; may run while services write.
 * @returns a line per change made, none when all was in place; lines that start with `note:` say what could not be done
 * @throws OPENSEARCH_UNAVAILABLE, OPENSEARCH_FORBIDDEN, OPENSEARCH_MAPPING_CONFLICT
 */
export async function setupOpenSearch(client: Client, { prefix }: { readonly prefix: string }): Promise<string[]> {
  const templates = loadTemplates(prefix)
  return [
    ...(await putTemplate(client, '_component_template', 'component_template', templates.component)),
    ...(await each(templates.index, (template) => putTemplate(client, '_index_template', 'index_template', template))),
    ...(await putPolicies(client, templates.policies)),
    ...(await each(PLAIN_KINDS, (kind) => createIndex(client, plainIndex(prefix, kind)))),
    ...(await each(templates.index, ({ kind }) =>
      updateMappings(client, indexPattern(prefix, kind), templates.mappings[kind])
    ))
  ]
}

async function each<Item>(items: readonly Item[], work: (item: Item) => Promise<string[]>): Promise<string[]> {
  const lines: string[] = []
  for (const item of items) lines.push(...(await work(item)))
  return lines
}

async function putTemplate(client: Client, endpoint: string, key: string, { name, content }: Named): Promise<string[]> {
  const path = `/${endpoint}/${name}`
  const { status, body } = await request(client, { method: 'GET', path })
  const existing = status === 200 ? property(arrayAt(body, `${key}s`)[0], key) : undefined
  if (existing !== undefined && covers(existing, content) && covers(content, existing)) return []
  await demand(client, { method: 'PUT', path, body: content })
  return [`${existing === undefined ? 'created' : 'updated'} ${key.replace('_', ' ')} ${name}`]
}

async function putPolicies(client: Client, policies: readonly Named[]): Promise<string[]> {
  const lines: string[] = []
  for (const { name, content } of policies) {
    const path = `${POLICY_PATH}/${name}`
    const { status, body } = await request(client, { method: 'GET', path })
    // Without the plugin there is no such path, which OpenSearch answers with 400; with it, a missing policy is 404.
    if (status === 400 || status === 405) {
      return ['note: the index state management plugin is not there: old indices are not deleted, delete them by hand']
    }
    if (status !== 200 && status !== 404) {
      throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_UNAVAILABLE', `GET ${path}: ${status} ${reasonOf(body)}`)
    }
    if (status === 200 && covers(body, content)) continue
    const query =
      status === 404
        ? {}
        : { if_seq_no: String(property(body, '_seq_no')), if_primary_term: String(property(body, '_primary_term')) }
    await demand(client, { method: 'PUT', path, query, body: content })
    lines.push(`${status === 404 ? 'created' : 'updated'} state management policy ${name}`)
  }
  return lines
}

async function createIndex(client: Client, name: string): Promise<string[]> {
  const { status } = await request(client, { method: 'HEAD', path: `/${name}` })
  if (status === 200) return []
  const { status: created, body } = await request(client, { method: 'PUT', path: `/${name}`, body: {} })
  // Another setup may have been quicker.
  if (at(body, ['error', 'type']) === 'resource_already_exists_exception') return []
  if (created >= 200 && created < 300) return [`created index ${name}`]
  throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_UNAVAILABLE', `create index ${name}: ${created} ${reasonOf(body)}`)
}

/** Templates only count for new indices: those that exist get new fields added. */
async function updateMappings(
  client: Client,
  pattern: string,
  mapping: Templates['mappings']['events']
): Promise<string[]> {
  const lines: string[] = []
  const body = await demand(client, {
    method: 'GET',
    path: `/${encodeURIComponent(pattern)}/_mapping`,
    query: { ignore_unavailable: 'true', allow_no_indices: 'true' }
  })
  for (const [index, entry] of Object.entries(isObject(body) ? body : {})) {
    if (covers(property(entry, 'mappings'), mapping)) continue
    const answer = await request(client, {
      method: 'PUT',
      path: `/${encodeURIComponent(index)}/_mapping`,
      body: mapping
    })
    if (answer.status === 400) {
      const message = `index ${index} cannot take the mapping of this version (${reasonOf(answer.body)}): reindex it into a new one, or delete it`
      throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_MAPPING_CONFLICT', message)
    }
    if (answer.status !== 200) {
      const message = `update mapping of ${index}: ${answer.status} ${reasonOf(answer.body)}`
      throw new WeirError(OPENSEARCH_ERRORS, 'OPENSEARCH_UNAVAILABLE', message)
    }
    lines.push(`added fields to index ${index}`)
  }
  return lines
}
