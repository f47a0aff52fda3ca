import { isAlias, isCollection, isMap, isPair, isScalar, isSeq, type Node, parseAllDocuments, type Scalar } from 'yaml'
import type { Offset, Problems } from './errors.ts'
import { RULE_LIMITS } from './limits.ts'

/** YAML as a tree of plain values that know where they stand: nothing of it is ever an object with keys from the text. */
export type Source = SourceMap | SourceList | SourceScalar

export interface SourceScalar {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
  readonly at: Offset
  /** Offset of the text of a scalar that stands on one line as it is, so that places inside it can be named. */
  readonly textAt: Offset | null
}

export interface SourceList {
  readonly kind: 'list'
  readonly items: readonly Source[]
  readonly at: Offset
}

export interface SourceEntry {
  readonly key: string
  readonly keyAt: Offset
  readonly value: Source
}

export interface SourceMap {
  readonly kind: 'map'
  readonly entries: readonly SourceEntry[]
  readonly at: Offset
}

interface Budget {
  nodes: number
}

const offsetOf = (node: { range?: readonly [number, number, number] | null }): Offset => node.range?.[0] ?? 0

/** YAML 1.1 reads 0755 as octal and 1.2 as decimal; numbers that a double cannot hold would silently change. */
function scalarOf(node: Scalar, at: Offset, problems: Problems): SourceScalar | null {
  const { value, source = '' } = node
  const plain = node.type === 'PLAIN'
  if (typeof value === 'number') {
    if (plain && /^[-+]?0[0-9]/.test(source)) {
      return problems.report(
        at,
        'RULE_VALUE',
        `the number ${source} means different things to different readers: quote it`
      )
    }
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      return problems.report(at, 'RULE_VALUE', `the number ${source} cannot be compared exactly: quote it`)
    }
  } else if (typeof value !== 'string' && typeof value !== 'boolean' && value !== null) {
    return problems.report(at, 'RULE_YAML', 'a value is neither text, number, boolean nor null')
  }
  const quote = plain ? 0 : node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE' ? 1 : null
  const textAt = quote !== null && source === value && !source.includes('\n') ? offsetOf(node) + quote : null
  return { kind: 'scalar', value, at, textAt }
}

/** Whether more brackets stand open at some place than any rule needs; brackets in quotes are counted, too. */
function isBracketBomb(text: string): boolean {
  let open = 0
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charCodeAt(index)
    if (character === 0x5b || character === 0x7b) open += 1
    else if ((character === 0x5d || character === 0x7d) && open > 0) open -= 1
    if (open > RULE_LIMITS.brackets) return true
  }
  return false
}

/**
 * Reads a file of YAML documents.
 * @param text at most `RULE_LIMITS.file_bytes`
 * @returns the documents that could be read, empty ones left out; what could not be read is reported
 */
