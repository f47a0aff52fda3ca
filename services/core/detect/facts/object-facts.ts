import { stringAt } from '../../json.ts'
import { certificateRequestOf } from './certificate-request.ts'
import { credentialsIn } from './credentials.ts'
import { audit, type Fact, type FactSubject, fact, factOf } from './fact.ts'
import { grantedRights, grantsToActor, isOwned, replicasOf, roleOf, subjectsOf } from './grants.ts'
import { lookAlikeOf, trustedNameOf } from './look-alike.ts'
import { patchedFields, requestedObject } from './object.ts'
import { volumePath } from './pod-template.ts'
import { webhookUrls } from './webhook.ts'

/** The name of the object of a request. One that the API server is still to complete stands for itself without its last dash. */
const nameOf = (view: FactSubject, object: unknown): string | null =>
  view.event.audit?.objectRef?.name ??
  stringAt(object, 'metadata', 'name') ??
  stringAt(object, 'metadata', 'generateName')?.replace(/-$/, '') ??
  null

const namesOf = (view: FactSubject, object: unknown): readonly string[] => {
  const reference = view.event.audit?.objectRef
  const names = [nameOf(view, object), reference?.resource === 'namespaces' ? null : (reference?.namespace ?? null)]
  return names.filter((name) => name !== null)
}

/** Facts about the object of an API request. */
export const OBJECT_FACTS = {
  object: fact(
    'object',
    null,
    'The object of an API request, whatever the verb: as asked for by create and update, as it is after a patch (or what the patch sets), as it was before a delete.',
    audit((view) => requestedObject(view.event.audit, view.bodies))
  ),
  'facts.volume_path': factOf(
    'object',
    [],
    'The folder of the host behind a PersistentVolume, normalised.',
    volumePath
  ),
  'facts.owned': factOf(
    'object',
    [],
    'Whether the object has an owner, so that a controller made it and the finding belongs to the owner.',
    isOwned
  ),
  'facts.replicas': factOf('object', [], 'Pods that the object asks for: replicas or parallelism.', replicasOf),
  'facts.patched': fact(
    'request',
    [],
    'Paths that a patch sets, without list indices: spec.template.spec.containers.image.',
    audit((view) => patchedFields(view.event.audit, view.bodies))
  ),
  'facts.subjects': fact(
    'object',
    ['kind', 'name', 'namespace', 'identity'],
    'Subjects of a role binding; identity is the user or group name as audit events have it.',
    (view, facts) => subjectsOf(facts('object'), view.event.audit?.objectRef?.namespace ?? null)
  ),
  'facts.grants_self': fact(
    'object',
    [],
    'Whether a role binding gives rights to who writes it, or to a group that few are in and who writes it is.',
    (view, facts) => {
      const namespace = view.event.audit?.objectRef?.namespace ?? null
      return grantsToActor(subjectsOf(facts('object'), namespace), view.event.actor)
    }
  ),
  'facts.role': factOf('object', ['kind', 'name'], 'The role that a role binding refers to.', roleOf),
  'facts.rights': factOf(
    'object',
    [],
    'Rights that a role gives, each as verb and resource: get secrets, * *, create pods/exec.',
    grantedRights
  ),
  'facts.certificate': factOf(
    'object',
    ['signer', 'common_names', 'organizations', 'readable', 'requester', 'usages'],
    'What a certificate signing request asks for, with the names read from the request itself; readable when all of it could be.',
    certificateRequestOf
  ),
  'facts.webhook_urls': factOf(
    'object',
    ['scheme', 'host', 'port', 'path', 'kind'],
    'URLs outside of services that admission webhooks and conversions of definitions have the API server ask; kind as in facts.urls.',
    webhookUrls
  ),
  'facts.credentials': factOf(
    'object',
    ['key', 'kind'],
    'Credentials in the data of a ConfigMap: key and kind, never the value.',
    credentialsIn
  ),
  'facts.look_alike': fact(
    null,
    ['name', 'of'],
    'Names of the object and its namespace that are one or two characters off from a name of kube-system or of a node component.',
    (view, facts) =>
      namesOf(view, facts('object'))
        .map(lookAlikeOf)
        .filter((found) => found !== null)
  ),
  'facts.trusted_name': fact(
    null,
    [],
    'The name of kube-system or of a node component that the object bears, suffixes of controllers taken away.',
    (view, facts) => {
      const name = nameOf(view, facts('object'))
      return name === null ? null : trustedNameOf(name)
    }
  )
} as const satisfies Readonly<Record<string, Fact>>
