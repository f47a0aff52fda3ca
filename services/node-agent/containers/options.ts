import { z } from 'zod'

/** Settings of the attribution of events to containers. */
export const attributionOptions = z.strictObject({
  sockets: z
    .array(z.string().min(1))
    .default(['/run/containerd/containerd.sock', '/run/crio/crio.sock', '/run/k3s/containerd/containerd.sock'])
    .describe('Sockets of container runtimes (CRI); the first that is there is used. An empty list asks none.'),
  poll_interval_ms: z
    .number()
    .int()
    .positive()
    .default(500)
    .describe('How often to list containers where the runtime does not tell of them by itself.'),
  hold_ms: z
    .number()
    .int()
    .nonnegative()
    .default(3_000)
    .describe('How long an event waits for its container to become known, until it leaves as unattributed.'),
  hold_max_events: z
    .number()
    .int()
    .nonnegative()
    .default(20_000)
    .describe('How many events may wait; more leave as unattributed at once.'),
  hold_max_events_per_container: z.number().int().nonnegative().default(2_000).describe('The same, of one container.'),
  give_up_ms: z
    .number()
    .int()
    .nonnegative()
    .default(60_000)
    .describe('How long events of a container that stayed unknown do not wait again.')
})

export type AttributionOptions = z.output<typeof attributionOptions>
