import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auditEvent } from '../../services/cli/rule-tests/test-events.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { enrich } from '../../services/core/enrich/join.ts'
import { decodeRecords } from '../../services/core/events/format.ts'
import type { JsonObject } from '../../services/core/json.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES } from './rule-tests.ts'

/** All rules on events that lack what rules read, or hold more of it than anybody needs. */

const undecided: string[] = []
const { rules } = loadRuleSet(await readRuleFolder(RULES), {
  observer: { notEvaluable: ({ document }) => undecided.push(document.name ?? document.id) }
})

/** Names of the rules that match, and of those that could not be judged. */
function judge(raw: JsonObject): { readonly matched: readonly string[]; readonly undecided: readonly string[] } {
  undecided.length = 0
  const matched = rules.match(auditEvent(raw)).map(({ rule }) => rule.code ?? rule.id)
  return { matched, undecided: [...undecided] }
}

const pod = (spec: JsonObject, more: JsonObject = {}): JsonObject => ({
  verb: 'create',
  objectRef: { resource: 'pods', namespace: 'shop', name: 'web' },
  requestObject: { kind: 'Pod', spec },
  ...more
})
const PRIVILEGED = { image: 'x', securityContext: { privileged: true } }

describe('all rules together', () => {
  it.each<[string, JsonObject]>([
    ['without a level', pod({ containers: [PRIVILEGED] }, { level: null })],
    ['at an unknown level', pod({ containers: [PRIVILEGED] }, { level: 'Everything' })],
    ['without a user', pod({ containers: [PRIVILEGED] }, { user: {} })],
    ['without a user agent and addresses', pod({ containers: [PRIVILEGED] }, { userAgent: null, sourceIPs: [] })],
    [
      'among five thousand containers, as the last',
      pod({ containers: [...Array(5_000).fill({ image: 'y' }), PRIVILEGED] })
    ],
    ['in a body of a megabyte', pod({ containers: [PRIVILEGED], nodeSelector: { a: 'x'.repeat(1_000_000) } })],
    [
      'with the answer of GKE (a gRPC code, translated)',
      pod({ containers: [PRIVILEGED] }, { responseStatus: { code: 201 } })
    ]
  ])('see a privileged pod %s', (_, raw) => {
    expect(judge(raw).matched).toContain('A60')
  })

  it.each<[string, JsonObject]>([
    ['the body', pod({}, { level: 'Metadata', requestObject: null })],
    ['a body that is not JSON', pod({}, { requestObject: '{"kind":"Pod","spec":{"contai', responseObject: null })]
  ])('say that they could not be judged where the event lacks %s', (_, raw) => {
    const { matched, undecided: open } = judge(raw)
    expect(matched).not.toContain('A60')
    expect(open).toContain('privileged_workload')
  })

  it.each<[string, JsonObject]>([
    ['no objectRef', { verb: 'create', objectRef: null, requestURI: '/api/v1/namespaces/shop/pods' }],
    ['an unknown verb', pod({ containers: [] }, { verb: 'transmogrify' })],
    [
      'an unknown resource',
      { verb: 'create', objectRef: { resource: 'flumphs', apiGroup: 'example.org' }, requestObject: { spec: 1 } }
    ],
    ['a body that is a list', pod({}, { requestObject: [1, [2], null] })],
    ['a body that is a number', pod({}, { requestObject: 7 })],
    ['lists where objects belong', pod({ containers: { a: 1 }, volumes: 'none', initContainers: [null, 3, 'x'] })],
    ['keys of every object’s own', pod({ containers: [{ ['__proto__']: { privileged: true }, constructor: 1 }] })],
    ['an address that is none', pod({}, { sourceIPs: ['nonsense', '999.1.1.1', ''] })],
    [
      'a request URI that does not decode',
      { verb: 'get', requestURI: '/%E0%A4%A?command=%ZZ', objectRef: { resource: 'pods', subresource: 'exec' } }
    ]
  ])('take %s without failing', (_, raw) => {
    expect(() => judge(raw)).not.toThrow()
  })

  it('take any JSON as bodies of any request without failing', () => {
    const resource = fc.constantFrom(
      'pods',
      'deployments',
      'rolebindings',
      'clusterroles',
      'services',
      'configmaps',
      'nodes'
    )
    const verb = fc.constantFrom('create', 'update', 'patch', 'delete', 'deletecollection', 'get')
    fc.assert(
      fc.property(resource, verb, fc.jsonValue(), fc.jsonValue(), (kind, how, requestObject, responseObject) => {
        const raw = {
          kind: 'Event',
          apiVersion: 'audit.k8s.io/v1',
          auditID: 'a',
          stage: 'ResponseComplete',
          level: 'RequestResponse',
          verb: how,
          objectRef: { resource: kind, namespace: 'shop', name: 'x' },
          stageTimestamp: '2026-11-24T12:00:00.000000Z',
          requestObject,
          responseObject
        }
        const { events } = decodeRecords(raw, { cluster: { id: 'c', name: 'c' }, instance: 'i', received: 0 })
        for (const event of events) rules.match(enrich(event, () => null))
        expect(events).toHaveLength(1)
      }),
      { numRuns: 300 }
    )
  })
})
