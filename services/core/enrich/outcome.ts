import type { AuditEvent, Outcome, RuntimeEvent } from '../../../schemas/generated/types.ts'

/** Subresources whose success is an upgraded stream: their first stage already tells the outcome. */
const STREAMS: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'log', 'proxy'])

/**
 * Whether an API request had its effect. Forbidden or an error status is failure; an allowed request with a status below 400
 * (101 is an upgraded stream) is success at its last stage, or at ResponseStarted for streams and watches; else unknown.
 */
export function auditOutcome(event: AuditEvent): Outcome {
  const code = event.responseStatus?.code ?? null
  const decision = event.annotations['authorization.k8s.io/decision']
  if (decision === 'forbid' || event.stage === 'Panic') return 'failure'
  if (code !== null && code >= 400) return 'failure'
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

/** What was done, in one word: the runtime action, or `resource/subresource:verb`, or `path:verb` for other requests. */
export function actionOf(event: { readonly audit: AuditEvent | null; readonly runtime: RuntimeEvent | null }): string {
  const { audit, runtime } = event
  if (audit === null) return runtime?.action ?? 'unknown'
  const verb = audit.verb ?? 'unknown'
  const reference = audit.objectRef
  if (reference?.resource != null) {
    return `${reference.resource}${reference.subresource === null ? '' : `/${reference.subresource}`}:${verb}`
  }
  return `${(audit.requestURI ?? '').split('?')[0]}:${verb}`
}
