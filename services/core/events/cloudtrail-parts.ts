import type {
  CloudEvent,
  CloudIdentity,
  CloudResource,
  CloudSessionContext,
  CloudSessionIssuer,
  CloudWebIdentity,
  CloudWorkload
} from '../../../schemas/generated/types.ts'
import { at, isObject, type JsonObject, stringAt } from '../json.ts'
import { bodyOf, type Cuts, textMapOf, textOf } from './fields.ts'

const FIELD = 'userIdentity'

function issuerFrom(value: unknown, cuts: Cuts): CloudSessionIssuer | null {
  if (!isObject(value) || Object.keys(value).length === 0) return null
  const text = (key: string) => textOf(value[key], `${FIELD}.sessionContext.sessionIssuer.${key}`, cuts)
  return {
    type: text('type'),
    principalId: text('principalId'),
    arn: text('arn'),
    accountId: text('accountId'),
    userName: text('userName')
  }
}

function webIdentityFrom(value: unknown, cuts: Cuts): CloudWebIdentity | null {
  if (!isObject(value) || Object.keys(value).length === 0) return null
  const field = `${FIELD}.sessionContext.webIdFederationData`
  return {
    federatedProvider: textOf(value.federatedProvider, `${field}.federatedProvider`, cuts),
    attributes: textMapOf(value.attributes, `${field}.attributes`, cuts)
  }
}

function sessionFrom(value: unknown, cuts: Cuts): CloudSessionContext | null {
  if (!isObject(value)) return null
  const field = `${FIELD}.sessionContext`
  return {
    sessionIssuer: issuerFrom(value.sessionIssuer, cuts),
    webIdFederationData: webIdentityFrom(value.webIdFederationData, cuts),
    attributes: textMapOf(value.attributes, `${field}.attributes`, cuts),
    ec2RoleDelivery: textOf(value.ec2RoleDelivery, `${field}.ec2RoleDelivery`, cuts),
    sourceIdentity: textOf(value.sourceIdentity, `${field}.sourceIdentity`, cuts)
  }
}

/** CloudTrail's userIdentity; without values where there is none. */
export function cloudIdentityFrom(value: unknown, cuts: Cuts): CloudIdentity {
  const given = isObject(value) ? value : {}
  const text = (key: string) => textOf(given[key], `${FIELD}.${key}`, cuts)
  return {
    type: text('type'),
    principalId: text('principalId'),
    arn: text('arn'),
    accountId: text('accountId'),
    accessKeyId: text('accessKeyId'),
    userName: text('userName'),
    invokedBy: text('invokedBy'),
    identityProvider: text('identityProvider'),
    sessionContext: sessionFrom(given.sessionContext, cuts)
  }
}

const MOST_RESOURCES = 100

export function cloudResourcesFrom(value: unknown, cuts: Cuts): CloudResource[] {
  if (!Array.isArray(value)) return []
  if (value.length > MOST_RESOURCES) cuts.push('resources')
  return value
    .slice(0, MOST_RESOURCES)
    .filter(isObject)
    .map((item) => ({
      ARN: textOf(item.ARN, 'resources.ARN', cuts),
      accountId: textOf(item.accountId, 'resources.accountId', cuts),
      type: textOf(item.type, 'resources.type', cuts)
    }))
}

/**
 * What would let whoever reads it act for somebody. CloudTrail hides most of it itself; the token of a session, of no use without
 * its key, it does not.
 */
const SECRET = /^(?:session_?token|secret_?access_?key|password|webIdentityToken|SAMLAssertion)$/i
const DEPTH = 8

function withoutSecrets(value: unknown, depth: number): unknown {
  if (depth === 0 || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth - 1))
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !SECRET.test(key) && key !== '__proto__')
      .map(([key, inner]) => [key, withoutSecrets(inner, depth - 1)])
  )
}

/** A body as JSON text, without secrets. */
export function cloudBodyOf(value: unknown, field: string, cuts: Cuts): string | null {
  return bodyOf(isObject(value) ? withoutSecrets(value, DEPTH) : value, field, cuts)
}

