import { corePath, mapPatch, mergePatch } from '../requests.ts'
import { type ActionDeclaration, podEntity, podText, undoText } from './action.ts'
import { incidentLabel } from './quarantine-pod.ts'

const EVIDENCE_LABEL = 'weir.io/evidence'

/** Marks pods as evidence, for people and for whatever else tidies up. */
export const annotateEvidence: ActionDeclaration = {
  description:
    'Marks pods as evidence with a label that bears the incident’s id, for people and for whatever else tidies up.',
  parameters: 'pods of the incident',
  rbac: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'patch'] }],
  blast_radius: 'none, unless something selects pods by the label weir.io/evidence',
  preconditions: 'the pod has the UID that was attacked',
  undo: 'the label is taken away',
  example: '- action: annotate_evidence',
  plan: ({ victims, incident, facts }) => {
    const labels = { [EVIDENCE_LABEL]: incidentLabel(incident) }
    const steps = victims.pods.map((pod) => {
      const path = corePath(pod.namespace, 'pods', pod.name)
      const object = facts.live?.objects.get(path)
      const { patch, undo } =
        object === undefined
          ? {
              patch: mergePatch(path, { metadata: { labels } }),
              undo: mergePatch(path, { metadata: { labels: { [EVIDENCE_LABEL]: null } } })
            }
          : mapPatch(path, object, '/metadata/labels', labels)
      return {
        name: 'annotate_evidence',
        description: `Mark ${podText(pod)} as evidence`,
        target: podEntity(pod),
        requests: [patch],
        blast_radius: 'none, unless something selects pods by this label',
        undo: undoText([undo]),
        undo_requests: [undo]
      }
    })
    return { steps, notes: [] }
  }
}
