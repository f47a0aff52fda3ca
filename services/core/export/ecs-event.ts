import type { Container, EnrichedEvent, Pod, PodSpec, Workload } from '../../../schemas/generated/types.ts'
import { compact, type Draft, freeForm, type Tally, text, texts } from './bounds.ts'
import { auditCategory, auditFields } from './ecs-audit.ts'
import { cloudCategory, cloudFields } from './ecs-cloud.ts'
import { runtimeCategory, runtimeFields } from './ecs-runtime.ts'
import { isoTime } from './iso-time.ts'

/** Version of the Elastic Common Schema whose field names the documents use. */
export const ECS_VERSION = '9.0.0'

/** Mark on documents whose own time cannot be shown as a date; they then carry the time of receipt. */
export const TAG_BAD_TIME = 'event_time_invalid'

export function clusterFields(cluster: { readonly id: string; readonly name: string }, tally: Tally): Draft {
  return { id: text(cluster.id, tally), name: text(cluster.name, tally) }
}

/** ECS `container`, with the security context ECS has had since 8.17. */
export function containerFields(container: Container, tally: Tally): Draft | undefined {
  const imageId = text(container.image_id, tally)
  return compact({
    id: text(container.id, tally),
    name: text(container.name, tally),
    image: compact({
      name: text(container.image_name, tally),
      hash: imageId === undefined ? undefined : { all: [imageId] }
    }),
    security_context: container.privileged === null ? undefined : { privileged: container.privileged }
  })
}

/** The columns analysts list container events by, under the short names they asked for. */
export function containerColumns(
  container: Container,
  pod: { readonly name: string | null; readonly namespace: string | null } | null,
  tally: Tally
): Draft {
  return {
    pod_namespace: text(pod?.namespace, tally),
    pod_name: text(pod?.name, tally),
    image_name: text(container.image_name, tally),
    image_id: text(container.image_id, tally),
    container_id: text(container.id, tally),
    privileged: container.privileged ?? undefined
  }
}

function podFields(pod: Pod, tally: Tally): Draft | undefined {
  return compact({
    uid: text(pod.uid, tally),
    name: text(pod.name, tally),
    ip: text(pod.ip, tally),
    service_account: text(pod.service_account, tally),
    labels: freeForm(pod.labels, tally),
    app: text(pod.labels['app.kubernetes.io/name'] ?? pod.labels['app'], tally),
    created: isoTime(pod.created),
    host_network: pod.host_network ?? undefined,
    host_pid: pod.host_pid ?? undefined,
    host_ipc: pod.host_ipc ?? undefined
  })
}

export function workloadFields(workload: Workload | null, tally: Tally): Draft | undefined {
  if (workload === null) return undefined
  return compact({
    kind: text(workload.kind, tally),
    name: text(workload.name, tally),
    namespace: text(workload.namespace, tally),
    uid: text(workload.uid, tally)
  })
}

function podSpecFields(spec: PodSpec | null, tally: Tally): Draft | undefined {
  if (spec === null) return undefined
  return compact({
    privileged: spec.privileged,
    host_network: spec.host_network,
    host_pid: spec.host_pid,
    host_ipc: spec.host_ipc,
    host_paths: texts(spec.host_paths, tally),
    capabilities: texts(spec.capabilities, tally),
    images: texts(spec.images, tally),
    commands: texts(spec.commands, tally),
    service_account: text(spec.service_account, tally)
  })
}

function actorFields(event: EnrichedEvent, tally: Tally): Draft | undefined {
  const { actor } = event
  if (actor === null) return undefined
  return compact({
    kind: text(actor.kind, tally),
    name: text(actor.name, tally),
    impersonator: text(actor.impersonator, tally),
    is_system: actor.is_system,
    service_account: text(actor.service_account, tally),
    credential_id: text(actor.credential_id, tally),
    pod_uid: text(actor.pod_uid, tally),
    pod_name: text(actor.pod_name, tally),
    node_name: text(actor.node_name, tally)
  })
}

