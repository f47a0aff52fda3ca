import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ErrorList, messageOf, WeirError } from '../core/errors.ts'
import { type Playbook, parsePlaybooks } from '../core/respond/playbook.ts'

export const PLAYBOOK_FILE_ERRORS = {
  PLAYBOOKS_UNREADABLE: { description: 'A folder of playbooks, or a file in it, cannot be read.', retriable: false }
} as const satisfies ErrorList<string>

/** Folder of the playbooks that come with Weir. */
export const BUILTIN_PLAYBOOKS = join(import.meta.dirname, '..', '..', 'rules', 'playbooks')

const isPlaybook = (name: string) => /\.ya?ml$/.test(name) && !/\.test\.ya?ml$/.test(name) && !name.startsWith('.')

/**
 * Reads playbooks: those that come with Weir, and those of more folders.
 * @throws WeirError PLAYBOOKS_UNREADABLE; PLAYBOOK_NOT_YAML, PLAYBOOK_INVALID, PLAYBOOK_NAME_TAKEN with file, line and column
 */
export function loadPlaybooks(folders: readonly string[] = []): readonly Playbook[] {
  const files = [BUILTIN_PLAYBOOKS, ...folders].flatMap((folder) => {
    try {
      const names = readdirSync(folder).filter(isPlaybook).sort()
      return names.map((name) => ({ file: join(folder, name), text: readFileSync(join(folder, name), 'utf8') }))
    } catch (error) {
      throw new WeirError(PLAYBOOK_FILE_ERRORS, 'PLAYBOOKS_UNREADABLE', `${folder}: ${messageOf(error)}`, {
        cause: error
      })
    }
  })
  return parsePlaybooks(files)
}
