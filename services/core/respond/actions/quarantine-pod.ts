import type { Incident } from '../../../../schemas/generated/types.ts'
import { corePath, create, groupPath, mapPatch, mergePatch, remove } from '../requests.ts'
import { type ActionDeclaration, podEntity, podText, undoText } from './action.ts'

const QUARANTINE_LABEL = 'weir.io/quarantine'
/** Digits of the incident's id that are enough for a label. */
const LABEL_CHARACTERS = 16

/** What marks objects as those of an incident: a valid value of a label. */
export function incidentLabel({ id }: Incident): string {
  const digits = id.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  return digits.slice(0, LABEL_CHARACTERS) || 'incident'
}

/** Cuts pods off the network: a label, and a NetworkPolicy per namespace that allows nothing to what carries it. */
export const quarantinePod: ActionDeclaration = {
  description:
    'Cuts pods off the network: a label, and a NetworkPolicy per namespace that allows nothing to what carries it.',
  parameters: 'pods of the incident',
  rbac: [
    { apiGroups: [''], resources: ['pods'], verbs: ['get', 'patch'] },
    { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['get', 'create', 'delete'] }
  ],
  blast_radius:
    'the pod. Connections that are open may live on, depending on the network plugin; a NetworkPolicy that selects the pod and allows traffic still allows it',
  preconditions:
    'the network plugin enforces NetworkPolicy, which the API server cannot tell; the pod has the UID that was attacked',
  undo: 'the label and the policy are taken away',
  example: '- action: quarantine_pod',
  plan: ({ victims, incident, facts }) => {
    const label = incidentLabel(incident)
    const policyName = `weir-quarantine-${label}`
    const withPolicy = new Set<string>()
    const steps = victims.pods.map((pod) => {
      const { namespace, name } = pod
      const path = corePath(namespace, 'pods', name)
      const policies = groupPath('networking.k8s.io', 'v1', namespace, 'networkpolicies')
      const policyPath = groupPath('networking.k8s.io', 'v1', namespace, 'networkpolicies', policyName)
      const policy = create(policies, {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: policyName, labels: { 'app.kubernetes.io/managed-by': 'weir' } },
        spec: { podSelector: { matchLabels: { [QUARANTINE_LABEL]: label } }, policyTypes: ['Ingress', 'Egress'] }
      })
      const isFirst = !withPolicy.has(namespace)
      withPolicy.add(namespace)
      const object = facts.live?.objects.get(path)
      const labels = { [QUARANTINE_LABEL]: label }
      const change =
        object === undefined
          ? {
              patch: mergePatch(path, { metadata: { labels } }),
              undo: mergePatch(path, { metadata: { labels: { [QUARANTINE_LABEL]: null } } })
            }
          : mapPatch(path, object, '/metadata/labels', labels)
      const undo = [change.undo, ...(isFirst ? [remove(policyPath, null)] : [])]
      return {
        name: 'quarantine_pod',
        description: `Allow ${podText(pod)} no traffic in or out`,
        target: podEntity(pod),
        // The policy first: without it, the label does nothing.
        requests: [...(isFirst ? [policy] : []), change.patch],
        blast_radius:
          'this pod alone. Connections that are open may live on, depending on the network plugin; a NetworkPolicy that selects the pod and allows traffic still allows it',
        undo: undoText(undo),
        undo_requests: undo,
        risks: [
          'probes and whoever calls this pod fail; a network plugin that enforces no NetworkPolicy lets all through'
        ]
      }
    })
    return { steps, notes: [] }
  }
}