function sentence(event: EnrichedEvent): string {
  if (event.audit !== null) {
    const { objectRef, user, verb, requestURI } = event.audit
    const resource = [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/')
    const object = [objectRef?.namespace, objectRef?.name].filter(Boolean).join('/')
    return `${event.actor?.name ?? user.username} ${verb ?? 'requested'} ${resource === '' ? (requestURI ?? '') : resource} ${object}`.trim()
  }
  if (event.cloud !== null) {
    const { arn, userName, principalId, invokedBy } = event.cloud.userIdentity
    const failed = event.cloud.errorCode === null ? '' : ` (${event.cloud.errorCode})`
    return `${arn ?? userName ?? principalId ?? invokedBy ?? 'somebody'} ${event.action}${failed}`
  }
  const process = event.runtime?.process
  const subject = process?.command_line ?? process?.executable ?? process?.name ?? ''
  const network = event.runtime?.network
  const object = event.runtime?.file?.path ?? network?.domain ?? network?.destination_ip ?? ''
  return [event.action, subject, object].filter((part) => part !== '').join(' ')
}

/** What only events of one source have. */
function ofSource(
  event: EnrichedEvent,
  tally: Tally
): { readonly own: Draft; readonly classification: Classification } {
  const { audit, runtime, cloud } = event
  if (audit !== null) return { own: auditFields(audit, event, tally), classification: auditCategory(audit) }
  if (runtime !== null) return { own: runtimeFields(runtime, tally), classification: runtimeCategory(runtime) }
  if (cloud !== null) return { own: cloudFields(cloud, event, tally), classification: cloudCategory(cloud) }
  return { own: {}, classification: { category: [], type: [] } }
}

interface Classification {
  readonly category: readonly string[]
  readonly type: readonly string[]
}

/**
 * An enriched event as an ECS document.
 * @returns plain JSON (undefined values are to be left out); never throws on odd values: what does not fit a field is left
 *   out, what is too long is cut, and `weir.truncated` counts the cuts
 */
export function eventDocument(event: EnrichedEvent): Draft {
  const tally: Tally = { truncated: 0 }
  const { pod, container, audit, runtime } = event
  const { own, classification } = ofSource(event, tally)
  const { kubernetes, resource, weir, message, ...rest } = own
  const time = isoTime(event.time)
  const node = pod?.node ?? (runtime === null ? event.actor?.node_name : event.source.instance)
  const document: Draft = {
    ...rest,
    '@timestamp': time ?? isoTime(event.received) ?? isoTime(0),
    ecs: { version: ECS_VERSION },
    tags: time === undefined ? [TAG_BAD_TIME] : undefined,
    message: message ?? text(sentence(event), tally),
    event: compact({
      kind: runtime?.category === 'alert' ? 'alert' : 'event',
      category: classification.category,
      type: classification.type,
      action: text(event.action, tally),
      outcome: text(event.outcome, tally),
      id: text(event.id, tally),
      ingested: isoTime(event.received),
      module: text(event.source.provider, tally),
      dataset: `weir.${event.source.type}`
    }),
    orchestrator: compact({
      type: 'kubernetes',
      cluster: compact(clusterFields(event.cluster, tally)),
      namespace: text(audit?.objectRef?.namespace ?? pod?.namespace, tally),
      resource:
        resource ??
        (pod === null ? undefined : compact({ type: 'pod', name: text(pod.name, tally), id: text(pod.uid, tally) }))
    }),
    host: node == null || node === '' ? undefined : { name: text(node, tally) },
    kubernetes: compact({
      ...(kubernetes as Draft | undefined),
      namespace: text(pod?.namespace, tally),
      pod: pod === null ? undefined : podFields(pod, tally),
      workload: workloadFields(event.workload, tally),
      pod_spec: podSpecFields(event.pod_spec, tally)
    }),
    ...(container === null
      ? {}
      : { container: containerFields(container, tally), ...containerColumns(container, pod, tally) }),
    weir: compact({
      ...(weir as Draft | undefined),
      actor: actorFields(event, tally),
      enrichment: compact({
        status: text(event.enrichment.status, tally),
        reason: text(event.enrichment.reason, tally)
      }),
      source: compact({
        type: text(event.source.type, tally),
        provider: text(event.source.provider, tally),
        instance: text(event.source.instance, tally)
      })
    })
  }
  return finish(document, tally)
}

/** Notes what was cut. The last step of every document. */
export function finish(document: Draft, tally: Tally): Draft {
  if (tally.truncated === 0) return document
  return { ...document, weir: { ...(document['weir'] as Draft | undefined), truncated: tally.truncated } }
}
