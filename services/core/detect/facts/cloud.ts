import type { CloudEvent } from '../../../../schemas/generated/types.ts'
import { addressFacts } from './address.ts'
import { type Fact, type FactSubject, fact } from './fact.ts'

/** What sort of identity asks a cloud. */
export type CloudIdentityKind = 'workload' | 'node' | 'federated' | 'service' | 'role' | 'user' | 'root' | 'other'

const ACCOUNT_SUBJECT = /^system:serviceaccount:/
/** Issuers of the tokens of EKS clusters. Clusters that people run themselves have issuers anywhere. */
const EKS_ISSUER = /(?:^|\/)oidc\.eks(?:-[a-z]+)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws)\//
/** Names that EKS Pod Identity and EC2 give to the sessions they take roles for. */
const POD_SESSION = /^eks-[0-9A-Za-z]/
const INSTANCE_SESSION = /^i-[0-9a-f]{8,17}$/

/**
 * Tells who asked by how the credentials came about: a pod by its service account's token or by EKS Pod Identity, a node by its
 * instance's role, other sessions of tokens, roles, users.
 */
export function cloudIdentityKind({ userIdentity, session_name, workload }: CloudEvent): CloudIdentityKind {
  const { type, userName, invokedBy, sessionContext } = userIdentity
  if (type === 'WebIdentityUser') return ACCOUNT_SUBJECT.test(userName ?? '') ? 'workload' : 'federated'
  if (type === 'AssumedRole') {
    const provider = workload?.issuer ?? sessionContext?.webIdFederationData?.federatedProvider ?? null
    if (provider !== null) return EKS_ISSUER.test(provider) ? 'workload' : 'federated'
    if (session_name !== null && POD_SESSION.test(session_name)) return 'workload'
    if (session_name !== null && INSTANCE_SESSION.test(session_name)) return 'node'
    return 'role'
  }
  if (type === 'IAMUser') return 'user'
  if (type === 'Root') return 'root'
  if (type === 'FederatedUser' || type === 'SAMLUser' || type === 'IdentityCenterUser') return 'federated'
  return type === 'AWSService' || invokedBy !== null ? 'service' : 'other'
}

/** A fact of events of a cloud's trail; others have none. */
function cloud(from: (event: CloudEvent) => unknown) {
  return ({ event }: FactSubject): unknown => (event.cloud === null ? null : from(event.cloud))
}

/** Facts from the trail of a cloud account. */
export const CLOUD_FACTS = {
  'facts.cloud.identity': fact(
    null,
    [],
    "Who asked a cloud: workload (a pod's role), node (an instance's role), federated, service, role, user, root or other.",
    cloud(cloudIdentityKind)
  ),
  'facts.cloud.public_network': fact(
    null,
    [],
    'The network that a request to a cloud came from, where that is a public one: /24 for IPv4, /48 for IPv6.',
    ({ event }) => {
      const { kind, network } = addressFacts(event.cloud === null ? null : event.source_ip)
      return kind === 'public' ? network : null
    }
  ),
  'facts.cloud.who': fact(
    null,
    [],
    'Name of who asked a cloud: ARN, name or principal.',
    cloud(({ userIdentity: { arn, userName, principalId, invokedBy } }) => arn ?? userName ?? principalId ?? invokedBy)
  )
} as const satisfies Readonly<Record<string, Fact>>
