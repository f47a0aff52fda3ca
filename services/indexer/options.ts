import { z } from 'zod'

/** Classes of events: the audit log, the trail of the cloud account, and the categories of runtime events. */
const EVENT_CLASSES = ['audit', 'cloud', 'process', 'network', 'file', 'privilege', 'alert', 'sensor'] as const
export type EventClass = (typeof EVENT_CLASSES)[number]

/** Settings of the indexer. */
export const indexerOptions = z.strictObject({
  index_events: z
    .array(z.enum(EVENT_CLASSES))
    .default([...EVENT_CLASSES])
    .describe('Classes of events that are indexed; signals, incidents, actions and containers always are.'),
  ocsf: z.boolean().default(true).describe('Whether signals and incidents are also published as OCSF JSON, for SIEMs.')
})

export type IndexerOptions = z.output<typeof indexerOptions>
