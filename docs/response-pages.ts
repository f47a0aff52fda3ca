import { stringify } from 'yaml'
import { ACTIONS } from '../services/core/respond/plan.ts'
import { ACTION_NAMES } from '../services/core/respond/playbook.ts'
import { roleOfAction } from '../services/core/respond/roles.ts'
import { table } from './markdown.ts'

/** What can be done about an incident, from what each action declares. */
export function actionsPage(): string {
  const sections = ACTION_NAMES.map((name) => {
    const { description, parameters, rbac, blast_radius, preconditions, undo, example } = ACTIONS[name]
    const facts = table(
      ['', ''],
      [
        ['acts on', parameters],
        ['affects', blast_radius],
        ['only if', preconditions],
        ['undo', undo ?? 'not possible']
      ]
    )
    const rights =
      rbac.length === 0
        ? 'It needs no right in the cluster.'
        : `The most it can need, as cluster role \`${roleOfAction(name)}\`; a plan gets these verbs on the objects it names alone:\n\n\`\`\`yaml\n${stringify(rbac)}\`\`\``
    return `## ${name}\n\n${description}\n\n${facts}\n\`\`\`yaml\n${example}\n\`\`\`\n\n${rights}\n`
  })
  return `# Response actions

What the steps of [playbooks](../rules/playbooks) can do. \`weir respond actions --json\` has the same for programs;
\`weir respond manifests\` prints the roles.

${sections.join('\n')}`
}
