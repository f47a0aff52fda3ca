import { z } from 'zod'

/** Settings of the inventory. */
export const inventoryOptions = z.strictObject({
  files: z
    .array(z.string())
    .default([])
    .describe('Files to load at start: what `kubectl get pods,nodes,deployments,… -A -o json` printed.'),
  check_interval_ms: z
    .number()
    .int()
    .positive()
    .default(10_000)
    .describe('How often to check that Redis still has what was written.')
})
