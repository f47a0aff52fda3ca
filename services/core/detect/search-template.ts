import type { Problems } from './errors.ts'
import type { EventValue, EventView } from './event-view.ts'
import { textOfValue } from './event-view.ts'
import type { FieldScope } from './field-map.ts'
import type { FieldTable } from './field-reader.ts'
import { plainLine } from './plain-text.ts'
import type { Placed } from './weir-extension.ts'

/** Writes the search of an investigation step for one event. */
export type SearchTemplate = (view: EventView) => string

const MAX_VALUE_CHARACTERS = 256

/** A phrase in Lucene's query syntax; only quotes and backslashes mean anything in it. */
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

function firstText(values: readonly EventValue[]): string | null {
  for (const value of values) {
    const text = typeof value === 'object' ? null : textOfValue(value)
    if (text !== null && text !== '') return text
  }
  return null
}

/**
 * Compiles a search: Lucene's query syntax with `"{field}"` for a value of the event, `"{field|other}"` for the first that has one.
 * Values come from attackers, so they stand in quotes only, escaped; where there is none the search asks for any (`*`).
 * @returns null when a placeholder is not in quotes, not closed or names no field, which is reported
 */
export function compileSearch(
  { text, at }: Placed,
  scope: FieldScope,
  table: FieldTable,
  problems: Problems
): SearchTemplate | null {
  const parts: (string | readonly number[])[] = []
  let from = 0
  for (const match of text.matchAll(/"\{([^{}"]*)\}"/g)) {
    parts.push(text.slice(from, match.index))
    from = match.index + match[0].length
    const fields: number[] = []
    for (const name of (match[1] ?? '').split('|').map((part) => part.trim())) {
      const source = scope.resolve(name)
      if (source === null)
        return problems.report(
          at + match.index,
          'RULE_FIELD_UNKNOWN',
          `the field ${name} of the query is not known`,
          scope.suggest(name)
        )
      fields.push(table.numberOf(source))
    }
    parts.push(fields)
  }
  parts.push(text.slice(from))
  const stray = parts.find((part) => typeof part === 'string' && /[{}]/.test(part))
  if (stray !== undefined)
    return problems.report(at, 'RULE_TEMPLATE', 'placeholders of a query stand in quotes: user.name:"{actor.name}"')
  return (view) =>
    parts
      .map((part) => {
        if (typeof part === 'string') return part
        for (const field of part) {
          const found = firstText(table.valuesOf(field, view).values)
          if (found !== null) return quoted(plainLine(found, MAX_VALUE_CHARACTERS))
        }
        return '*'
      })
      .join('')
}
