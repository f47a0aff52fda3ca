import type { EnrichedEvent } from '../../../schemas/generated/types.ts'
import { kindOf } from '../../rules/oracle-event.ts'
import type { Json } from '../../rules/sigma-oracle.ts'
import { generatedEvents } from '../../support/rules/generated-events.ts'
import { generatedRules } from '../../support/rules/generated-rules.ts'

/** Kinds of events, by which rules are sharded for every engine. */
export type Kind = 'process' | 'file' | 'network' | 'audit'

/** One way of testing a field; texts are compared without case, regular expressions search. */
export type FieldTest =
  | { readonly kind: 'exact' | 'startswith' | 'endswith' | 'contains'; readonly text: string }
  | { readonly kind: 'regex'; readonly pattern: string; readonly ignore_case: boolean }
  | { readonly kind: 'equal' | 'at_least'; readonly number: number }
  /** An IPv4 network that ends at a dot: the texts that begin with `prefix`. */
  | { readonly kind: 'network'; readonly range: string; readonly prefix: string }

/** The kind of all events and rules that are not sharded. */
const ANY = 'any'

export interface Item {
  readonly field: string
  /** Whether one or all of the tests have to hold. */
  readonly linking: 'any' | 'all'
  readonly tests: readonly FieldTest[]
}

/** All items of `selection` and, where there is a filter, not all items of `filter`. */
export interface Rule {
  readonly id: string
  readonly kind: Kind | typeof ANY
  readonly selection: readonly Item[]
  readonly filter: readonly Item[] | null
  /** The rule as it is in Sigma. */
  readonly sigma: string
}

export interface Workload {
  readonly rules: readonly Rule[]
  /** The fields of events of a kind: those that rules of the kind look at. */
  readonly fields: Readonly<Record<string, Readonly<Record<string, 'text' | 'number'>>>>
  /** One JSON object a line: `kind` and the fields of the kind, none missing, none nested. */
  readonly lines: readonly string[]
}

type Value = string | number | null | undefined

const KINDS: Readonly<Record<string, Kind>> = {
  'process exec': 'process',
  'file read': 'file',
  'network connect': 'network',
  audit: 'audit'
}

/** Where the fields of rules stand in an event. */
const FIELDS: Readonly<Record<string, (event: EnrichedEvent) => Value>> = {
  'process.executable': ({ runtime }) => runtime?.process?.executable,
  'process.command_line': ({ runtime }) => runtime?.process?.command_line,
  'process.working_directory': ({ runtime }) => runtime?.process?.working_directory,
  'file.path': ({ runtime }) => runtime?.file?.path,
  'network.destination_ip': ({ runtime }) => runtime?.network?.destination_ip,
  'network.destination_port': ({ runtime }) => runtime?.network?.destination_port,
  verb: ({ audit }) => audit?.verb,
  'objectRef.resource': ({ audit }) => audit?.objectRef?.resource,
  'objectRef.namespace': ({ audit }) => audit?.objectRef?.namespace,
  'user.username': ({ audit }) => audit?.user?.username,
  userAgent: ({ audit }) => audit?.userAgent,
  'responseStatus.code': ({ audit }) => audit?.responseStatus?.code,
  // Generated pods have one container.
  'requestObject.spec.containers.image': ({ audit }) => /"image":"([^"]*)"/.exec(audit?.requestObject ?? '')?.[1]
}

/** Names without dots: to no engine is a field a path. */
const flatName = (field: string): string => field.replaceAll('.', '_')

function testOf(modifiers: readonly string[], value: Json): FieldTest {
  const [modifier, ...more] = modifiers
  if (typeof value === 'number') return { kind: modifier === 'gte' ? 'at_least' : 'equal', number: value }
  if (typeof value !== 'string') throw new TypeError(`no engine is asked for ${JSON.stringify(value)}`)
  switch (modifier) {
    case undefined:
      return { kind: 'exact', text: value }
    case 'startswith':
    case 'endswith':
    case 'contains':
      return { kind: modifier, text: value }
    case 're':
      return { kind: 'regex', pattern: value, ignore_case: more.includes('i') }
    case 'cidr': {
      const [address = '', bits] = value.split('/')
      return {
        kind: 'network',
        range: value,
        prefix: `${address
          .split('.')
          .slice(0, Number(bits) / 8)
          .join('.')}.`
      }
    }
    default:
      throw new TypeError(`no engine is asked for the modifier ${modifier}`)
  }
}

