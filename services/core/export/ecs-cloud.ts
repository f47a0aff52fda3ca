import type { CloudEvent, EnrichedEvent } from '../../../schemas/generated/types.ts'
import { microsFrom } from '../events/timestamp.ts'
import { isObject, parseJson } from '../json.ts'
import { compact, type Draft, freeForm, type Tally, text, texts } from './bounds.ts'
import { isoTime } from './iso-time.ts'

const IAM_SERVICES: ReadonlySet<string> = new Set(['iam.amazonaws.com', 'sts.amazonaws.com', 'sso.amazonaws.com'])
const DENIED = /AccessDenied|UnauthorizedOperation/

/** ECS `event.category` and `event.type` of a request to a cloud, from ECS's closed lists (9.0). */
export function cloudCategory({ eventSource, readOnly, errorCode }: CloudEvent): {
  readonly category: readonly string[]
  readonly type: readonly string[]
} {
  const category = IAM_SERVICES.has(eventSource) ? ['api', 'iam'] : ['api']
  const type = [readOnly === false ? 'change' : 'access']
  if (errorCode === null) type.push('allowed')
  else if (DENIED.test(errorCode)) type.push('denied')
  return { category, type }
}

/** A body as a free-form object; what is none is shown by itself. */
function body(json: string | null, tally: Tally): Draft | undefined {
  if (json === null) return undefined
  const parsed = parseJson(json)
  return freeForm(isObject(parsed) ? parsed : { value: parsed ?? json }, tally)
}

/** The ECS fields of `cloud`, `error` and others that only events of a trail fill, and what ECS has no place for under `weir.cloud`. */
export function cloudFields(event: CloudEvent, whole: EnrichedEvent, tally: Tally): Draft {
  const { userIdentity: identity, workload } = event
  const session = identity.sessionContext
  return {
    user: compact({
      name: text(identity.arn ?? identity.userName ?? identity.invokedBy, tally),
      id: text(identity.principalId, tally)
    }),
    user_agent: compact({ original: text(event.userAgent, tally) }),
    source: compact({ address: text(event.sourceIPAddress, tally), ip: text(whole.source_ip, tally) }),
    cloud: compact({
      provider: text(event.provider, tally),
      account: compact({ id: text(event.recipientAccountId, tally) }),
      region: text(event.awsRegion, tally),
      service: compact({ name: text(event.eventSource.split('.')[0], tally) })
    }),
    error: compact({ code: text(event.errorCode, tally), message: text(event.errorMessage, tally) }),
    weir: {
      cloud: compact({
        operation: text(event.eventName, tally),
        event_type: text(event.eventType, tally),
        read_only: event.readOnly ?? undefined,
        identity_type: text(identity.type, tally),
        access_key_id: text(identity.accessKeyId, tally),
        issued_key_id: text(event.issued_key_id, tally),
        session_name: text(event.session_name, tally),
        role: text(session?.sessionIssuer?.arn, tally),
        session_created: isoTime(microsFrom(session?.attributes['creationDate'])),
        service_account: text(workload?.service_account, tally),
        pod_uid: text(workload?.pod_uid, tally),
        source_kind: text(event.source_kind, tally),
        vpc_endpoint: text(event.vpcEndpointId, tally),
        resources: texts(
          event.resources.flatMap(({ ARN }) => ARN ?? []),
          tally
        ),
        request: body(event.requestParameters, tally),
        response: body(event.responseElements, tally),
        additional: freeForm(event.additionalEventData, tally)
      })
    }
  }
}
