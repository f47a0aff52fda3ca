import { z } from 'zod'
import { DEFAULT_CORRELATE_SETTINGS as DEFAULTS } from '../core/correlate/settings.ts'

const duration = (value: number, description: string) =>
  z.number().int().positive().default(value).describe(description)
const count = duration
const lateness = (value: number, description: string) =>
  z.number().int().nonnegative().default(value).describe(description)
const windows = DEFAULTS.link_windows_ms

/** Settings of the correlator. */
export const correlatorOptions = z
  .strictObject({
    link_windows_ms: z
      .strictObject({
        pod: duration(windows.pod, 'Signals of one pod.'),
        container: duration(windows.container, 'Signals of one container.'),
        workload: duration(
          windows.workload,
          'A request for a workload and signals of its pods, or of several of its pods.'
        ),
        service_account: duration(windows.service_account, 'A service account that acts or is acted on.'),
        credential: duration(windows.credential, 'Requests with one token or certificate.'),
        cloud_key: duration(
          windows.cloud_key,
          'Requests to the cloud with one access key, and the request that brought it.'
        ),
        user: duration(windows.user, 'Requests of a person, or of nobody in particular, from one address.'),
        address: duration(windows.address, 'What goes on in a pod, and requests from its address.'),
        node: duration(
          windows.node,
          'A way out of a container to its node, and requests with the credential of the node.'
        ),
        indicator: duration(windows.indicator, 'Pods that talk to the same server of an attacker.'),
        session: duration(windows.session, 'What ran in one exec session, and the request that opened it.')
      })
      .prefault({})
      .describe('How far apart two signals that share a key may be and still belong to one attack.'),
    standby: z
      .strictObject({
        enabled: z
          .boolean()
          .default(false)
          .describe(
            'Whether the state of partitions that other instances have is read ahead, so that taking one over is quicker. Of no use to a single instance.'
          ),
        max_bytes: z
          .number()
          .int()
          .positive()
          .default(256 * 1024 * 1024)
          .describe('Most memory for what is read ahead; a partition that goes beyond is not read ahead any more.')
      })
      .prefault({})
      .describe('State of other instances, kept to take over from them.'),
    hub_signals: count(
      DEFAULTS.hub_signals,
      'With more signals than this within its window, of more workloads than hub_workloads, a key ties nothing together.'
    ),
    hub_workloads: count(DEFAULTS.hub_workloads, 'See hub_signals.'),
    allowed_lateness_ms: z
      .strictObject({
        runtime: lateness(DEFAULTS.allowed_lateness_ms.runtime, 'Events of sensors.'),
        audit: lateness(DEFAULTS.allowed_lateness_ms.audit, 'Events of the audit log; clouds deliver it late.'),
        cloud: lateness(
          DEFAULTS.allowed_lateness_ms.cloud,
          "Events of a cloud account's trail, which comes within 15 minutes."
        )
      })
      .prefault({})
      .describe(
        'How much later than the newest signal of the cluster signals of each source may come and still find all they belong to. What looks at several sources waits for the slowest.'
      ),
    clock_tolerance_ms: z
      .number()
      .int()
      .nonnegative()
      .default(DEFAULTS.clock_tolerance_ms)
      .describe("How far ahead of this machine's clock an event may be and still move time on."),
    close_idle_ms: duration(DEFAULTS.close_idle_ms, 'An incident without new signals is closed after this.'),
    max_age_ms: duration(DEFAULTS.max_age_ms, 'An incident takes signals for this long; later ones start a new one.'),
    reopen_ms: z
      .number()
      .int()
      .nonnegative()
      .default(DEFAULTS.reopen_ms)
      .describe('A closed incident is opened again by a signal of its own that comes within this.'),
    max_signals_per_incident: z
      .number()
      .int()
      .positive()
      .max(1000)
      .default(DEFAULTS.max_signals_per_incident)
      .describe(
        'An incident takes no more signals than this; later ones start a new one. More than 1,000 would not fit a Kafka message.'
      ),
    max_groups_per_cluster: count(
      DEFAULTS.max_groups_per_cluster,
      'Most incidents, and groups of signals not yet worth one, remembered per cluster.'
    ),
    max_signals_per_cluster: count(
      DEFAULTS.max_signals_per_cluster,
      'Most signals remembered per cluster; one takes some 5 KB.'
    ),
    spread_clusters: z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Ids of very big clusters whose windows are spread over processes, see services/windows. Enrichers, correlators and `weir serve windows` all go by this setting.'
      )
  })
  .refine(
    ({ max_signals_per_cluster, max_signals_per_incident }) => max_signals_per_cluster >= max_signals_per_incident,
    {
      path: ['max_signals_per_cluster'],
      message: 'must not be less than max_signals_per_incident'
    }
  )

export type CorrelatorOptions = z.output<typeof correlatorOptions>
