import type { Problems } from './errors.ts'
import type { EventView } from './event-view.ts'
import type { FieldScope } from './field-map.ts'
import type { FieldTable } from './field-reader.ts'
import { EVENT_LIMITS, RULE_LIMITS } from './limits.ts'
import { plainLine, plainValues } from './plain-text.ts'
import type { Placed } from './weir-extension.ts'

/** Writes the title of a signal. */
export type TitleTemplate = (view: EventView) => string

type Part = { readonly text: string } | { readonly fields: readonly number[]; readonly otherwise: string }

const UNKNOWN = 'unknown'

/**
 * Compiles a title template: text with `{field}` for values, `{field|other.field}` for the first that has one, and
 * `{field|"words"}` for words when none has. Values are put in as text, never looked at again for braces; control characters are removed and lengths are bounded.
 * @returns null when a placeholder is not closed or names no field, which is reported
 */
export function compileTemplate(
  template: Placed,
  scope: FieldScope,
  table: FieldTable,
  problems: Problems
): TitleTemplate | null {
  const { text, at } = template
  if (text.length > RULE_LIMITS.value_characters)
    return problems.report(at, 'RULE_TOO_LARGE', 'the title template is too long')
  const parts: Part[] = []
  let index = 0
  while (index < text.length) {
    const open = text.indexOf('{', index)
    if (open === -1) {
      parts.push({ text: text.slice(index) })
      break
    }
    if (open > index) parts.push({ text: text.slice(index, open) })
    const close = text.indexOf('}', open)
    if (close === -1) return problems.report(at + open, 'RULE_TEMPLATE', 'a placeholder is not closed')
    const fields: number[] = []
    let otherwise = UNKNOWN
    for (const part of text.slice(open + 1, close).split('|')) {
      const name = part.trim()
      if (/^".*"$/.test(name)) {
        otherwise = name.slice(1, -1)
        continue
      }
      const source = scope.resolve(name)
      if (source === null) {
        return problems.report(
          at + open,
          'RULE_FIELD_UNKNOWN',
          `the field ${name} of the title is not known`,
          scope.suggest(name)
        )
      }
      fields.push(table.numberOf(source))
    }
    parts.push({ fields, otherwise })
    index = close + 1
  }
  return (view) => {
    const written = parts.map((part) => {
      if ('text' in part) return part.text
      for (const field of part.fields) {
        const value = plainValues(table.valuesOf(field, view).values, EVENT_LIMITS.title_value_characters)
        if (value !== null) return value
      }
      return part.otherwise
    })
    return plainLine(written.join(''), EVENT_LIMITS.title_characters)
  }
}
