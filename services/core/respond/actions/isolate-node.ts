import type { JsonObject } from '../../json.ts'
import { arrayAt, at, stringAt } from '../../json.ts'
import { coreClusterPath, guardedPatch, type PatchOperation } from '../requests.ts'
import { type ActionDeclaration, type DraftStep, type PlanInput, undoText } from './action.ts'

const TAINT = { key: 'weir.io/isolated', value: 'true', effect: 'NoExecute' } as const

/** Nodes of the incident as they are in the cluster; what is not found becomes a note. */
function nodesOf(
  { victims, facts }: PlanInput,
  what: string
): { readonly nodes: ReadonlyArray<readonly [string, JsonObject]>; readonly notes: readonly string[] } {
  const notes: string[] = []
  const nodes = victims.nodes.flatMap((name): ReadonlyArray<readonly [string, JsonObject]> => {
    const object = facts.live?.objects.get(coreClusterPath('nodes', name))
    if (object !== undefined) return [[name, object]]
    notes.push(`node ${name} is not ${what}: it was not found in the cluster`)
    return []
  })
  return { nodes, notes }
}

function stepOf(
  action: string,
  name: string,
  object: JsonObject,
  change: readonly PatchOperation[],
  back: readonly PatchOperation[],
  texts: Pick<DraftStep, 'description' | 'blast_radius' | 'risks'>
): DraftStep {
  const path = coreClusterPath('nodes', name)
  const undo = [guardedPatch(path, object, back)]
  return {
    name: action,
    target: { type: 'node', id: name, name, role: 'target' },
    requests: [guardedPatch(path, object, change)],
    undo: undoText(undo),
    undo_requests: undo,
    ...texts
  }
}

/** Lets no new pod come to a node. */
export const cordonNode: ActionDeclaration = {
  description: 'Lets no new pod come to a node. Those that are there stay.',
  parameters: 'nodes that processes of the attack run on outside of pods',
  rbac: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get', 'patch'] }],
  blast_radius: 'what the node would have been given; the other nodes carry it',
  preconditions: 'the node has the UID that was looked at and is not cordoned',
  undo: 'the node takes pods again',
  example: '- action: cordon_node',
  plan: (input) => {
    const { nodes, notes } = nodesOf(input, 'cordoned')
    const open = nodes.filter(([, object]) => at(object, ['spec', 'unschedulable']) !== true)
    const blast_radius = 'what this node would have been given; the other nodes carry it'
    return {
      notes: [
        ...notes,
        ...nodes.filter((one) => !open.includes(one)).map(([name]) => `node ${name} is cordoned already`)
      ],
      steps: open.map(([name, object]) =>
        stepOf(
          'cordon_node',
          name,
          object,
          [{ op: 'add', path: '/spec/unschedulable', value: true }],
          [{ op: 'add', path: '/spec/unschedulable', value: false }],
          {
            description: `Let no new pod come to node ${name}`,
            blast_radius,
            risks: ['pods that fit on no other node stay pending']
          }
        )
      )
    }
  }
}

/** Drives pods off a node. */
export const taintNode: ActionDeclaration = {
  description: `Drives all pods off a node that do not tolerate the taint ${TAINT.key}:${TAINT.effect}; a PodDisruptionBudget does not hold it up.`,
  parameters: 'nodes that processes of the attack run on outside of pods',
  rbac: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get', 'patch'] }],
  blast_radius: 'all pods of the node; those with an owner are made again elsewhere, where there is room',
  preconditions: 'the node has the UID and the taints that were looked at',
  undo: 'the taint is taken away; pods that left do not come back by themselves',
  example: '- action: taint_node\n  severity: critical',
  plan: (input) => {
    const { nodes, notes } = nodesOf(input, 'tainted')
    return {
      notes,
      steps: nodes.map(([name, object]) => {
        const taints = arrayAt(object, 'spec', 'taints')
        const before = at(object, ['spec', 'taints'])
        const rest = taints.filter((taint) => stringAt(taint, 'key') !== TAINT.key)
        const known: readonly PatchOperation[] =
          before === undefined ? [] : [{ op: 'test', path: '/spec/taints', value: before }]
        return stepOf(
          'taint_node',
          name,
          object,
          [...known, { op: 'add', path: '/spec/taints', value: [...rest, TAINT] }],
          [{ op: 'add', path: '/spec/taints', value: rest }],
          {
            description: `Drive all pods off node ${name} that do not tolerate it`,
            blast_radius: 'all pods of this node; those with an owner are made again elsewhere, where there is room',
            risks: ['bare pods of the node are gone for good', 'PodDisruptionBudgets do not hold this up']
          }
        )
      })
    }
  }
}
