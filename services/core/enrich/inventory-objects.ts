import type { InventoryReference } from '../../../schemas/generated/types.ts'
import { arrayAt, at, property, stringAt, stringMapAt } from '../json.ts'

/** Bounds of what is kept of one object: a slice has up to 1,000 endpoints, a binding may have any number of subjects. */
const MAX_REFERENCES = 1_000
const MAX_TEXT_CHARACTERS = 2_048

/** Annotations of a service account that tie it to an identity of a cloud, from the documentation of EKS, GKE and AKS. */
const CLOUD_IDENTITIES = [
  'eks.amazonaws.com/role-arn',
  'iam.gke.io/gcp-service-account',
  'azure.workload.identity/client-id'
]

const texts = (values: readonly unknown[]): string[] =>
  values.filter((value): value is string => typeof value === 'string' && value !== '')

const reference = (
  relation: string,
  kind: string | null,
  name: string | null,
  namespace: string | null = null,
  uid: string | null = null
): readonly InventoryReference[] => (kind === null || name === null ? [] : [{ relation, kind, name, namespace, uid }])

function bindingReferences(object: unknown): readonly InventoryReference[] {
  const namespace = stringAt(object, 'metadata', 'namespace')
  const roleKind = stringAt(object, 'roleRef', 'kind')
  return [
    ...reference('role', roleKind, stringAt(object, 'roleRef', 'name'), roleKind === 'Role' ? namespace : null),
    ...arrayAt(object, 'subjects').flatMap((subject) =>
      reference('subject', stringAt(subject, 'kind'), stringAt(subject, 'name'), stringAt(subject, 'namespace'))
    )
  ]
}

function endpointReferences(slice: unknown): readonly InventoryReference[] {
  const namespace = stringAt(slice, 'metadata', 'namespace')
  const service = stringAt(slice, 'metadata', 'labels', 'kubernetes.io/service-name')
  return [
    ...reference('service', 'Service', service, namespace),
    ...arrayAt(slice, 'endpoints').flatMap((endpoint) => {
      const target = property(endpoint, 'targetRef')
      return reference(
        'endpoint',
        stringAt(target, 'kind'),
        stringAt(target, 'name'),
        stringAt(target, 'namespace') ?? namespace,
        stringAt(target, 'uid')
      )
    })
  ]
}

function webhookReferences(configuration: unknown): readonly InventoryReference[] {
  return arrayAt(configuration, 'webhooks').flatMap((webhook) => {
    const service = at(webhook, ['clientConfig', 'service'])
    return reference('service', 'Service', stringAt(service, 'name'), stringAt(service, 'namespace'))
  })
}

/**
 * The objects that an object names.
 * @param object parsed JSON of one object of that kind, of any shape
 */
export function referencesOf(object: unknown, kind: string): readonly InventoryReference[] {
  const found = (() => {
    switch (kind) {
      case 'RoleBinding':
      case 'ClusterRoleBinding':
        return bindingReferences(object)
      case 'EndpointSlice':
        return endpointReferences(object)
      case 'ValidatingWebhookConfiguration':
      case 'MutatingWebhookConfiguration':
        return webhookReferences(object)
      default:
        return []
    }
  })()
  return found.slice(0, MAX_REFERENCES)
}

/** A label selector, or a plain map of labels as services have it, in kubectl's notation: `app=web,tier in (a,b),!old`. */
function selectorText(labels: unknown, expressions: readonly unknown[] = []): string {
  const parts = expressions.flatMap((expression) => {
    const key = stringAt(expression, 'key')
    const values = `(${texts(arrayAt(expression, 'values')).join(',')})`
    switch (stringAt(expression, 'operator')) {
      case 'In':
        return [`${key} in ${values}`]
      case 'NotIn':
        return [`${key} notin ${values}`]
      case 'Exists':
        return [`${key}`]
      case 'DoesNotExist':
        return [`!${key}`]
      default:
        return []
    }
  })
  return [...Object.entries(stringMapAt(labels)).map(([key, value]) => `${key}=${value}`), ...parts].join(',')
}

/** What a webhook is called for: `create,update pods`. */
function webhookRules(configuration: unknown): string {
  const rules = arrayAt(configuration, 'webhooks').flatMap((webhook) => arrayAt(webhook, 'rules'))
  return rules
    .map(
      (rule) =>
        `${texts(arrayAt(rule, 'operations')).join(',').toLowerCase()} ${texts(arrayAt(rule, 'resources')).join(',')}`
    )
    .join('; ')
}

const distinct = (values: readonly (string | null)[]): string => [...new Set(values)].filter(Boolean).join(',')

function rawAttributes(object: unknown, kind: string): Readonly<Record<string, string | null>> {
  switch (kind) {
    case 'Pod':
      return {
        phase: stringAt(object, 'status', 'phase'),
        // Of static pods: the UID by which kubelet and runtime know the pod.
        config_hash: stringAt(object, 'metadata', 'annotations', 'kubernetes.io/config.hash')
      }
    case 'Node':
      return {
        kubelet: stringAt(object, 'status', 'nodeInfo', 'kubeletVersion'),
        runtime: stringAt(object, 'status', 'nodeInfo', 'containerRuntimeVersion'),
        kernel: stringAt(object, 'status', 'nodeInfo', 'kernelVersion'),
        os_image: stringAt(object, 'status', 'nodeInfo', 'osImage'),
        boot_id: stringAt(object, 'status', 'nodeInfo', 'bootID'),
        provider_id: stringAt(object, 'spec', 'providerID')
      }
    case 'Service':
      return {
        type: stringAt(object, 'spec', 'type'),
        selector: selectorText(at(object, ['spec', 'selector'])),
        external_name: stringAt(object, 'spec', 'externalName')
      }
    case 'NetworkPolicy':
      return {
        // An empty selector means every pod of the namespace.
        selector:
          selectorText(
            at(object, ['spec', 'podSelector', 'matchLabels']),
            arrayAt(object, 'spec', 'podSelector', 'matchExpressions')
          ) || '*',
        types: texts(arrayAt(object, 'spec', 'policyTypes')).join(',')
      }
    case 'ServiceAccount': {
      const annotations = stringMapAt(object, 'metadata', 'annotations')
      return Object.fromEntries(CLOUD_IDENTITIES.map((name) => [name, annotations[name] ?? null]))
    }
    case 'ValidatingWebhookConfiguration':
    case 'MutatingWebhookConfiguration': {
      const hooks = arrayAt(object, 'webhooks')
      return {
        url: distinct(hooks.map((hook) => stringAt(hook, 'clientConfig', 'url'))),
        rules: webhookRules(object),
        failure_policy: distinct(hooks.map((hook) => stringAt(hook, 'failurePolicy')))
      }
    }
    default:
      return {}
  }
}

/** What else is kept of an object, by its kind; what is not there is left out. */
export function attributesOf(object: unknown, kind: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(rawAttributes(object, kind)).flatMap(([name, value]) =>
      value === null || value === '' ? [] : [[name, value.slice(0, MAX_TEXT_CHARACTERS)] as const]
    )
  )
}

/** A pod that has ended keeps its address in its status, while another pod may have got it. */
export function hasEnded(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}
