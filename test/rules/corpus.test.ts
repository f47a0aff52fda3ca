import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { KNOWN_PATHS, resolvePath } from '../../services/core/detect/field-paths.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { itemsOf } from '../../services/core/detect/rule-tree.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES, ruleFiles, ruleTests } from './rule-tests.ts'

const {
  loaded: all,
  filters,
  correlations: counted,
  windows,
  profiles,
  errors,
  deferred
} = loadRuleSet(await readRuleFolder(RULES))
// Rules and correlations that only count towards a correlation stand in its file.
const alerting = new Set(windows.filter(({ role }) => role === 'alert').map(({ id }) => id))
const correlations = [...counted.filter(({ id }) => alerting.has(id)), ...profiles.map(({ document }) => document)]
const loaded = all.filter(({ role }) => role === 'alert')
const documents = [...loaded.map(({ document }) => document), ...filters, ...correlations]

/** The enterprise tactics of ATT&CK v18, the two that v19 makes of defense-evasion not among them. */
const TACTICS: ReadonlySet<string> = new Set([
  'reconnaissance',
  'resource-development',
  'initial-access',
  'execution',
  'persistence',
  'privilege-escalation',
  'defense-evasion',
  'credential-access',
  'discovery',
  'lateral-movement',
  'collection',
  'command-and-control',
  'exfiltration',
  'impact'
])

interface Mapping {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Mapping>>
}

interface MappedField {
  readonly field: string
  readonly type: string | undefined
}

/** Fields of an index template and of the component templates it is made of. */
function mappedFields(index: string): readonly MappedField[] {
  const folder = join(import.meta.dirname, '../../infra/opensearch')
  const read = (path: string) =>
    JSON.parse(readFileSync(join(folder, path), 'utf8')) as {
      readonly template: { readonly mappings?: Mapping }
      readonly composed_of?: readonly string[]
    }
  const fields = (mapping: Mapping | undefined, prefix: string): readonly MappedField[] =>
    Object.entries(mapping?.properties ?? {}).flatMap(([name, inner]) => [
      { field: `${prefix}${name}`, type: inner.type },
      ...fields(inner, `${prefix}${name}.`)
    ])
  const template = read(`index-templates/${index}.json`)
  const parts = readdirSync(join(folder, 'component-templates')).map((file) => read(`component-templates/${file}`))
  return [template, ...parts].flatMap(({ template: { mappings } }) => fields(mappings, ''))
}

/** Breaches of a convention, by rule, so that a failure names every rule that has to change. */
function breaches<Item>(
  items: readonly Item[],
  name: (item: Item) => string,
  isFine: (item: Item) => boolean
): readonly string[] {
  return items.filter((item) => !isFine(item)).map(name)
}
const ofRules = (isFine: (rule: (typeof loaded)[number]) => boolean) =>
  breaches(loaded, ({ document }) => document.file, isFine)

function duplicates(values: readonly string[]): readonly string[] {
  return values.filter((value, index) => values.indexOf(value) !== index)
}

