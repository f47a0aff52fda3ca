import { arrayAt, type JsonObject, stringAt } from '../../json.ts'
import { byOperator, corePath, create, groupClusterPath, groupPath, recreatable, remove, uidOf } from '../requests.ts'
import type { ObjectVictim } from '../victims.ts'
import { type ActionDeclaration, type DraftStep, type PlanInput, undoText } from './action.ts'

const RBAC = 'rbac.authorization.k8s.io'
const ADMISSION = 'admissionregistration.k8s.io'
const WEBHOOKS: ReadonlySet<string> = new Set(['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'])
const TOKEN_TYPE = 'kubernetes.io/service-account-token'

/** Where the API has an object of the incident, beside pods and workloads; null for resources that no action is about. */
export function objectPath({ resource, namespace, name }: ObjectVictim): string | null {
  if (resource === 'rolebindings' && namespace !== null) return groupPath(RBAC, 'v1', namespace, resource, name)
  if (resource === 'clusterrolebindings') return groupClusterPath(RBAC, 'v1', resource, name)
  if (resource === 'secrets' && namespace !== null) return corePath(namespace, resource, name)
  if (resource === 'certificatesigningrequests') return groupClusterPath('certificates.k8s.io', 'v1', resource, name)
  return WEBHOOKS.has(resource) ? groupClusterPath(ADMISSION, 'v1', resource, name) : null
}

interface Found {
  readonly victim: ObjectVictim
  readonly path: string
  readonly object: JsonObject
  readonly text: string
}

function found({ victims, facts }: PlanInput, wanted: (victim: ObjectVictim) => boolean) {
  const objects: Found[] = []
  const notes: string[] = []
  for (const victim of victims.objects.filter(wanted)) {
    const path = objectPath(victim)
    if (path === null) continue
    const text = `${victim.resource} ${victim.namespace === null ? '' : `${victim.namespace}/`}${victim.name}`
    const object = facts.live?.objects.get(path)
    if (object === undefined) notes.push(`${text} is left alone: it was not found in the cluster`)
    else objects.push({ victim, path, object, text })
  }
  return { objects, notes }
}

/** A deletion whose undo makes the object again as it was. */
function deletion(
  name: string,
  type: 'role_binding' | 'object',
  one: Found,
  texts: Pick<DraftStep, 'description' | 'blast_radius' | 'risks'>
): DraftStep {
  const collection = one.path.slice(0, one.path.lastIndexOf('/'))
  // To make bindings and webhooks takes rights that could be turned into any other.
  const undo = [byOperator(create(collection, recreatable(one.object)))]
  const id = one.text.replace(' ', '/')
  return {
    name,
    target: { type, id, name: id, role: 'target' },
    requests: [remove(one.path, uidOf(one.object))],
    undo: undoText(undo),
    undo_requests: undo,
    ...texts
  }
}

/** Deletes bindings that the attack made. */
export const deleteRoleBinding: ActionDeclaration = {
  description: 'Deletes role bindings and cluster role bindings that the attack made.',
  parameters: 'bindings that a request of the incident created',
  rbac: [{ apiGroups: [RBAC], resources: ['rolebindings', 'clusterrolebindings'], verbs: ['get', 'delete'] }],
  blast_radius: 'everybody whom the binding names loses what it gave',
  preconditions: 'the binding has the UID that was looked at, and is none of the control plane',
  undo: 'the binding is made again, with the rights of the person who takes it back: Weir cannot give rights',
  example: '- action: delete_role_binding',
  plan: (input) => {
    const { objects, notes } = found(input, ({ resource, made }) => made && resource.endsWith('rolebindings'))
    return {
      notes,
      steps: objects.map((one) => {
        const subjects = arrayAt(one.object, 'subjects').map((subject) => stringAt(subject, 'name') ?? '')
        return deletion('delete_role_binding', 'role_binding', one, {
          description: `Delete ${one.text}, which the attack made`,
          blast_radius: `${subjects.join(', ') || 'nobody'} loses what ${stringAt(one.object, 'roleRef', 'name') ?? 'the role'} allows`,
          risks: []
        })
      })
    }
  }
}

