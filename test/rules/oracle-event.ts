import type { EnrichedEvent } from '../../schemas/generated/types.ts'
import type { Json, OracleEvent } from './sigma-oracle.ts'

/** An event as the oracle sees it: the names of the raw event beside those of the enriched one, bodies apart. */
export function oracleEvent(enriched: EnrichedEvent): OracleEvent {
  const { audit, runtime } = enriched
  const text = audit?.requestObject ?? null
  const plain = JSON.parse(
    JSON.stringify({
      ...audit,
      ...runtime,
      ...enriched,
      audit: audit === null ? null : { ...audit, requestObject: null, responseObject: null },
      requestObject: text
    })
  ) as Json
  return { model: plain, bodies: { requestObject: text === null ? undefined : (JSON.parse(text) as Json) } }
}

/** The kind of an event as generated rules name it. */
export function kindOf({ runtime }: EnrichedEvent): string {
  return runtime === null ? 'audit' : `${runtime.category} ${runtime.action}`
}
