import { readFileSync } from 'node:fs'
import { type Document, isMap, LineCounter, parseDocument, parse as parseYaml } from 'yaml'
import type { z } from 'zod'
import { messageOf, WeirError } from '../../core/errors.ts'
import { CONFIG_ERRORS } from './errors.ts'

const ENV_PREFIX = 'WEIR_'

export interface SettingsSource {
  /** Path of the YAML file; without it, defaults and environment alone. */
  readonly file?: string | undefined
  /**
   * Environment: `WEIR_KAFKA__REQUEST_TIMEOUT_MS=5000` sets `kafka.request_timeout_ms`. Two underscores go one level down; values
   * are YAML, so lists and numbers can be said. Names outside `schema`'s top-level keys are left alone, since other parts of
   * Weir have variables of their own (WEIR_HOME).
   */
  readonly env?: Readonly<Record<string, string | undefined>>
}

interface Origin {
  /** Where a setting comes from, for messages: file:line:column or the variable's name. */
  locate(path: readonly PropertyKey[], unknownKey?: string): string
}

function keyRange(document: Document, path: readonly PropertyKey[], unknownKey: string | undefined): number | null {
  const container = path.length === 0 ? document.contents : document.getIn(path, true)
  if (unknownKey !== undefined && isMap(container)) {
    const pair = container.items.find(({ key }) => String((key as { value?: unknown }).value) === unknownKey)
    return (pair?.key as { range?: [number] } | undefined)?.range?.[0] ?? null
  }
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true) as { range?: [number] } | undefined
    if (node?.range !== undefined) return node.range[0]
  }
  return null
}

function readFile(file: string): { value: unknown; origin: Origin } {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new WeirError(CONFIG_ERRORS, 'CONFIG_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`, {
      cause: error
    })
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const [problem] = document.errors
  if (problem !== undefined) {
    const [summary] = problem.message.split('\n')
    throw new WeirError(CONFIG_ERRORS, 'CONFIG_NOT_YAML', `${position(problem.pos[0])}: ${summary}`, { cause: problem })
  }
  return {
    value: document.toJS() ?? {},
    origin: {
      locate: (path, unknownKey) => {
        const offset = keyRange(document, path, unknownKey)
        return offset === null ? file : position(offset)
      }
    }
  }
}

/** Sets own properties only: a variable cannot reach a prototype. */
function setIn(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [head, ...rest] = path
  if (head === undefined) return
  if (rest.length === 0) {
    Object.defineProperty(target, head, { value, enumerable: true, configurable: true, writable: true })
    return
  }
  const next = Object.hasOwn(target, head) ? target[head] : undefined
  const child: Record<string, unknown> =
    typeof next === 'object' && next !== null && !Array.isArray(next) ? { ...next } : {}
  setIn(child, rest, value)
  Object.defineProperty(target, head, { value: child, enumerable: true, configurable: true, writable: true })
}

/**
 * Reads settings from file and environment (which wins) and checks them.
 * @param schema a strict object: unknown keys are errors
 * @returns the settings with defaults filled in
 * @throws WeirError CONFIG_UNREADABLE, CONFIG_NOT_YAML or CONFIG_INVALID, whose message lists every problem, each with file,
 *   line and column, or with the variable it came from
 */
export function loadSettings<Schema extends z.ZodObject>(schema: Schema, source: SettingsSource): z.output<Schema> {
  const { value, origin } = source.file === undefined ? { value: {}, origin: null } : readFile(source.file)
  const merged: Record<string, unknown> =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  if (origin !== null && (typeof value !== 'object' || Array.isArray(value))) {
    throw new WeirError(CONFIG_ERRORS, 'CONFIG_INVALID', `${source.file}: settings must be a map of keys`)
  }
  const variables = new Map<string, string>()
  for (const [name, text] of Object.entries(source.env ?? {})) {
    if (!name.startsWith(ENV_PREFIX) || text === undefined) continue
    const path = name.slice(ENV_PREFIX.length).toLowerCase().split('__')
    if (path[0] === undefined || !Object.hasOwn(schema.shape, path[0])) continue
    setIn(merged, path, parseYaml(text))
    variables.set(path.join('.'), name)
  }
  const result = schema.safeParse(merged)
  if (result.success) return result.data

  const problems = result.error.issues.flatMap((issue) => {
    const unknownKeys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined]
    return unknownKeys.map((key) => {
      const path = key === undefined ? issue.path : [...issue.path, key]
      const dotted = path.map(String).join('.')
      const variable = [...variables].find(([name]) => dotted === name || dotted.startsWith(`${name}.`))?.[1]
      const place = variable ?? origin?.locate(issue.path, key)
      const text = key === undefined ? issue.message : 'unknown setting'
      return `${place === undefined ? '' : `${place}: `}${dotted}: ${text}`
    })
  })
  throw new WeirError(CONFIG_ERRORS, 'CONFIG_INVALID', problems.join('\n'), { cause: result.error })
}

/**
 * A secret from the file that a `*_file` setting names, without the line end that editors add.
 * @throws WeirError CONFIG_SECRET_UNREADABLE, which names the file and never its content
 */
export function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new WeirError(
      CONFIG_ERRORS,
      'CONFIG_SECRET_UNREADABLE',
      `cannot read the secret in ${file}: ${messageOf(error)}`,
      { cause: error }
    )
  }
}
