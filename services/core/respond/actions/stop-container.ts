import { arrayAt, stringAt } from '../../json.ts'
import { corePath, toAgent } from '../requests.ts'
import type { PodVictim } from '../victims.ts'
import { type ActionDeclaration, type DraftStep, type PlanInput, type Planned, podText, undoText } from './action.ts'

interface Running {
  readonly pod: PodVictim
  readonly node: string
  readonly id: string
  readonly name: string
}

/** Containers of the incident's pods, by the full ids that the cluster gives; what is not known becomes a note. */
function containersOf({ victims, facts }: PlanInput, what: string) {
  const containers: Running[] = []
  const notes: string[] = []
  for (const pod of victims.pods) {
    const object = facts.live?.objects.get(corePath(pod.namespace, 'pods', pod.name))
    const known = arrayAt(object, 'status', 'containerStatuses').flatMap((status) => {
      const id = /^[a-z0-9-]+:\/\/([0-9a-f]{64})$/.exec(stringAt(status, 'containerID') ?? '')?.[1]
      return id === undefined ? [] : [{ id, name: stringAt(status, 'name') ?? id.slice(0, 12) }]
    })
    if (pod.node === null || known.length === 0) {
      notes.push(`no container of ${podText(pod)} is ${what}: its node or its containers are not known`)
    } else for (const one of known) containers.push({ pod, node: pod.node, ...one })
  }
  return { containers, notes }
}

function planned(
  input: PlanInput,
  what: string,
  stepOf: (
    one: Running
  ) => Pick<DraftStep, 'name' | 'description' | 'requests' | 'blast_radius' | 'undo' | 'undo_requests' | 'risks'>
): Planned {
  const { containers, notes } = containersOf(input, what)
  const steps = containers.map(
    (one): DraftStep => ({
      target: {
        type: 'container',
        id: one.id,
        name: `${one.pod.namespace}/${one.pod.name}/${one.name}`,
        role: 'target'
      },
      ...stepOf(one)
    })
  )
  return { steps, notes }
}

/** Kills all processes of a container at once. */
export const killContainer: ActionDeclaration = {
  description:
    'Kills all processes of the pods’ containers at once, by their control group, through the agent of the node.',
  parameters: 'containers of the pods of the incident',
  rbac: [],
  blast_radius: 'these containers; unless their owner is contained, the kubelet starts them again',
  preconditions: 'the container has the id that was looked at, and carries neither the node nor Weir',
  undo: null,
  example: '- action: kill_container',
  plan: (input) =>
    planned(input, 'killed', ({ pod, node, id, name }) => ({
      name: 'kill_container',
      description: `Kill all processes of container ${name} of ${podText(pod)}`,
      requests: [toAgent(node, '/v1/containers/kill', { container_id: id })],
      blast_radius: 'this container; unless its owner is contained, the kubelet starts it again',
      undo: null
    }))
}

/** Stops a container where it is: what is in its memory stays. */
export const freezeContainer: ActionDeclaration = {
  description:
    'Stops all processes of the pods’ containers where they are, by their control group, through the agent of the node: what is in their memory stays for people to look at.',
  parameters: 'containers of the pods of the incident',
  rbac: [],
  blast_radius: 'these containers answer nothing; a liveness probe that fails has the kubelet kill them',
  preconditions: 'the container has the id that was looked at, and carries neither the node nor Weir',
  undo: 'its processes go on where they were',
  example: '- action: freeze_container',
  plan: (input) =>
    planned(input, 'frozen', ({ pod, node, id, name }) => {
      const undo = [toAgent(node, '/v1/containers/thaw', { container_id: id })]
      return {
        name: 'freeze_container',
        description: `Stop all processes of container ${name} of ${podText(pod)} where they are`,
        requests: [toAgent(node, '/v1/containers/freeze', { container_id: id })],
        blast_radius: 'this container answers nothing; a liveness probe that fails has the kubelet kill it',
        undo: undoText(undo),
        undo_requests: undo,
        risks: ['some runtimes cannot end a frozen container: take this back before the pod is deleted']
      }
    })
}
