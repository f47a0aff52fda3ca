import { byOperator, corePath, create, recreatable, remove } from '../requests.ts'
import { type ActionDeclaration, podEntity, podText, undoText } from './action.ts'

/** Seconds a process of the attack has between SIGTERM and SIGKILL. 0 would forget the pod before it has ended. */
const GRACE_SECONDS = 1

/** Deletes pods, each only as long as it is the one that was attacked. Its bound tokens are void from then on. */
export const deletePod: ActionDeclaration = {
  description:
    'Deletes pods, each only as long as it has the UID that was attacked. Tokens bound to the pod are void from then on.',
  parameters: 'pods of the incident that are not static',
  rbac: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'delete'] }],
  blast_radius: 'the pod; its data that is on no volume is lost',
  preconditions: 'the pod has the UID that was attacked',
  undo: 'a pod that nothing makes again is made again from its manifest, with the rights of the person who takes it back; the others come back with their owner',
  example: '- action: delete_pod\n  severity: critical',
  plan: ({ victims, facts }) => ({
    steps: victims.pods
      .filter(({ isStatic }) => !isStatic)
      .map((pod) => {
        const path = corePath(pod.namespace, 'pods', pod.name)
        const isBare = pod.workload?.kind === 'Pod'
        const object = isBare ? facts.live?.objects.get(path) : undefined
        // The node is the scheduler's to choose, as it was.
        // Who may make pods may become whatever runs in the namespace: Weir may not.
        const again =
          object === undefined
            ? []
            : [byOperator(create(corePath(pod.namespace, 'pods'), unscheduled(recreatable(object))))]
        const byHand = isBare ? 'create it again from the manifest that was kept as evidence' : null
        return {
          name: 'delete_pod',
          description: `Delete ${podText(pod)}${pod.uid === null ? '' : `, if it is still ${pod.uid}`}`,
          target: podEntity(pod),
          requests: [remove(path, pod.uid, facts.live == null ? undefined : GRACE_SECONDS)],
          blast_radius: isBare
            ? 'this pod, which nothing makes again; its data that is on no volume is lost'
            : 'this pod; its data that is on no volume is lost',
          undo: again.length > 0 ? undoText(again) : byHand,
          undo_requests: again,
          risks: isBare ? ['nothing makes this pod again'] : []
        }
      }),
    notes: victims.pods
      .filter(({ isStatic }) => isStatic)
      .map((pod) => `${podText(pod)} is not deleted: it is a static pod, and the kubelet would make it again`)
  })
}

function unscheduled(pod: ReturnType<typeof recreatable>): ReturnType<typeof recreatable> {
  const { nodeName: _, ...spec } = (pod['spec'] ?? {}) as Readonly<Record<string, unknown>>
  return { ...pod, spec }
}
