import { corePath, remove } from '../requests.ts'
import { type PlanAction, podEntity, podText } from './action.ts'

/** Deletes pods, each only as long as it is the one that was attacked. Its bound tokens are void from then on. */
export const deletePod: PlanAction = ({ victims }) => ({
  steps: victims.pods
    .filter(({ isStatic }) => !isStatic)
    .map((pod) => ({
      name: 'delete_pod',
      description: `Delete ${podText(pod)}${pod.uid === null ? '' : `, if it is still ${pod.uid}`}`,
      target: podEntity(pod),
      requests: [remove(corePath(pod.namespace, 'pods', pod.name), pod.uid)],
      blast_radius:
        pod.workload?.kind === 'Pod'
          ? 'this pod, which nothing makes again; its data that is on no volume is lost'
          : 'this pod; its data that is on no volume is lost',
      undo: pod.workload?.kind === 'Pod' ? 'create it again from the manifest that was kept as evidence' : null
    })),
  notes: victims.pods
    .filter(({ isStatic }) => isStatic)
    .map((pod) => `${podText(pod)} is not deleted: it is a static pod, and the kubelet would make it again`)
})
