import { z } from 'zod'

/** Settings of the responder. */
export const responderOptions = z.strictObject({
  severity: z
    .enum(['informational', 'low', 'medium', 'high', 'critical'])
    .default('high')
    .describe('Incidents from this severity on get a plan.'),
  playbooks: z
    .array(z.string())
    .default([])
    .describe(
      'Folders of playbooks (*.yml), read beside those that come with Weir. One with the name of a built-in playbook is an error.'
    ),
  weir_namespace: z.string().default('weir').describe('Namespace Weir runs in: no plan touches it.')
})

export type ResponderOptions = z.output<typeof responderOptions>
