import { arrayAt, at, type JsonObject, property, stringAt } from '../../json.ts'
import { objectProtection, protectionOf } from '../guard-rails.ts'
import { coreClusterPath, evict, guardedPatch, uidOf } from '../requests.ts'
import { type ActionDeclaration, type DraftStep, type PlanInput, undoText } from './action.ts'

const MIRROR = 'kubernetes.io/config.mirror'

/** Why a pod is not evicted, or null when it is to be. */
function reasonToStay(pod: JsonObject, { facts, playbook }: PlanInput): string | null {
  const namespace = stringAt(pod, 'metadata', 'namespace') ?? ''
  const owner = arrayAt(pod, 'metadata', 'ownerReferences').find((one) => at(one, ['controller']) === true)
  const kind = stringAt(owner, 'kind')
  const protection = protectionOf(namespace, facts.weir_namespace, playbook.protected_namespaces)
  if (protection !== null) return `namespace ${namespace} is protected, ${protection}`
  if (kind === 'DaemonSet') return 'its DaemonSet would make it again on this node'
  if (kind === 'Node' || property(at(pod, ['metadata', 'annotations']), MIRROR) !== undefined)
    return 'it is a static pod, which the kubelet would make again'
  if (kind === null) return 'nothing makes it again elsewhere'
  return objectProtection(pod)
}

/** A pod that has ended, or is about to, needs no eviction. */
const isGoing = (pod: JsonObject): boolean =>
  stringAt(pod, 'metadata', 'deletionTimestamp') !== null ||
  ['Succeeded', 'Failed'].includes(stringAt(pod, 'status', 'phase') ?? '')

function eviction(pod: JsonObject, node: string): DraftStep {
  const namespace = stringAt(pod, 'metadata', 'namespace') ?? ''
  const name = stringAt(pod, 'metadata', 'name') ?? ''
  const hasScratch = arrayAt(pod, 'spec', 'volumes').some((volume) => property(volume, 'emptyDir') !== undefined)
  return {
    name: 'drain_node',
    description: `Evict pod ${namespace}/${name} from node ${node}, as far as its PodDisruptionBudgets allow`,
    target: { type: 'pod', id: uidOf(pod), name: `${namespace}/${name}`, role: 'target' },
    requests: [evict(namespace, name, uidOf(pod))],
    blast_radius: 'this pod, which its owner makes again on another node, where there is room',
    undo: null,
    risks: hasScratch ? ['what it keeps in emptyDir volumes is lost'] : []
  }
}

/** Empties a node the orderly way. */
export const drainNode: ActionDeclaration = {
  description:
    'Lets no new pod come to a node and evicts those that are there, one by one: PodDisruptionBudgets are heeded, and a pod that one of them holds stays after some tries. Pods of DaemonSets, static pods, pods that nothing makes again and those of protected namespaces stay.',
  parameters:
    'nodes that processes of the attack run on outside of pods; as many pods as `limits.pods` of the playbook',
  rbac: [
    { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'patch'] },
    { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] }
  ],
  blast_radius: 'the pods of the node that an owner makes again elsewhere',
  preconditions: 'the node and each pod have the UID that was looked at',
  undo: 'the node takes pods again; those that left do not come back by themselves',
  example: '- action: drain_node\n  severity: critical',
  plan: (input) => {
    const { victims, facts, playbook } = input
    const steps: DraftStep[] = []
    const notes: string[] = []
    for (const node of victims.nodes) {
      const path = coreClusterPath('nodes', node)
      const object = facts.live?.objects.get(path)
      if (object === undefined) {
        notes.push(`node ${node} is not drained: it was not found in the cluster`)
        continue
      }
      if (at(object, ['spec', 'unschedulable']) !== true) {
        const undo = [guardedPatch(path, object, [{ op: 'add', path: '/spec/unschedulable', value: false }])]
        steps.push({
          name: 'drain_node',
          description: `Let no new pod come to node ${node}`,
          target: { type: 'node', id: node, name: node, role: 'target' },
          requests: [guardedPatch(path, object, [{ op: 'add', path: '/spec/unschedulable', value: true }])],
          blast_radius: 'what this node would have been given; the other nodes carry it',
          undo: undoText(undo),
          undo_requests: undo,
          risks: ['pods that fit on no other node stay pending']
        })
      }
      const pods = (facts.live?.node_pods?.get(node) ?? []).filter((pod) => !isGoing(pod))
      const movable = pods.filter((pod) => {
        const reason = reasonToStay(pod, input)
        const text = `pod ${stringAt(pod, 'metadata', 'namespace')}/${stringAt(pod, 'metadata', 'name')}`
        if (reason !== null) notes.push(`${text} stays on node ${node}: ${reason}`)
        return reason === null
      })
      steps.push(...movable.slice(0, playbook.limits.pods).map((pod) => eviction(pod, node)))
      const more = movable.length - playbook.limits.pods
      if (more > 0)
        notes.push(
          `${more} more pods of node ${node} are left to people: the playbook stops at ${playbook.limits.pods}`
        )
    }
    return { steps, notes }
  }
}
