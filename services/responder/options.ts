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
  weir_namespace: z.string().default('weir').describe('Namespace Weir runs in: no plan touches it.'),
  mode: z
    .enum(['dry-run', 'approve', 'auto'])
    .default('dry-run')
    .describe(
      'The most that is done with plans: dry-run shows them, approve carries out what was approved, auto what playbooks say.'
    ),
  cluster_access: z
    .enum(['none', 'pod', 'kubeconfig'])
    .default('none')
    .describe(
      'How the cluster is reached, see `weir respond manifests`: not at all, as the account of the pod, or by `kubeconfig`.'
    ),
  kubeconfig: z
    .string()
    .optional()
    .describe('Kubeconfig of the responder’s account, for `cluster_access: kubeconfig`.'),
  request_timeout_ms: z
    .number()
    .int()
    .min(500)
    .max(60_000)
    .default(10_000)
    .describe('Longest wait for an answer of the API server.'),
  approval_keys: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(100).describe('Who holds the key.'),
        public_key_file: z.string().describe('Their Ed25519 public key, PEM.')
      })
    )
    .default([])
    .describe('Who may approve plans and have them taken back.'),
  signing_key_file: z
    .string()
    .optional()
    .describe(
      'Ed25519 private key, PEM, that requests to agents are signed with; without it, agents are asked nothing.'
    ),
  approval_valid_ms: z
    .number()
    .int()
    .min(1_000)
    .max(86_400_000)
    .default(900_000)
    .describe('How old an approval may be when it is worked off.'),
  protected_namespaces: z
    .array(z.string())
    .default([])
    .describe(
      'Namespaces never to act in, beside those of the control plane, the network and Weir, which nothing can take away.'
    ),
  protected_names: z.array(z.string()).default([]).describe('Names of objects never to act on, whatever their kind.'),
  limits: z
    .strictObject({
      plans_per_hour: z.number().int().min(0).max(100).default(10).describe('Most plans carried out within an hour.'),
      changes_per_hour: z
        .number()
        .int()
        .min(0)
        .max(1_000)
        .default(100)
        .describe('Most changes of all plans within an hour.'),
      plans_at_once: z.number().int().min(1).max(4).default(2).describe('Most plans at a time.'),
      pods_per_plan: z.number().int().min(0).max(500).default(50).describe('Most pods that a plan may stop.')
    })
    .prefault({})
    .describe('Limits; what goes beyond one is not done, and the record says so.'),
  permissions_max_ms: z
    .number()
    .int()
    .min(10_000)
    .max(600_000)
    .default(120_000)
    .describe('Longest that a plan may hold permissions; after it they are swept up.'),
  watch_ms: z
    .number()
    .int()
    .min(0)
    .max(3_600_000)
    .default(300_000)
    .describe('How long after a containment pods that come back are looked for.'),
  notify: z
    .array(
      z.strictObject({
        url: z.url().describe('Address, such as a Slack webhook.'),
        secret_file: z.string().optional().describe('File with the secret for the HMAC-SHA256 signature.')
      })
    )
    .default([])
    .describe('Whom the action notify tells.')
})

export type ResponderOptions = z.output<typeof responderOptions>
