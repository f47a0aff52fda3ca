import { plainText } from '../../correlate/text.ts'
import type { ActionDeclaration } from './action.ts'

const MAX_TEXT_BYTES = 300

/** Tells people, in a form that Slack and whatever takes its webhooks understand. */
export const notify: ActionDeclaration = {
  description:
    'Tells people: a POST with a Slack-compatible body to each address of `responder.notify`, signed with HMAC-SHA256 in the header X-Weir-Signature.',
  parameters: 'the incident',
  rbac: [],
  blast_radius: 'none in the cluster; the incident’s title and severity leave it',
  preconditions: 'an address in the settings',
  undo: null,
  example: '- action: notify',
  plan: ({ incident }) => {
    const { id, severity, title } = incident
    const text = `Weir: ${severity} incident ${id}: ${plainText(title, MAX_TEXT_BYTES)}`
    return {
      notes: [],
      steps: [
        {
          name: 'notify',
          description: 'Tell people of the incident',
          target: { type: 'object', id: `incident/${id}`, name: `incident/${id}`, role: 'context' },
          requests: [
            {
              to: 'notify',
              method: 'POST',
              path: '/notify',
              body: JSON.stringify({ text, incident_id: id, severity }),
              content_type: 'application/json'
            }
          ],
          blast_radius: 'none in the cluster; the incident’s title and severity leave it',
          undo: null
        }
      ]
    }
  }
}