function itemOf(key: string, value: Json): Item {
  const [field = '', ...modifiers] = key.split('|')
  const values: readonly Json[] = Array.isArray(value) ? value : [value]
  return {
    field: flatName(field),
    linking: modifiers.includes('all') ? 'all' : 'any',
    tests: values.map((one) => testOf(modifiers, one))
  }
}

function sigmaText(id: string, identifiers: Readonly<Record<string, Json>>): string {
  const flat = Object.entries(identifiers).map(([name, items]) => [
    name,
    Object.fromEntries(Object.entries(items ?? {}).map(([key, value]) => [key.replace(/^[^|]+/, flatName), value]))
  ])
  const condition = 'filter' in identifiers ? 'selection and not filter' : 'selection'
  // JSON is YAML.
  return JSON.stringify({
    title: `rule ${id}`,
    logsource: { category: 'bench' },
    detection: { ...Object.fromEntries(flat), condition }
  })
}

const itemsOf = (identifier: Json | undefined): readonly Item[] =>
  Object.entries(identifier ?? {}).map(([key, value]: [string, Json]) => itemOf(key, value))

/** One event in eight is in upper case: an engine that compares with case finds less. */
const UPPER_CASE_EVERY = 8

/**
 * The generated rules and events of the suite `rules`, as what every engine can take: flat events with the fields that rules of
 * their kind look at, and rules as a tree to translate. The same for the same numbers.
 */
export function engineWorkload(ruleCount: number, eventCount: number): Workload {
  const fields: Record<Kind, Record<string, 'text' | 'number'>> = { process: {}, file: {}, network: {}, audit: {} }
  const reading = new Map<Kind, Set<string>>()
  const rules = generatedRules(ruleCount).map(({ events, identifiers }, index): Rule => {
    const kind = KINDS[events]
    if (kind === undefined) throw new RangeError(`there are no events of the kind ${events}`)
    const id = String(index + 1)
    const read = reading.get(kind) ?? new Set()
    reading.set(kind, read)
    for (const items of Object.values(identifiers))
      for (const key of Object.keys(items ?? {})) read.add(key.split('|')[0] ?? '')
    return {
      id,
      kind,
      selection: itemsOf(identifiers['selection']),
      filter: 'filter' in identifiers ? itemsOf(identifiers['filter']) : null,
      sigma: sigmaText(id, identifiers)
    }
  })
  const lines = generatedEvents(eventCount).map((event, index) => {
    const kind = KINDS[kindOf(event)]
    if (kind === undefined) throw new RangeError(`there are no rules for ${kindOf(event)}`)
    const flat: Record<string, string | number> = { kind }
    for (const field of reading.get(kind) ?? []) {
      const value = FIELDS[field]?.(event)
      if (value === undefined || value === null) throw new RangeError(`an event of kind ${kind} has no ${field}`)
      const name = flatName(field)
      fields[kind][name] = typeof value === 'number' ? 'number' : 'text'
      flat[name] =
        typeof value === 'string' && index % UPPER_CASE_EVERY === UPPER_CASE_EVERY - 1 ? value.toUpperCase() : value
    }
    return JSON.stringify(flat)
  })
  return { rules, fields, lines }
}

/** Rules in one list, each with the kind of its events as its first item: for engines that take rules as they are. */
export function inOneList({ rules, lines }: Workload): Workload {
  return {
    rules: rules.map((rule) => {
      const sigma = JSON.parse(rule.sigma) as { readonly detection: { readonly selection: object } }
      const selection = { class: rule.kind, ...sigma.detection.selection }
      return {
        ...rule,
        kind: ANY,
        selection: [{ field: 'class', linking: 'any', tests: [{ kind: 'exact', text: rule.kind }] }, ...rule.selection],
        sigma: JSON.stringify({ ...sigma, detection: { ...sigma.detection, selection } })
      }
    }),
    fields: {},
    lines: lines.map((line) => {
      const event = JSON.parse(line) as { readonly kind: string }
      return JSON.stringify({ ...event, kind: ANY, class: event.kind })
    })
  }
}
