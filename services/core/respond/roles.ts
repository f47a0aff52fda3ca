import type { PolicyRule } from './permissions.ts'
import { ACTIONS } from './plan.ts'
import { ACTION_NAMES, type ActionName } from './playbook.ts'

const RBAC = 'rbac.authorization.k8s.io'
const PART_OF = { 'app.kubernetes.io/part-of': 'weir' } as const

/**
 * How many plans can have permissions at a time. Everything that is made for a plan bears the name of a slot, so that the
 * responder need only have the right to delete objects of these names.
 */
export const SLOTS = ['weir-jit-0', 'weir-jit-1', 'weir-jit-2', 'weir-jit-3'] as const
export type Slot = (typeof SLOTS)[number]

/** Namespace in which accounts, and nothing else, are made for plans. */
export const PERMISSION_NAMESPACE = 'weir-jit'
/** The responder's own account, in Weir's namespace. */
export const RESPONDER_ACCOUNT = 'weir-responder'

/** The cluster role that holds the most an action may need; it is bound in a namespace for as long as a role is made from it. */
export function roleOfAction(action: ActionName): string {
  return `weir-respond-${action.replaceAll('_', '-')}`
}

/** Actions that need anything of the API server. */
const GRANTED_ACTIONS: readonly ActionName[] = ACTION_NAMES.filter((name) => ACTIONS[name].rbac.length > 0)

/**
 * Name of the binding by which the responder itself holds an action's role in a namespace for the moment in which it makes the
 * narrow role of a plan: the API server lets nobody make a role that allows more than they hold.
 */
export function seedOf(slot: Slot, action: ActionName): string {
  return `${slot}-${action.replaceAll('_', '-')}`
}

/** What the responder may always do: look at what it plans from. */
const READS: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['pods', 'nodes', 'replicationcontrollers'], verbs: ['get', 'list'] },
  { apiGroups: [''], resources: ['namespaces', 'serviceaccounts'], verbs: ['get'] },
  {
    apiGroups: ['apps'],
    resources: ['deployments', 'daemonsets', 'statefulsets', 'replicasets'],
    verbs: ['get', 'list']
  },
  { apiGroups: ['batch'], resources: ['jobs', 'cronjobs'], verbs: ['get', 'list'] },
  { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: ['list'] },
  { apiGroups: ['*'], resources: ['*/scale'], verbs: ['get'] },
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['get'] },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
    verbs: ['get', 'list']
  },
  { apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'], verbs: ['get'] },
  {
    apiGroups: [RBAC],
    resources: ['rolebindings', 'clusterrolebindings', 'roles', 'clusterroles'],
    verbs: ['get', 'list']
  }
]

/** What it may do to give itself more, for a while: never more than the roles of actions hold, which the API server sees to. */
function grantingRules(): readonly PolicyRule[] {
  const kinds = ['rolebindings', 'clusterrolebindings', 'roles', 'clusterroles']
  return [
    { apiGroups: [RBAC], resources: kinds, verbs: ['create'] },
    {
      apiGroups: [RBAC],
      resources: kinds,
      verbs: ['delete'],
      resourceNames: SLOTS.flatMap((slot) => [slot, ...GRANTED_ACTIONS.map((name) => seedOf(slot, name))])
    },
    {
      apiGroups: [RBAC],
      resources: ['clusterroles'],
      verbs: ['bind'],
      resourceNames: GRANTED_ACTIONS.map(roleOfAction)
    }
  ]
}

type Manifest = Readonly<Record<string, unknown>>

function role(
  kind: 'Role' | 'ClusterRole',
  name: string,
  namespace: string | null,
  rules: readonly PolicyRule[]
): Manifest {
  const metadata = { name, ...(namespace === null ? {} : { namespace }), labels: PART_OF }
  return { apiVersion: `${RBAC}/v1`, kind, metadata, rules }
}

function binding(of: 'Role' | 'ClusterRole', name: string, namespace: string | null, weir_namespace: string): Manifest {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: namespace === null ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: { name, ...(namespace === null ? {} : { namespace }), labels: PART_OF },
    roleRef: { apiGroup: RBAC, kind: of, name },
    subjects: [{ kind: 'ServiceAccount', name: RESPONDER_ACCOUNT, namespace: weir_namespace }]
  }
}

/** Accounts of slots, as the API server knows them. */
const JIT_USERS = `request.userInfo.username.startsWith('system:serviceaccount:${PERMISSION_NAMESPACE}:')`

/**
 * What RBAC cannot say, said to the API server itself: the responder, even one that has been taken over, makes bindings of its
 * slots only, never in namespaces of the control plane, and what it makes cannot change what containers run.
 */