/** Session tags as CloudTrail has them: a list of keys and values, or a map. */
function sessionTags(request: unknown): ReadonlyMap<string, string> {
  const tags = new Map<string, string>()
  const listed = at(request, ['tags'])
  for (const tag of Array.isArray(listed) ? listed.slice(0, MOST_RESOURCES) : []) {
    const key = stringAt(tag, 'key')
    const value = stringAt(tag, 'value')
    if (key !== null && value !== null) tags.set(key, value)
  }
  const mapped = at(request, ['principalTags'])
  for (const [key, value] of isObject(mapped) ? Object.entries(mapped) : []) {
    if (typeof value === 'string') tags.set(key, value)
  }
  return tags
}

const ACCOUNT = /^system:serviceaccount:([a-z0-9.-]{1,253}):([a-z0-9.-]{1,253})$/
/** In the ARN of a provider, or as the issuer's URL. */
const ISSUER = /^(?:arn:[a-z-]+:iam::\d{12}:oidc-provider\/|https:\/\/)([^\s]{1,512})$/
const POD_IDENTITY = 'pods.eks.amazonaws.com'
const LONGEST_NAME = 512

const bounded = (text: string | undefined | null): string | null =>
  text === undefined || text === null || text === '' || text.length > LONGEST_NAME ? null : text

/**
 * Which workload an event is of. Two ways lead from a pod to a role: its service account's token is exchanged for a session
 * (the token's subject names the account), or EKS Pod Identity takes the role for it and tags the session with what it is for.
 * Later requests of a session name the issuer of its token, but neither account nor pod.
 */
export function cloudWorkloadOf(
  identity: CloudIdentity,
  request: unknown,
  response: unknown,
  errorCode: string | null
): CloudWorkload | null {
  const provider = identity.identityProvider ?? identity.sessionContext?.webIdFederationData?.federatedProvider ?? null
  const issuer = bounded(provider === null ? null : ISSUER.exec(provider)?.[1])
  const isWebIdentity = identity.type === 'WebIdentityUser'
  // A request that was refused says whose token it claims to have; the token was not checked, or did not pass.
  const subject =
    isWebIdentity && errorCode === null
      ? (identity.userName ?? stringAt(response, 'subjectFromWebIdentityToken'))
      : null
  const account = subject === null ? null : ACCOUNT.exec(subject)
  if (account !== null) {
    const [, namespace = '', name = ''] = account
    const service_account = `${namespace}/${name}`
    return { service_account, namespace, pod_name: null, pod_uid: null, cluster_arn: null, issuer }
  }
  // Anybody may tag his session so; only the service's own request proves it.
  const tags = identity.invokedBy === POD_IDENTITY ? sessionTags(request) : new Map<string, string>()
  const namespace = bounded(tags.get('kubernetes-namespace'))
  const name = bounded(tags.get('kubernetes-service-account'))
  const pod_uid = bounded(tags.get('kubernetes-pod-uid'))
  if (namespace === null && pod_uid === null) {
    return issuer === null
      ? null
      : { service_account: null, namespace: null, pod_name: null, pod_uid: null, cluster_arn: null, issuer }
  }
  return {
    service_account: namespace === null || name === null ? null : `${namespace}/${name}`,
    namespace,
    pod_name: bounded(tags.get('kubernetes-pod-name')),
    pod_uid,
    cluster_arn: bounded(tags.get('eks-cluster-arn')),
    issuer
  }
}

const KEY_ID = /^[A-Z0-9]{16,128}$/

/** Id of the access key that a request brought: of a session, or of a user's new key. */
export function issuedKeyOf(response: JsonObject | null): string | null {
  const id = stringAt(response, 'credentials', 'accessKeyId') ?? stringAt(response, 'accessKey', 'accessKeyId')
  return id !== null && KEY_ID.test(id) ? id : null
}

/** Name of the session of a role: behind the colon of its principal, or the end of its ARN. */
export function sessionNameOf({ type, principalId, arn }: CloudEvent['userIdentity']): string | null {
  if (type !== 'AssumedRole') return null
  const colon = principalId?.indexOf(':') ?? -1
  if (principalId !== null && colon !== -1) return principalId.slice(colon + 1) || null
  return arn?.split('/').at(-1) ?? null
}