export function parseYaml(text: string, problems: Problems): readonly Source[] {
  if (Buffer.byteLength(text) > RULE_LIMITS.file_bytes) {
    problems.report(0, 'RULE_TOO_LARGE', `the file has more than ${RULE_LIMITS.file_bytes} bytes`)
    return []
  }
  if (isBracketBomb(text)) {
    problems.report(0, 'RULE_TOO_LARGE', `more than ${RULE_LIMITS.brackets} brackets are open at once`)
    return []
  }
  let documents: ReturnType<typeof parseAllDocuments>
  try {
    documents = parseAllDocuments(text, { prettyErrors: false, logLevel: 'silent', version: '1.2', schema: 'core' })
  } catch (error) {
    // The parser recurses; nesting deeper than the stack is the one thing it throws for.
    problems.report(
      0,
      'RULE_TOO_LARGE',
      `the YAML cannot be read: ${error instanceof Error ? error.message : 'unknown error'}`
    )
    return []
  }
  if ('empty' in documents) {
    if (/^\s*[^\s#]/m.test(text)) problems.report(0, 'RULE_YAML', 'there is no document in the text')
    return []
  }
  if (documents.length > RULE_LIMITS.documents) {
    problems.report(0, 'RULE_TOO_LARGE', `the file has more than ${RULE_LIMITS.documents} documents`)
    return []
  }
  const sources: Source[] = []
  for (const document of documents) {
    const wrong = [...document.errors, ...document.warnings][0]
    if (wrong !== undefined) {
      problems.report(wrong.pos[0], 'RULE_YAML', wrong.message)
      continue
    }
    const { contents } = document
    if (contents === null || (isScalar(contents) && contents.value === null)) continue
    const budget: Budget = { nodes: 0 }
    const convert = (node: unknown, depth: number, at: Offset): Source | null => {
      budget.nodes += 1
      if (budget.nodes > RULE_LIMITS.document_nodes) {
        if (budget.nodes === RULE_LIMITS.document_nodes + 1) {
          problems.report(at, 'RULE_TOO_LARGE', `the document has more than ${RULE_LIMITS.document_nodes} values`)
        }
        return null
      }
      if (depth > RULE_LIMITS.nesting) {
        return problems.report(at, 'RULE_TOO_LARGE', `the document is nested deeper than ${RULE_LIMITS.nesting} levels`)
      }
      if (node === null) return { kind: 'scalar', value: null, at, textAt: null }
      if (isAlias(node)) return convert(node.resolve(document) ?? null, depth + 1, offsetOf(node))
      if (isScalar(node)) return scalarOf(node, offsetOf(node), problems)
      if (isSeq(node)) {
        const items: Source[] = []
        for (const item of node.items) {
          const converted = convert(item, depth + 1, offsetOf(item as Node))
          if (converted === null) return null
          items.push(converted)
        }
        return { kind: 'list', items, at: offsetOf(node) }
      }
      if (isMap(node)) {
        const entries: SourceEntry[] = []
        for (const pair of node.items) {
          const key: unknown = pair.key
          if (!isPair(pair) || !isScalar(key)) {
            return problems.report(offsetOf(node), 'RULE_YAML', 'keys have to be text')
          }
          const keyAt = offsetOf(key)
          const value = convert(pair.value, depth + 1, keyAt)
          if (value === null) return null
          entries.push({ key: typeof key.value === 'string' ? key.value : (key.source ?? ''), keyAt, value })
        }
        return { kind: 'map', entries, at: offsetOf(node) }
      }
      return problems.report(
        at,
        'RULE_YAML',
        isCollection(node) ? 'this kind of collection is not used in rules' : 'unknown node'
      )
    }
    const source = convert(contents, 0, offsetOf(contents))
    if (source !== null) sources.push(source)
  }
  return sources
}

/** The entry of a map, undefined when it has none of that name. */
export function entryOf(map: SourceMap, key: string): SourceEntry | undefined {
  return map.entries.find((entry) => entry.key === key)
}

const KIND_NAMES = { map: 'a map', list: 'a list', scalar: 'a single value' } as const

/** Names a kind of value in messages. */
export function kindName(source: Source): string {
  return source.kind === 'scalar' && source.value === null ? 'empty' : KIND_NAMES[source.kind]
}

/** A key's value as a map; reports and gives null when it is something else. */
export function mapOf(entry: SourceEntry, problems: Problems): SourceMap | null {
  if (entry.value.kind === 'map') return entry.value
  return problems.report(entry.value.at, 'RULE_VALUE', `${entry.key} has to be a map, it is ${kindName(entry.value)}`)
}

/** A key's value as text; reports and gives null when it is something else. */
export function textOf(entry: SourceEntry, problems: Problems, most = 65_535): string | null {
  const { value } = entry
  if (value.kind !== 'scalar' || typeof value.value !== 'string') {
    return problems.report(value.at, 'RULE_VALUE', `${entry.key} has to be text, it is ${kindName(value)}`)
  }
  if (value.value.length > most) {
    return problems.report(value.at, 'RULE_TOO_LARGE', `${entry.key} has more than ${most} characters`)
  }
  return value.value
}

/** A key's value as a list of texts, one text standing for a list of one; reports and gives null when it is something else. */
export function textsOf(entry: SourceEntry, problems: Problems): readonly string[] | null {
  const items = entry.value.kind === 'list' ? entry.value.items : [entry.value]
  const texts: string[] = []
  for (const item of items) {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') {
      return problems.report(
        item.at,
        'RULE_VALUE',
        `${entry.key} has to be a list of texts, one of them is ${kindName(item)}`
      )
    }
    texts.push(item.value)
  }
  return texts
}