describe('the rules as a body', () => {
  it('load without errors, and none is left aside', () => {
    expect(errors).toEqual([])
    expect(deferred).toEqual([])
    expect(documents.length).toBe(ruleFiles().length)
  })

  it('have ids that are UUIDs, and ids, names and titles of their own', () => {
    const isUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    expect(
      breaches(
        documents,
        ({ file }) => file,
        ({ id }) => isUuid.test(id)
      )
    ).toEqual([])
    expect(duplicates(documents.map(({ id }) => id))).toEqual([])
    expect(duplicates(documents.map(({ title }) => title))).toEqual([])
  })

  it('lie in files called like them, in snake case, one document each', () => {
    expect(
      breaches(
        documents,
        ({ file }) => file,
        ({ file, name }) => basename(file, '.yml') === name && /^[a-z0-9_]{8,60}\.yml$/.test(basename(file))
      )
    ).toEqual([])
  })

  it('have codes of the half of the catalogue that their folder stands for', () => {
    const prefix: Readonly<Record<string, string>> = { audit: 'A', runtime: 'R', cloud: '[AK]' }
    expect(
      ofRules(({ document }) =>
        new RegExp(`^${prefix[basename(dirname(document.file))]}[0-9]{2,3}$`).test(document.weir.code ?? '')
      )
    ).toEqual([])
    expect(
      ofRules(({ document, events }) => events.every(({ source }) => source === basename(dirname(document.file))))
    ).toEqual([])
  })

  it('name tactics that exist and techniques that look like some, at least one of each', () => {
    expect(ofRules(({ tactics }) => tactics.length > 0 && tactics.every((tactic) => TACTICS.has(tactic)))).toEqual([])
    expect(ofRules(({ techniques }) => techniques.length > 0)).toEqual([])
    expect(
      ofRules(({ document }) => document.tags.every((tag) => /^attack\.(t\d{4}(\.\d{3})?|[a-z-]+)$/.test(tag)))
    ).toEqual([])
    expect(
      ofRules(({ document }) => document.weir.techniques_v19.every((id) => /^T\d{4}(\.\d{3})?$/.test(id)))
    ).toEqual([])
  })

  it('tell analysts what to do: description, false positives, steps, gaps, a title with values, a key for repeats', () => {
    expect(
      ofRules(({ document }) => {
        const { weir } = document
        return (
          document.description.length > 40 &&
          document.falsepositives.length > 0 &&
          weir.investigation.length > 0 &&
          weir.known_gaps.length > 0 &&
          /\{.+\}/.test(weir.title?.text ?? '') &&
          weir.dedup.length > 0
        )
      })
    ).toEqual([])
  })

  it('search by fields that the indices have', () => {
    const mapped = [...mappedFields('events'), ...mappedFields('signals')]
    const known = new Set(mapped.map(({ field }) => field))
    // Everything inside a body is one field of the index, whatever its path.
    const bodies = mapped.filter(({ type }) => type === 'flat_object').map(({ field }) => `${field}.`)
    const isKnown = (field: string) => known.has(field) || bodies.some((body) => field.startsWith(body))
    const wrong = loaded.flatMap(({ document }) =>
      document.weir.investigation.flatMap(({ query }) => {
        const outside = (query?.text ?? '').replace(/"[^"]*"/g, '""')
        const fields = [...outside.matchAll(/([A-Za-z_@][\w.@]*):/g)].map(([, field]) => field ?? '')
        return fields.filter((field) => !isKnown(field)).map((field) => `${document.name} ${field}`)
      })
    )
    expect(wrong).toEqual([])
  })

  it('have filters that somebody answers for', () => {
    expect(
      breaches(
        filters,
        ({ file }) => file,
        ({ weir }) => weir.owner !== null
      )
    ).toEqual([])
    expect(
      breaches(
        filters,
        ({ file }) => file,
        ({ file }) => basename(dirname(file)) === 'filters'
      )
    ).toEqual([])
  })

  it('use fields by their name in the event model or in the taxonomy', () => {
    const isKnown = (field: string) =>
      KNOWN_PATHS.has(field) ||
      resolvePath(field) !== null ||
      /^[A-Z][A-Za-z]+$/.test(field) ||
      field.startsWith('process.parent.')
    expect(
      ofRules(({ detection }) => itemsOf(detection.node).every(({ field }) => field === null || isKnown(field)))
    ).toEqual([])
  })

  it('have correlations that say what they are, with their parts beside them and tests of sequences', () => {
    expect(
      breaches(
        correlations,
        ({ file }) => file,
        ({ file, weir, description, falsepositives, tags }) =>
          /^(?:correlated|profiles)$/.test(basename(dirname(file))) &&
          /^[ACKR][0-9]{2,3}$/.test(weir.code ?? '') &&
          description.length > 40 &&
          falsepositives.length > 0 &&
          weir.investigation.length > 0 &&
          weir.known_gaps.length > 0 &&
          /\{.+\}/.test(weir.title?.text ?? '') &&
          tags.length > 1
      )
    ).toEqual([])
    for (const { file } of correlations) {
      const { sequences } = ruleTests(join(basename(dirname(file)), basename(file)))
      const count = (expected: string) => sequences.filter((given) => given.expect === expected).length
      expect([file, count('match') >= 1, count('no_match') >= 2]).toEqual([file, true, true])
    }
  })

  it('have tests: a match and two near misses at least, each under its own name', () => {
    for (const { document } of loaded) {
      const folder = basename(dirname(document.file))
      const { cases } = ruleTests(join(folder, basename(document.file)))
      const count = (expected: string) => cases.filter((given) => given.expect === expected).length
      expect([document.file, count('match') >= 1, count('no_match') >= 2]).toEqual([document.file, true, true])
      expect(duplicates(cases.map(({ name }) => name))).toEqual([])
    }
  })

  it('have no tests without a rule', () => {
    const tests = readdirSync(RULES, { recursive: true, encoding: 'utf8' }).filter(
      (path) => path.endsWith('.test.yml') && !path.startsWith('playbooks')
    )
    const known = new Set(ruleFiles().map((path) => path.replace(/\.yml$/, '.test.yml')))
    expect(tests.filter((path) => !known.has(path))).toEqual([])
  })
})
