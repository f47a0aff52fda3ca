import { fileURLToPath } from 'node:url'
import { formatRuleError } from '../core/detect/errors.ts'
import type { RuleFile } from '../core/detect/field-map.ts'
import { type LoadOptions, type LoadResult, loadRuleSet } from '../core/detect/load-rule-set.ts'
import { isValueList } from '../core/detect/value-lists.ts'
import { type ErrorList, WeirError } from '../core/errors.ts'
import { readRuleFolder } from '../platform/rule-files.ts'

export const CLI_RULE_ERRORS = {
  RULES_BROKEN: { description: 'Rules that come with Weir do not load: the installation is damaged.', retriable: false }
} as const satisfies ErrorList<string>

/** Folder of the rules that come with Weir. */
export const BUILTIN_RULES = fileURLToPath(new URL('../../rules', import.meta.url))

const isFieldMap = ({ file }: RuleFile) => file.endsWith('/fields.yml')

/** What rules of others use of those that come with Weir: names of fields, lists of values. */
async function sharedFiles(): Promise<readonly RuleFile[]> {
  return (await readRuleFolder(BUILTIN_RULES)).filter((found) => isFieldMap(found) || isValueList(found.file))
}

/**
 * Reads folders of rules for themselves, without the rules that come with Weir. Field names and lists are those of Weir unless a
 * folder brings its own fields.yml.
 * @throws WeirError RULES_UNREADABLE, RULES_TOO_MANY
 */
export async function readFolders(folders: readonly string[]): Promise<readonly RuleFile[]> {
  const files = (await Promise.all(folders.map(readRuleFolder))).flat()
  return files.some(isFieldMap) ? files : [...(await sharedFiles()), ...files]
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
  options: Pick<LoadOptions, 'observer'> = {}
): Promise<LoadResult> {
  const own = builtin ? await readRuleFolder(BUILTIN_RULES) : await sharedFiles()
  const users = (await Promise.all(folders.map(readRuleFolder))).flat()
  const result = loadRuleSet([...own, ...users], options)
  const broken = result.errors.filter(({ file }) => file.startsWith(`${BUILTIN_RULES}/`))
  if (broken.length > 0) throw new WeirError(CLI_RULE_ERRORS, 'RULES_BROKEN', broken.map(formatRuleError).join('\n'))
  for (const error of result.errors) warn(formatRuleError(error))
  return result
}