/** Deletes token secrets that the attack read or made: what it read is void from then on. */
export const deleteTokenSecret: ActionDeclaration = {
  description:
    'Deletes secrets with tokens of service accounts that the attack read or made: the tokens are void from then on.',
  parameters: 'secrets that requests of the incident read or created',
  rbac: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'delete'] }],
  blast_radius: 'whatever uses this token; pods use other ones',
  preconditions: 'the secret has the UID that was looked at and holds a token of a service account',
  undo: null,
  example: '- action: delete_token_secret',
  plan: (input) => {
    const { objects, notes } = found(input, ({ resource }) => resource === 'secrets')
    // Its data is never read: what tells a token secret is an annotation.
    const account = ({ object }: Found) =>
      stringAt(object, 'metadata', 'annotations', 'kubernetes.io/service-account.name')
    const tokens = objects.filter((one) => account(one) !== null)
    return {
      notes: [
        ...notes,
        ...objects
          .filter((one) => account(one) === null)
          .map(
            ({ text }) =>
              `${text} is left alone: it is not of type ${TOKEN_TYPE}; what it holds is to be changed where it is used`
          )
      ],
      steps: tokens.map((one) => ({
        ...deletion('delete_token_secret', 'object', one, {
          description: `Delete ${one.text}, a token of service account ${account(one)}`,
          blast_radius: 'whatever uses this token; pods use other ones',
          risks: ['what runs outside of the cluster with this token stops working']
        }),
        // A token that was read must not come back.
        undo: null,
        undo_requests: []
      }))
    }
  }
}

/**
 * Takes away certificate requests that the attack made. To refuse one takes the right to approve it, and who can approve
 * certificates can become anybody: so the request is deleted, which comes to the same for who asked.
 */
export const denyCertificateRequest: ActionDeclaration = {
  description:
    'Deletes certificate requests that the attack made and that nobody has decided. To refuse one would take the right to approve all.',
  parameters: 'certificate signing requests that a request of the incident created',
  rbac: [{ apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'], verbs: ['get', 'delete'] }],
  blast_radius: 'who asked gets no certificate',
  preconditions:
    'the request has the UID that was looked at and is not approved: a certificate that was issued cannot be taken back',
  undo: null,
  example: '- action: deny_certificate_request',
  plan: (input) => {
    const { objects, notes } = found(input, ({ resource, made }) => made && resource === 'certificatesigningrequests')
    const decided = ({ object }: Found) => arrayAt(object, 'status', 'conditions').length > 0
    return {
      notes: [
        ...notes,
        ...objects
          .filter(decided)
          .map(({ text }) => `${text} is decided already: a certificate that was issued is good until it expires`)
      ],
      steps: objects
        .filter((one) => !decided(one))
        .map((one) => ({
          ...deletion('deny_certificate_request', 'object', one, {
            description: `Delete ${one.text}, which nobody has decided`,
            blast_radius: 'who asked gets no certificate',
            risks: []
          }),
          undo: null,
          undo_requests: []
        }))
    }
  }
}

/** Removes admission webhooks that the attack registered. */
export const removeWebhook: ActionDeclaration = {
  description: 'Removes admission webhooks that the attack registered: they see and change what others create.',
  parameters: 'webhook configurations that a request of the incident created',
  rbac: [{ apiGroups: [ADMISSION], resources: [...WEBHOOKS], verbs: ['get', 'delete'] }],
  blast_radius: 'requests are no longer shown to the webhook',
  preconditions: 'the configuration has the UID that was looked at',
  undo: 'the configuration is made again from its manifest, with the rights of the person who takes it back',
  example: '- action: remove_webhook',
  plan: (input) => {
    const { objects, notes } = found(input, ({ resource, made }) => made && WEBHOOKS.has(resource))
    return {
      notes,
      steps: objects.map((one) =>
        deletion('remove_webhook', 'object', one, {
          description: `Remove ${one.text}, which the attack registered`,
          blast_radius: 'requests are no longer shown to this webhook',
          risks: ['if it was a guard after all, nothing guards what it did']
        })
      )
    }
  }
}
