import { Command } from 'commander'
import { stringify } from 'yaml'
import { ACTIONS } from '../../core/respond/plan.ts'
import { ACTION_NAMES } from '../../core/respond/playbook.ts'
import { responderManifests } from '../../core/respond/roles.ts'
import { print, styleFor } from '../terminal.ts'

interface JsonOption {
  readonly json?: boolean
}

function actionsCommand(): Command {
  return new Command('actions')
    .summary('list what can be done, with what it needs and how it is taken back')
    .option('--json', 'print JSON, an object a line')
    .action(async ({ json }: JsonOption) => {
      const style = styleFor(process.stdout)
      for (const name of ACTION_NAMES) {
        const { plan: _, ...declared } = ACTIONS[name]
        if (json === true) await print(`${JSON.stringify({ name, ...declared })}\n`)
        else {
          const rights = declared.rbac.flatMap(({ apiGroups, resources, verbs }) => [
            `${verbs.join(',')} ${resources.join(',')}${apiGroups[0] === '' ? '' : ` (${apiGroups.join(',')})`}`
          ])
          await print(
            `${style('bold', name)}\n  ${declared.description}\n  acts on: ${declared.parameters}\n  affects: ${declared.blast_radius}\n  only if: ${declared.preconditions}\n  needs:   ${rights.join('; ') || 'no right in the cluster'}\n  undo:    ${declared.undo ?? 'not possible'}\n`
          )
        }
      }
    })
}

function manifestsCommand(): Command {
  return new Command('manifests')
    .summary('print what a cluster needs for the responder to act in it, for `kubectl apply -f -`')
    .option('--namespace <name>', 'where the responder’s account is', 'weir')
    .action(async ({ namespace }: { readonly namespace: string }) => {
      await print(
        responderManifests(namespace)
          .map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }))
          .join('---\n')
      )
    })
}

export function respondCommand(): Command {
  return new Command('respond')
    .summary('answer incidents: plan, approve, undo, stop')
    .addCommand(actionsCommand())
    .addCommand(manifestsCommand())
}
