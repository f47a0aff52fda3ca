import type { Stats } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RuleFile } from '../core/detect/field-map.ts'
import { type ErrorList, messageOf, WeirError } from '../core/errors.ts'

export const RULE_FILE_ERRORS = {
  RULES_UNREADABLE: { description: 'A folder or file of rules cannot be read.', retriable: false },
  RULES_TOO_MANY: { description: 'A folder of rules holds more than one may.', retriable: false }
} as const satisfies ErrorList<string>

const MAX_FILES = 20_000
const MAX_DEPTH = 8
const MAX_TOTAL_BYTES = 256 * 1024 * 1024

/** Folders of a rule tree that hold no Sigma. */
const OTHER_FOLDERS: ReadonlySet<string> = new Set(['playbooks', 'coverage'])

async function statOf(path: string): Promise<Stats> {
  try {
    return await stat(path)
  } catch (error) {
    throw new WeirError(RULE_FILE_ERRORS, 'RULES_UNREADABLE', `${path} cannot be read: ${messageOf(error)}`, {
      cause: error
    })
  }
}

async function listFiles(folder: string, depth: number, into: string[]): Promise<void> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    throw new WeirError(RULE_FILE_ERRORS, 'RULES_UNREADABLE', `${folder} cannot be read: ${messageOf(error)}`, {
      cause: error
    })
  }
  for (const name of names.sort()) {
    // Names that begin with a dot are a ConfigMap mount's own (..data), a repository's or an editor's.
    if (name.startsWith('.')) continue
    const path = join(folder, name)
    // Links are followed: mounted ConfigMaps consist of them.
    const found = await statOf(path)
    if (found.isDirectory()) {
      if (OTHER_FOLDERS.has(name)) continue
      if (depth >= MAX_DEPTH) {
        throw new WeirError(
          RULE_FILE_ERRORS,
          'RULES_TOO_MANY',
          `${path} lies deeper than ${MAX_DEPTH} folders; keep rules flatter`
        )
      }
      await listFiles(path, depth + 1, into)
    } else if (/\.ya?ml$/.test(name)) {
      if (into.length >= MAX_FILES) {
        throw new WeirError(
          RULE_FILE_ERRORS,
          'RULES_TOO_MANY',
          `${folder} and what is before it hold more than ${MAX_FILES} files`
        )
      }
      into.push(path)
    }
  }
}

const isTest = (file: string) => /\.test\.ya?ml$/.test(file)

async function readFolder(folder: string, isWanted: (file: string) => boolean): Promise<readonly RuleFile[]> {
  const paths: string[] = []
  await listFiles(folder, 0, paths)
  const files: RuleFile[] = []
  let bytes = 0
  for (const file of paths) {
    if (!isWanted(file)) continue
    bytes += (await statOf(file)).size
    if (bytes > MAX_TOTAL_BYTES) {
      throw new WeirError(
        RULE_FILE_ERRORS,
        'RULES_TOO_MANY',
        `${folder} holds more than ${MAX_TOTAL_BYTES} bytes of rules`
      )
    }
    try {
      files.push({ file, text: await readFile(file, 'utf8') })
    } catch (error) {
      throw new WeirError(RULE_FILE_ERRORS, 'RULES_UNREADABLE', `${file} cannot be read: ${messageOf(error)}`, {
        cause: error
      })
    }
  }
  return files
}

/**
 * Reads a folder of rules with all folders in it: files that end in .yml or .yaml, rule tests left out.
 * @param folder its path; files are named in errors by paths that begin with it
 * @returns the files' texts, sorted by path, for `loadRuleSet`
 * @throws WeirError RULES_UNREADABLE, RULES_TOO_MANY
 */
export async function readRuleFolder(folder: string): Promise<readonly RuleFile[]> {
  return await readFolder(folder, (file) => !isTest(file))
}

/**
 * Reads the rule tests of a folder, as `readRuleFolder` reads the rules: files that end in .test.yml or .test.yaml.
 * @throws WeirError RULES_UNREADABLE, RULES_TOO_MANY
 */
export async function readRuleTests(folder: string): Promise<readonly RuleFile[]> {
  return await readFolder(folder, isTest)
}