function admissionPolicies(weir_namespace: string): readonly Manifest[] {
  const responder = `system:serviceaccount:${weir_namespace}:${RESPONDER_ACCOUNT}`
  const policy = (
    name: string,
    condition: string,
    rules: readonly Manifest[],
    validations: ReadonlyArray<{ readonly expression: string; readonly message: string }>
  ): readonly Manifest[] => [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name, labels: PART_OF },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: { resourceRules: rules },
        matchConditions: [{ name: 'of-weir', expression: condition }],
        validations
      }
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name, labels: PART_OF },
      spec: { policyName: name, validationActions: ['Deny'] }
    }
  ]
  const unchanged = (path: string) =>
    [
      'containers',
      'initContainers',
      'volumes',
      'serviceAccountName',
      'hostPID',
      'hostNetwork',
      'hostIPC',
      'securityContext'
    ]
      .map((field) => {
        const [now, before] = [`object.${path}.${field}`, `oldObject.${path}.${field}`]
        return `(has(${now}) ? has(${before}) && ${now} == ${before} : !has(${before}))`
      })
      .join(' && ')
  // One policy for each place of the pod's specification: the API server checks expressions against the types of all they are for.
  const changing = (name: string, api_group: string, resources: readonly string[], path: string) =>
    policy(
      `weir-responder-${name}`,
      `${JIT_USERS} || request.userInfo.username == '${responder}'`,
      [{ apiGroups: [api_group], apiVersions: ['v1'], operations: ['UPDATE'], resources }],
      [{ expression: unchanged(path), message: 'Weir stops workloads; it does not change what they run.' }]
    )
  const granting = (resources: readonly string[]): readonly Manifest[] => [
    { apiGroups: [RBAC], apiVersions: ['v1'], operations: ['CREATE'], resources }
  ]
  const placed = [
    {
      expression: `object.metadata.name.matches('^weir-jit-[0-3](-[a-z-]+)?$')`,
      message: 'Weir grants permissions by the names of its slots only.'
    },
    {
      expression: `!(object.metadata.?namespace.orValue('') in ['kube-system', 'kube-public', 'kube-node-lease', '${weir_namespace}', '${PERMISSION_NAMESPACE}'])`,
      message: 'Weir takes no permissions in namespaces of the control plane or its own.'
    }
  ]
  const isResponder = `request.userInfo.username == '${responder}'`
  return [
    ...policy('weir-responder-roles', isResponder, granting(['roles', 'clusterroles']), placed),
    ...policy('weir-responder-bindings', isResponder, granting(['rolebindings', 'clusterrolebindings']), [
      ...placed,
      {
        expression: `!has(object.subjects) || object.subjects.all(s, s.kind == 'ServiceAccount' && ((s.?namespace.orValue('') == '${PERMISSION_NAMESPACE}' && s.name == object.metadata.name) || (s.?namespace.orValue('') == '${weir_namespace}' && s.name == '${RESPONDER_ACCOUNT}' && object.metadata.name.matches('^weir-jit-[0-3]-[a-z-]+$'))))`,
        message: 'Weir gives permissions to accounts of its slots only.'
      }
    ]),
    ...changing('pods', '', ['pods'], 'spec'),
    ...changing('daemonsets', 'apps', ['daemonsets'], 'spec.template.spec'),
    ...changing('jobs', 'batch', ['jobs'], 'spec.template.spec'),
    ...changing('cronjobs', 'batch', ['cronjobs'], 'spec.jobTemplate.spec.template.spec')
  ]
}

/**
 * What has to be in a cluster for the responder to act there: its account with the little it may always do, a cluster role for
 * each action, and the policies that hold it to its slots.
 * @param weir_namespace where the responder's account is
 */
export function responderManifests(weir_namespace: string): readonly Manifest[] {
  const labels = PART_OF
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: PERMISSION_NAMESPACE, labels } },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: RESPONDER_ACCOUNT, namespace: weir_namespace, labels }
    },
    role('ClusterRole', RESPONDER_ACCOUNT, null, [...READS, ...grantingRules()]),
    binding('ClusterRole', RESPONDER_ACCOUNT, null, weir_namespace),
    role('Role', RESPONDER_ACCOUNT, PERMISSION_NAMESPACE, [
      { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['create', 'list'] },
      { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['get', 'patch', 'delete'], resourceNames: SLOTS },
      { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'], resourceNames: SLOTS },
      // What has been begun and done, see the ledger of the responder.
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'create', 'update', 'delete'] }
    ]),
    binding('Role', RESPONDER_ACCOUNT, PERMISSION_NAMESPACE, weir_namespace),
    // The kill switch: it may look, and cannot turn it off.
    role('Role', RESPONDER_ACCOUNT, weir_namespace, [
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get'], resourceNames: ['weir-stop'] }
    ]),
    binding('Role', RESPONDER_ACCOUNT, weir_namespace, weir_namespace),
    ...GRANTED_ACTIONS.map((name) => role('ClusterRole', roleOfAction(name), null, ACTIONS[name].rbac)),
    ...admissionPolicies(weir_namespace)
  ]
}
