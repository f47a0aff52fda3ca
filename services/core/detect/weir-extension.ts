import type { Severity } from '../../../schemas/generated/types.ts'
import { SEVERITIES } from '../severity.ts'
import type { Offset, Problems } from './errors.ts'
import { nearest } from './suggest.ts'
import { entryOf, mapOf, type SourceEntry, textOf, textsOf } from './yaml-source.ts'

export function isLevel(text: string): text is Severity {
  return (SEVERITIES as readonly string[]).includes(text)
}

/** Text of a rule with the place it stands at, for later checks. */
export interface Placed {
  readonly text: string
  readonly at: Offset
}

/** Something to look at, with a search for it where there is one. */
export interface InvestigationStep {
  readonly step: string
  /** In the query language of Dashboards and OpenSearch's query_string (Lucene), `{field}` standing for the signal's values. */
  readonly query: Placed | null
}

/** What rules say under `x-weir`: everything that Weir adds to Sigma. */
export interface WeirExtension {
  /** Code in the catalogue, such as A30. */
  readonly code: string | null
  /** Title of signals, with `{field}` for values. */
  readonly title: Placed | null
  /** Fields whose values tell whether two signals say the same thing. */
  readonly dedup: readonly Placed[]
  /** ATT&CK technique ids of version 19 where they differ from the tags. */
  readonly techniques_v19: readonly string[]
  /** Ids of Microsoft's Threat Matrix for Kubernetes, such as MS-TA9018. */
  readonly microsoft: readonly string[]
  /** Steps for an analyst, in order. */
  readonly investigation: readonly InvestigationStep[]
  /** Names of rules that may match the same event, by design: the test of the whole corpus allows no others. */
  readonly alongside: readonly string[]
  /** Names of shared filters that this rule takes, beside those that name the rule. */
  readonly filters: readonly Placed[]
  /** What the rule is known not to see. */
  readonly known_gaps: readonly string[]
  readonly playbook: string | null
  /** Severity of signals where it is not the rule's level. */
  readonly severity: Severity | null
  /** Filters: who answers for the exception. */
  readonly owner: string | null
  /** Filters: first moment at which the exception no longer holds, microseconds since the epoch. */
  readonly expires: number | null
}

export const NO_EXTENSION: WeirExtension = {
  code: null,
  title: null,
  dedup: [],
  techniques_v19: [],
  microsoft: [],
  alongside: [],
  filters: [],
  investigation: [],
  known_gaps: [],
  playbook: null,
  severity: null,
  owner: null,
  expires: null
}

const KEYS = Object.keys(NO_EXTENSION)

function placed(entry: SourceEntry, problems: Problems): Placed | null {
  const text = textOf(entry, problems)
  const at = entry.value.kind === 'scalar' ? (entry.value.textAt ?? entry.value.at) : entry.value.at
  return text === null ? null : { text, at }
}

function placedList(entry: SourceEntry, problems: Problems): readonly Placed[] {
  const texts = textsOf(entry, problems) ?? []
  const items = entry.value.kind === 'list' ? entry.value.items : [entry.value]
  return texts.map((text, index) => ({ text, at: items[index]?.at ?? entry.keyAt }))
}

/** A list of steps: each is text, or a map of step and query. */
function parseSteps(entry: SourceEntry, problems: Problems): readonly InvestigationStep[] {
  const items = entry.value.kind === 'list' ? entry.value.items : [entry.value]
  return items.flatMap((item): readonly InvestigationStep[] => {
    if (item.kind === 'scalar' && typeof item.value === 'string') return [{ step: item.value, query: null }]
    const step = item.kind === 'map' ? entryOf(item, 'step') : undefined
    const query = item.kind === 'map' ? entryOf(item, 'query') : undefined
    const other = item.kind === 'map' ? item.entries.find(({ key }) => key !== 'step' && key !== 'query') : undefined
    if (step === undefined || other !== undefined) {
      problems.report(
        other?.keyAt ?? item.at,
        'RULE_VALUE',
        'a step of investigation is text, or a map of step and query'
      )
      return []
    }
    const text = textOf(step, problems)
    return text === null ? [] : [{ step: text, query: query === undefined ? null : placed(query, problems) }]
  })
}

function parseExpiry(entry: SourceEntry, problems: Problems): number | null {
  const text = textOf(entry, problems)
  if (text === null) return null
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  if (Number.isNaN(ms))
    return problems.report(entry.value.at, 'RULE_VALUE', 'expires has to be a date such as 2027-01-31')
  return ms * 1000
}

/** Reads `x-weir`; what is wrong in it is reported and left empty. */
export function parseExtension(entry: SourceEntry, problems: Problems): WeirExtension {
  const map = mapOf(entry, problems)
  if (map === null) return NO_EXTENSION
  let extension = NO_EXTENSION
  for (const item of map.entries) {
    switch (item.key) {
      case 'code':
      case 'playbook':
      case 'owner':
        extension = { ...extension, [item.key]: textOf(item, problems, 64) }
        break
      case 'title':
        extension = { ...extension, title: placed(item, problems) }
        break
      case 'dedup':
      case 'filters':
        extension = { ...extension, [item.key]: placedList(item, problems) }
        break
      case 'investigation':
        extension = { ...extension, investigation: parseSteps(item, problems) }
        break
      case 'techniques_v19':
      case 'microsoft':
      case 'alongside':
      case 'known_gaps':
        extension = { ...extension, [item.key]: textsOf(item, problems) ?? [] }
        break
      case 'severity': {
        const text = textOf(item, problems)
        if (text !== null && isLevel(text)) extension = { ...extension, severity: text }
        else if (text !== null)
          problems.report(item.value.at, 'RULE_VALUE', `${text} is not a level`, nearest(text, SEVERITIES))
        break
      }
      case 'expires':
        extension = { ...extension, expires: parseExpiry(item, problems) }
        break
      default:
        problems.report(item.keyAt, 'RULE_KEY_UNKNOWN', `x-weir has no key ${item.key}`, nearest(item.key, KEYS))
    }
  }
  return extension
}
