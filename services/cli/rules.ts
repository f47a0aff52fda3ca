import { fileURLToPath } from 'node:url'
import { formatRuleError } from '../core/detect/errors.ts'
import type { RuleFile } from '../core/detect/field-map.ts'
import { type LoadResult, loadRuleSet } from '../core/detect/load-rule-set.ts'
import type { RuleSetObserver } from '../core/detect/matcher.ts'
import { type ErrorList, WeirError } from '../core/errors.ts'
import { readRuleFolder } from '../platform/rule-files.ts'

export const CLI_RULE_ERRORS = {
  RULES_BROKEN: { description: 'Rules that come with Weir do not load: the installation is damaged.', retriable: false }
} as const satisfies ErrorList<string>

/** Folder of the rules that come with Weir. */
export const BUILTIN_RULES = fileURLToPath(new URL('../../rules', import.meta.url))

/**
 * Reads folders of rules for themselves, without the rules that come with Weir. The field names are those of Weir unless a folder
 * brings its own fields.yml.
 * @throws WeirError RULES_UNREADABLE, RULES_TOO_MANY
 */
export async function readFolders(folders: readonly string[]): Promise<readonly RuleFile[]> {
  const isFieldMap = ({ file }: RuleFile) => file.endsWith('/fields.yml')
  const files = (await Promise.all(folders.map(readRuleFolder))).flat()
  if (files.some(isFieldMap)) return files
  return [...(await readRuleFolder(BUILTIN_RULES)).filter(isFieldMap), ...files]
}

export interface RuleSources {
  /** Folders of the user's own rules. */
  readonly folders: readonly string[]
  /** Whether to load the rules that come with Weir. */
  readonly builtin: boolean
}

/**
 * Loads rules from folders. A broken rule of the user's leaves the others loaded and is reported through `warn`, one line each
 * with file, line and column.
 * @throws WeirError RULES_UNREADABLE, RULES_TOO_MANY; RULES_BROKEN when a rule that comes with Weir is broken
 */
export async function loadRules(
  { folders, builtin }: RuleSources,
  warn: (message: string) => void,
  observer?: RuleSetObserver
): Promise<LoadResult> {
  const own = builtin
    ? await readRuleFolder(BUILTIN_RULES)
    : (await readRuleFolder(BUILTIN_RULES)).filter(({ file }) => file.endsWith('/fields.yml'))
  const users = (await Promise.all(folders.map(readRuleFolder))).flat()
  const result = loadRuleSet([...own, ...users], observer === undefined ? {} : { observer })
  const broken = result.errors.filter(({ file }) => file.startsWith(`${BUILTIN_RULES}/`))
  if (broken.length > 0) throw new WeirError(CLI_RULE_ERRORS, 'RULES_BROKEN', broken.map(formatRuleError).join('\n'))
  for (const error of result.errors) warn(formatRuleError(error))
  return result
}
