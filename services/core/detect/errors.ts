import type { ErrorList } from '../errors.ts'

/** What can be wrong with rule text. A rule with an error is left out; the others are loaded. */
export const RULE_ERRORS = {
  RULE_YAML: { description: 'The text is not YAML that rules may use.', retriable: false },
  RULE_TOO_LARGE: { description: 'A file, document, list, condition or nesting exceeds its bound.', retriable: false },
  RULE_DOCUMENT_KIND: {
    description: 'A document is neither a rule nor a filter, correlation or profile.',
    retriable: false
  },
  RULE_KEY_MISSING: { description: 'A key that the specification requires is missing.', retriable: false },
  RULE_KEY_UNKNOWN: { description: 'A key is not known where it stands.', retriable: false },
  RULE_VALUE: { description: 'A value has the wrong type or is out of range.', retriable: false },
  RULE_UNSUPPORTED: {
    description: 'A feature of older or other dialects that is not evaluated here.',
    retriable: false
  },
  RULE_LOGSOURCE: { description: 'The log source names no class of events that Weir has.', retriable: false },
  RULE_FIELD_UNKNOWN: { description: 'A field is not in the event model.', retriable: false },
  RULE_MODIFIER_UNKNOWN: { description: 'A modifier does not exist.', retriable: false },
  RULE_MODIFIER_MISUSED: {
    description: 'A modifier cannot be applied to this value or in this order.',
    retriable: false
  },
  RULE_REGEX: {
    description: 'A regular expression is not valid or uses what Sigma does not support.',
    retriable: false
  },
  RULE_REGEX_REFUSED: { description: 'A regular expression could blow up in time or memory.', retriable: false },
  RULE_PLACEHOLDER_UNKNOWN: { description: 'A placeholder of `expand` has no values.', retriable: false },
  RULE_CONDITION: { description: 'The condition cannot be parsed or names what is not defined.', retriable: false },
  RULE_DUPLICATE: { description: 'Two rules have the same id or name.', retriable: false },
  RULE_REFERENCE: { description: 'A filter or correlation refers to a rule that is not there.', retriable: false },
  RULE_TEMPLATE: { description: 'A title template cannot be parsed.', retriable: false },
  RULE_FIELD_MAP: { description: 'fields.yml is missing or wrong.', retriable: false }
} as const satisfies ErrorList<string>

export type RuleErrorCode = keyof typeof RULE_ERRORS

/** Something wrong with rule text, where it is, and what may have been meant. */
export interface RuleError {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  readonly code: RuleErrorCode
  readonly message: string
  /** Nearest name that exists, null when none is near. */
  readonly suggestion: string | null
}

/** One line for people: `file:line:column CODE message (did you mean …?)`. */
export function formatRuleError(error: RuleError): string {
  const hint = error.suggestion === null ? '' : ` (did you mean ${error.suggestion}?)`
  return `${error.file}:${error.line}:${error.column} ${error.code} ${error.message}${hint}`
}

/** Offset in the text of a file. */
export type Offset = number

/**
 * Collects what is wrong with one file, so that an author sees all of it at once. Functions that report return null for what
 * they could not make.
 */
export interface Problems {
  readonly file: string
  readonly found: readonly RuleError[]
  /** @returns always null, so that `return problems.report(…)` reads well */
  report(at: Offset, code: RuleErrorCode, message: string, suggestion?: string | null): null
  /** Line and column of an offset, both from 1. */
  position(at: Offset): { readonly line: number; readonly column: number }
}

export function problemsOf(file: string, text: string): Problems {
  const found: RuleError[] = []
  const lineStarts = [0]
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) lineStarts.push(index + 1)
  const position = (at: Offset) => {
    let low = 0
    let high = lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((lineStarts[middle] ?? 0) <= at) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: at - (lineStarts[low] ?? 0) + 1 }
  }
  return {
    file,
    found,
    position,
    report(at, code, message, suggestion = null) {
      found.push({ file, ...position(at), code, message, suggestion })
      return null
    }
  }
}
