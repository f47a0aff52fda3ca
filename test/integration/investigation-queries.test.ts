import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { eventOf } from '../../services/cli/rule-tests/test-file.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { arrayAt, at, isObject } from '../../services/core/json.ts'
import { eventWrite } from '../../services/indexer/documents.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { createOpenSearchClient } from '../../services/platform/opensearch/client.ts'
import { indexPattern } from '../../services/platform/opensearch/index-names.ts'
import { openSearchOptions } from '../../services/platform/opensearch/options.ts'
import { demand, request } from '../../services/platform/opensearch/request.ts'
import { createOpenSearch } from '../../services/platform/opensearch/search.ts'
import { setupOpenSearch } from '../../services/platform/opensearch/setup.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES, ruleFiles, ruleTests } from '../rules/rule-tests.ts'

/** The searches of investigation steps, filled in from rule tests, on a real OpenSearch that holds the events of those tests. */

const PREFIX = `queries-${randomBytes(4).toString('hex')}`
const options = openSearchOptions.parse({ nodes: [inject('endpoints').opensearch], index_prefix: PREFIX })
const client = createOpenSearchClient(options)
const search = createOpenSearch(client, options, silentLogger)
const { rules, loaded } = loadRuleSet(await readRuleFolder(RULES))

interface Filled {
  readonly rule: string
  readonly query: string
}

/** Events of the cases that match, each with an id of its own, and the searches of the signals they give. */
function eventsAndSearches() {
  const single = new Map(loaded.map(({ document }) => [document.file, document.id]))
  const given = ruleFiles().flatMap((path) =>
    single.has(`${RULES}/${path}`)
      ? ruleTests(path).cases.flatMap((one) => ('event' in one && one.expect === 'match' ? [eventOf(one)] : []))
      : []
  )
  const events = given.map((event, index) => ({ ...event, id: `event-${index}` }))
  const filled = events.flatMap((event) =>
    rules
      .match(event)
      .flatMap(({ rule, investigation }): readonly Filled[] =>
        investigation.flatMap(({ query }) => (query === null ? [] : [{ rule: rule.title, query }]))
      )
  )
  return { events, searches: [...new Map(filled.map((one) => [one.query, one])).values()] }
}

const { events, searches } = eventsAndSearches()

beforeAll(async () => {
  await setupOpenSearch(client, { prefix: PREFIX })
  const now_ms = Math.max(...events.map(({ time }) => time / 1_000))
  const writes = events.map((event) => eventWrite(event, { prefix: PREFIX, now_ms }))
  const context = { signal: new AbortController().signal, heartbeat: async () => {} }
  const { refused } = await search.write(writes, context)
  expect(refused).toEqual([])
  await demand(client, { method: 'POST', path: `/${PREFIX}-*/_refresh` })
})

afterAll(async () => {
  const indices = await request(client, { method: 'GET', path: `/${PREFIX}-*/_settings` })
  for (const name of Object.keys(isObject(indices.body) ? indices.body : {}))
    await client.indices.delete({ index: name })
  for (const kind of ['events', 'signals', 'incidents', 'actions', 'containers']) {
    await client.indices.deleteIndexTemplate({ name: `${PREFIX}-${kind}` }, { ignore: [404] })
  }
  await client.cluster.deleteComponentTemplate({ name: `${PREFIX}-common` }, { ignore: [404] })
  await client.close()
})

describe('searches of investigation steps', () => {
  it('are understood, each, and most find events of the tests they were filled in from', async () => {
    expect(events.length).toBeGreaterThan(500)
    expect(searches.length).toBeGreaterThan(200)
    const index = indexPattern(PREFIX, 'events')
    const failed: unknown[] = []
    const found = new Set<string>()
    for (let from = 0; from < searches.length; from += 100) {
      const some = searches.slice(from, from + 100)
      const body = some.flatMap(({ query }) => [
        { index },
        { size: 0, query: { query_string: { query } }, track_total_hits: true }
      ])
      const answer = await client.msearch({ body })
      arrayAt(answer.body, 'responses').forEach((response, position) => {
        const one = some[position]
        const hits = at(response, ['hits', 'total', 'value'])
        if (typeof hits !== 'number' || at(response, ['_shards', 'failed']) !== 0) failed.push({ ...one, response })
        else if (hits > 0 && one !== undefined) found.add(one.query)
      })
    }
    expect(failed).toEqual([])
    // Some ask for what other events would have to be there for, such as who read a secret before.
    expect(found.size / searches.length).toBeGreaterThan(0.6)
  })
})
