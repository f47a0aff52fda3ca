import { z } from 'zod'
import { networksOf } from '../core/events/cloud-source.ts'
import { followOptions, linesFit } from '../platform/ingest/sources.ts'
import { spoolOptions } from '../platform/spool/options.ts'
import { accessSettings, addressSettings, boundSettings, securedSettings } from '../platform/webhook/options.ts'

const MIB = 1024 * 1024

const milliseconds = (value: number) => z.number().int().positive().default(value)
const bytes = (value: number) => z.number().int().positive().default(value)

const webhook = securedSettings(
  z.strictObject({
    enabled: z.boolean().default(true).describe('Whether to listen at all; without it, only files are read.'),
    ...addressSettings(8443),
    path: z
      .string()
      .regex(/^\/[\w./-]*$/, 'a path such as /audit')
      .default('/audit')
      .describe(
        'Where API servers send to. /eks, /gke and /aks take deliveries of the managed clouds, /cloudtrail those of a trail.'
      ),
    ...accessSettings(
      'File with the token that every request must carry; also Firehose’s access key, and `?token=` for Pub/Sub.'
    ),
    ...boundSettings({ body_max_mib: 32, in_flight_max_mib: 128, connections_max: 512 })
  })
)

/** An address or a network in CIDR notation. */
const network = z.string().refine(
  (text) => {
    try {
      networksOf([text])
      return true
    } catch {
      return false
    }
  },
  { message: 'has to be an address, or a network such as 198.51.100.0/24' }
)

const trail = z.strictObject({
  clusters: z
    .array(
      z
        .strictObject({
          account: z.string().min(1).optional().describe('Account whose events have to do with the cluster.'),
          issuer: z
            .string()
            .min(1)
            .optional()
            .describe(
              'OIDC issuer of the cluster: which workload an event is of, where several clusters share an account.'
            ),
          arn: z.string().min(1).optional().describe('ARN of the cluster, the same for EKS Pod Identity.'),
          id: z.string().min(1).describe('UID of its kube-system namespace.'),
          name: z.string().min(1).describe('Name for people.'),
          addresses: z
            .array(network)
            .default([])
            .describe(
              'Public addresses and networks by which the cluster reaches the cloud, its gateways’. Without any, use of its roles from elsewhere cannot be told.'
            )
        })
        .refine(({ account, issuer, arn }) => account !== undefined || issuer !== undefined || arn !== undefined, {
          message: 'needs account, issuer or arn'
        })
    )
    .default([])
    .describe(
      'Clusters of cloud accounts, whose CloudTrail is read. Without any, all events belong to `cluster`; events of an account that is not among them are a cluster of their own.'
    ),
  topics: z
    .array(z.string().regex(/^[a-zA-Z0-9._-]{1,249}$/, 'has to be the name of a topic'))
    .default([])
    .describe('Kafka topics of your own with CloudTrail records as JSON.')
})

/** Settings of the audit collector. */
export const auditCollectorOptions = z
  .strictObject({
    name: z.string().min(1).optional().describe('Name of this instance; the host name where it is not given.'),
    clusters: z
      .array(
        z.strictObject({
          record_name: z.string().min(1).describe('Name of the cluster in the cloud’s records.'),
          id: z.string().min(1).describe('UID of its kube-system namespace.'),
          name: z.string().min(1).describe('Name for people.')
        })
      )
      .default([])
      .describe(
        'Clusters by the names that cloud records have for them. Without any, all records belong to `cluster`.'
      ),
    trail: trail.prefault({}).describe('The trail of the cloud account.'),
    webhook: webhook.prefault({}).describe('Where API servers and clouds send to.'),
    files: z
      .array(z.strictObject({ path: z.string().min(1).describe('Path of the file.') }))
      .default([])
      .describe('Audit log files to follow; JSON lines of any format that Weir reads, told apart line by line.'),
    follow: followOptions.prefault({}).describe('How files are followed.'),
    spool: spoolOptions('/var/lib/weir/audit-collector').prefault({}).describe('Where events wait for Kafka.'),
    gather_max_bytes: bytes(MIB).describe('How much input is turned into messages and published at a time.'),
    linger_ms: milliseconds(200).describe('How long to wait for more before publishing.')
  })
  .refine(({ webhook, spool }) => spool.max_bytes - spool.segment_bytes > webhook.body_max_bytes + 1024, {
    path: ['spool', 'max_bytes'],
    message: 'must hold the largest body beside one segment'
  })
  .refine(({ files, follow, spool }) => files.length === 0 || linesFit(follow, spool), {
    path: ['spool', 'max_bytes'],
    message: 'must hold a line of follow.line_max_bytes and 512 KiB beside one segment'
  })

export type AuditCollectorOptions = z.output<typeof auditCollectorOptions>
export type WebhookOptions = AuditCollectorOptions['webhook']
