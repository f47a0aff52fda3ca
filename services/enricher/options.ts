import { z } from 'zod'

/** Settings of the enricher. */
export const enricherOptions = z.strictObject({
  rules: z.array(z.string()).default([]).describe('Folders of Sigma rules, read beside the ones that come with Weir.'),
  builtin_rules: z.boolean().default(true).describe('Whether to load the rules that come with Weir.'),
  cache_max_entries: z
    .number()
    .int()
    .positive()
    .default(50_000)
    .describe('Pods and containers kept in memory in front of Redis.'),
  cache_ttl_ms: z.number().int().positive().default(30_000).describe('How long they are trusted.'),
  sent_parts_max_entries: z
    .number()
    .int()
    .positive()
    .default(50_000)
    .describe(
      'Values of profiles remembered as sent for their day, some 300 bytes each; what is forgotten is sent again.'
    ),
  retry_delay_ms: z
    .number()
    .int()
    .nonnegative()
    .default(2_000)
    .describe('Wait between look-ups of a container that is not known yet.'),
  retry_attempts: z
    .number()
    .int()
    .nonnegative()
    .default(5)
    .describe('Look-ups after the first, until an event leaves as partial or missing; 0 lets it leave at once.')
})

export type EnricherOptions = z.output<typeof enricherOptions>
