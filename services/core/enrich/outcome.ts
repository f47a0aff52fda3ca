import type { AuditEvent, CloudEvent, Outcome, RuntimeEvent } from '../../../schemas/generated/types.ts'

/** Subresources whose success is an upgraded stream: their first stage already tells the outcome. */
const STREAMS: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'log', 'proxy'])

/** Subresources whose requests the API server tries out when asked to. Exec, proxy and others take no notice of the question. */
const TRIED: ReadonlySet<string | null> = new Set([null, 'status', 'scale', 'ephemeralcontainers'])
const CHANGES: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])

/**
 * Whether a request was only tried out: the API server checks and answers it, and keeps nothing (Kubernetes, "API concepts",
 * dry-run). GitOps and `kubectl diff` do so all the time.
 */
export function isDryRun({ verb, requestURI, objectRef }: AuditEvent): boolean {
  if (requestURI?.includes('dryRun=All') !== true) return false
  if (!CHANGES.has(verb ?? '') || !TRIED.has(objectRef?.subresource ?? null)) return false
  return new URLSearchParams(requestURI.slice(requestURI.indexOf('?') + 1)).getAll('dryRun').includes('All')
}

/**
 * Whether an API request had its effect. Forbidden or an error status is failure; an allowed request with a status below 400
 * (101 is an upgraded stream) is success at its last stage, or at ResponseStarted for streams and watches; else unknown. What was
 * only tried out has no effect, and failed at nothing: unknown.
 */
export function auditOutcome(event: AuditEvent): Outcome {
  const code = event.responseStatus?.code ?? null
  const decision = event.annotations['authorization.k8s.io/decision']
  if (decision === 'forbid' || event.stage === 'Panic') return 'failure'
  if (code !== null && code >= 400) return 'failure'
  if (isDryRun(event)) return 'unknown'
  if (code === null) return event.stage === 'ResponseComplete' && decision === 'allow' ? 'success' : 'unknown'
  if (event.stage === 'ResponseComplete') return 'success'
  const streaming = event.verb === 'watch' || STREAMS.has(event.objectRef?.subresource ?? '')
  return event.stage === 'ResponseStarted' && streaming ? 'success' : 'unknown'
}

/** Sensors report what happened; only failed execs are known not to have had an effect. */
export function runtimeOutcome(event: RuntimeEvent): Outcome {
  if (event.action === 'exec_failed') return 'failure'
  return event.category === 'sensor' ? 'unknown' : 'success'
}

/** A record of CloudTrail is written when the service has answered; without an error it has done what it was asked. */
export function cloudOutcome(event: CloudEvent): Outcome {
  return event.errorCode === null ? 'success' : 'failure'
}

/** An event of one of the sources. */
interface AnyEvent {
  readonly audit: AuditEvent | null
  readonly runtime: RuntimeEvent | null
  readonly cloud?: CloudEvent | null
}

export function outcomeOf({ audit, runtime, cloud }: AnyEvent): Outcome {
  if (audit !== null) return auditOutcome(audit)
  if (runtime !== null) return runtimeOutcome(runtime)
  return cloud == null ? 'unknown' : cloudOutcome(cloud)
}

/**
 * What was done, in one word: the runtime action, or `resource/subresource:verb`, or `path:verb` for other requests, or
 * `service:Operation` of a cloud.
 */
export function actionOf({ audit, runtime, cloud }: AnyEvent): string {
  if (audit === null) {
    if (cloud != null) return `${cloud.eventSource.split('.')[0]}:${cloud.eventName}`
    return runtime?.action ?? 'unknown'
  }
  const verb = audit.verb ?? 'unknown'
  const reference = audit.objectRef
  if (reference?.resource != null) {
    return `${reference.resource}${reference.subresource === null ? '' : `/${reference.subresource}`}:${verb}`
  }
  return `${(audit.requestURI ?? '').split('?')[0]}:${verb}`
}
