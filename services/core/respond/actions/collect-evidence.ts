import { corePath, get, toAgent } from '../requests.ts'
import { type ActionDeclaration, podEntity, podText } from './action.ts'

/** Most bytes of a container's log. */
const LOG_LIMIT_BYTES = '10485760'

/** Manifest, events and logs of each pod, and what the node's agent can see of it: before anything is destroyed. */
export const collectEvidence: ActionDeclaration = {
  description:
    'Keeps manifest, events and logs of each pod, and what the agent of its node can see of it, before anything is destroyed.',
  parameters: 'pods of the incident',
  rbac: [{ apiGroups: [''], resources: ['pods', 'pods/log', 'events'], verbs: ['get', 'list'] }],
  blast_radius: 'none: it only reads',
  preconditions: 'none: what is gone is said to be gone',
  undo: 'nothing to take back',
  example: '- action: collect_evidence',
  plan: ({ victims }) => ({
    steps: victims.pods.map((pod) => {
      const { namespace, name, node, uid, containers } = pod
      const events = new URLSearchParams({ fieldSelector: `involvedObject.kind=Pod,involvedObject.name=${name}` })
      const log = (container: string | null) =>
        new URLSearchParams({
          ...(container === null ? {} : { container }),
          timestamps: 'true',
          limitBytes: LOG_LIMIT_BYTES
        })
      const named = containers.filter((container) => container.name !== container.id).map((container) => container.name)
      return {
        name: 'collect_evidence',
        description: `Keep manifest, events and logs of ${podText(pod)}`,
        target: podEntity(pod),
        requests: [
          get(corePath(namespace, 'pods', name)),
          get(`${corePath(namespace, 'events')}?${events.toString()}`),
          ...(named.length === 0 ? [null] : named).map((container) =>
            get(`${corePath(namespace, 'pods', name, 'log')}?${log(container).toString()}`)
          ),
          ...(node === null
            ? []
            : [toAgent(node, '/v1/evidence', { pod_uid: uid, containers: containers.map(({ id }) => id) })])
        ],
        blast_radius: 'none: it only reads',
        undo: 'nothing to take back'
      }
    }),
    notes: victims.pods
      .filter(({ node }) => node === null)
      .map((pod) => `no evidence from the node of ${podText(pod)}: which node that is, is not known`)
  })
}
