import { corePath, create, groupPath, mergePatch, requestText } from '../requests.ts'
import { type PlanAction, podEntity, podText } from './action.ts'

const QUARANTINE_LABEL = 'weir.io/quarantine'
/** Digits of the incident's id that are enough for a label. */
const LABEL_CHARACTERS = 16

/** Cuts pods off the network: a label, and a NetworkPolicy per namespace that allows nothing to what carries it. */
export const quarantinePod: PlanAction = ({ victims, incident }) => {
  const label =
    incident.id
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, '')
      .slice(0, LABEL_CHARACTERS) || 'incident'
  const policyName = `weir-quarantine-${label}`
  const withPolicy = new Set<string>()
  const steps = victims.pods.map((pod) => {
    const { namespace, name } = pod
    const path = corePath(namespace, 'pods', name)
    const policies = groupPath('networking.k8s.io', 'v1', namespace, 'networkpolicies')
    const policy = create(policies, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: policyName, labels: { 'app.kubernetes.io/managed-by': 'weir' } },
      spec: { podSelector: { matchLabels: { [QUARANTINE_LABEL]: label } }, policyTypes: ['Ingress', 'Egress'] }
    })
    const isFirst = !withPolicy.has(namespace)
    withPolicy.add(namespace)
    return {
      name: 'quarantine_pod',
      description: `Allow ${podText(pod)} no traffic in or out`,
      target: podEntity(pod),
      requests: [
        // The policy first: without it, the label does nothing.
        ...(isFirst ? [policy] : []),
        mergePatch(path, { metadata: { labels: { [QUARANTINE_LABEL]: label } } })
      ],
      blast_radius:
        'this pod alone. Connections that are open may live on, depending on the network plugin; a NetworkPolicy that selects the pod and allows traffic still allows it',
      undo: `${requestText(mergePatch(path, { metadata: { labels: { [QUARANTINE_LABEL]: null } } }))}${isFirst ? `; DELETE ${groupPath('networking.k8s.io', 'v1', namespace, 'networkpolicies', policyName)}` : ''}`
    }
  })
  return { steps, notes: [] }
}
