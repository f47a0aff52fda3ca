import { plainText } from '../../correlate/text.ts'
import { toAgent } from '../requests.ts'
import type { RootProcess } from '../victims.ts'
import { type ActionDeclaration, type DraftStep, type PlanInput, type Planned, podText } from './action.ts'

/** Most of a command that a sentence shows. */
const MAX_COMMAND_BYTES = 120

function stepOf(process: RootProcess, node: string, where: string): DraftStep {
  const { entity_id, container_id, command } = process
  return {
    name: 'kill_process_tree',
    description: `Kill ${plainText(command, MAX_COMMAND_BYTES)} and everything it started, in ${where}`,
    target: { type: 'process', id: entity_id, name: command, role: 'target' },
    requests: [toAgent(node, '/v1/processes/kill', { entity_id, container_id, tree: true, signal: 'SIGKILL' })],
    blast_radius: 'what this process does; processes above and beside it live on',
    undo: null
  }
}

/** Kills the topmost processes of the attack in each pod, with their descendants, through the agent of the node. */
export const killProcessTree: ActionDeclaration = {
  description:
    'Kills the topmost processes of the attack in each pod, with all they started, through the agent of the node.',
  parameters: 'processes of the incident that run in pods',
  rbac: [],
  blast_radius: 'what these processes do; those above and beside them live on',
  preconditions: 'the process is the one that was seen: same node, boot, process id and start time',
  undo: null,
  example: '- action: kill_process_tree',
  plan: killing
}

function killing({ victims }: PlanInput): Planned {
  const steps: DraftStep[] = []
  const notes: string[] = []
  for (const pod of victims.pods) {
    for (const process of pod.processes) {
      if (pod.node === null)
        notes.push(
          `${plainText(process.command, MAX_COMMAND_BYTES)} in ${podText(pod)} is not killed: which node that is on, is not known`
        )
      else steps.push(stepOf(process, pod.node, podText(pod)))
    }
  }
  for (const { command, node } of victims.hostProcesses) {
    // A host's own processes carry all pods: a mistake there costs the node, so it stays a person's decision.
    notes.push(`${plainText(command, MAX_COMMAND_BYTES)} on node ${node} is not killed: it runs in no pod`)
  }
  return { steps, notes }
}
