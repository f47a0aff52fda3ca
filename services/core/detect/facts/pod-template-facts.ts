import { workloadKindOfResource } from '../../enrich/workload-kinds.ts'
import { type Fact, type FactSubject, fact, factOf } from './fact.ts'
import { registryLookAlikeOf } from './look-alike.ts'
import { askedPodSpec, podTemplateOf, writesPodSpec } from './object.ts'
import {
  addedContainers,
  boundedContainers,
  commandsOf,
  hostPathsOf,
  imagesOf,
  projectedTokens,
  templateAnnotations,
  weakenedIsolation
} from './pod-template.ts'

/** Where the pod spec lies; null where the request is about a part of a workload that has none, such as its status or scale. */
const podSpecPath = ({ event: { audit } }: FactSubject): readonly string[] | null => {
  const subresource = audit?.objectRef?.subresource ?? null
  if (subresource !== null && subresource !== 'ephemeralcontainers') return null
  return workloadKindOfResource(audit?.objectRef?.resource)?.podSpec ?? null
}

/** Facts about the pod spec in the object of an API request. */
export const POD_TEMPLATE_FACTS = {
  pod_template: fact(
    'pod_template',
    null,
    'The pod spec in that object, whatever the kind of workload: pod_template.hostPID, pod_template.volumes.',
    (view, facts) => {
      const path = podSpecPath(view)
      return path === null ? null : podTemplateOf(facts('object'), path)
    }
  ),
  'facts.writes_pod_spec': fact(
    null,
    [],
    'Whether a write says anything about the pod spec of a workload: not when a patch scales, labels or restarts it.',
    (view) => {
      const { audit } = view.event
      const path = podSpecPath(view)
      return audit !== null && path !== null && writesPodSpec(audit, view.bodies, path)
    }
  ),
  'facts.containers': factOf(
    'pod_template',
    null,
    'Containers, init and ephemeral containers of the pod spec, each as in the API.',
    boundedContainers
  ),
  'facts.commands': factOf(
    'pod_template',
    [],
    'What the pod spec has run: command with args of each container, lifecycle hooks and exec probes.',
    commandsOf
  ),
  'facts.images': factOf(
    'pod_template',
    ['reference', 'registry', 'repository', 'name', 'tag', 'digest'],
    'Images of the pod spec, taken apart. registry is docker.io where none is written.',
    imagesOf
  ),
  'facts.images_set': fact(
    'request',
    [],
    'Images that a write names for a pod spec: all of a create or update, those that a patch changes.',
    (view) => {
      const path = podSpecPath(view)
      const { audit } = view.event
      return path === null || audit === null
        ? []
        : imagesOf(askedPodSpec(audit, view.bodies, path)).map(({ reference }) => reference)
    }
  ),
  'facts.host_paths': factOf(
    'pod_template',
    ['path', 'read_only', 'mounted', 'type'],
    'Host paths of the pod spec, normalised; read_only when every mount of it is.',
    hostPathsOf
  ),
  'facts.tokens': factOf(
    'pod_template',
    ['audience', 'seconds'],
    'Service-account tokens that the pod spec has projected.',
    projectedTokens
  ),
  'facts.weakened': fact(
    'pod_template',
    [],
    'Isolation given up: seccomp_unconfined, apparmor_unconfined, unmasked_proc, shared_process_namespace, root_may_escalate, unsafe_sysctl, host_process.',
    (view, facts) => {
      const path = podSpecPath(view)
      return path === null ? [] : weakenedIsolation(facts('pod_template'), templateAnnotations(facts('object'), path))
    }
  ),
  'facts.added_containers': fact(
    'request',
    null,
    'Containers that a patch puts into a workload beside those it had, each as in the API.',
    (view) => {
      const path = podSpecPath(view)
      return path === null || view.event.audit?.verb !== 'patch' ? [] : addedContainers(view.bodies.request(), path)
    }
  ),
  'facts.registry_look_alike': factOf(
    'pod_template',
    ['name', 'of'],
    'Registries of the images of a pod spec whose host looks like that of a well-known one and is not it.',
    (spec) =>
      imagesOf(spec)
        .map(({ registry }) => registryLookAlikeOf(registry))
        .filter((found) => found !== null)
  )
} as const satisfies Readonly<Record<string, Fact>>
