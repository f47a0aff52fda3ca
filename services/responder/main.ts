import { createPublicKey } from 'node:crypto'
import type { Action, Cluster, Incident } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { messageOf, WeirError } from '../core/errors.ts'
import type { PlanFacts } from '../core/respond/facts.ts'
import { RESPONDER_ACCOUNT } from '../core/respond/roles.ts'
import { type ClusterApi, openClusterApi } from '../platform/kubernetes/cluster-api.ts'
import type { Running } from '../platform/lifecycle.ts'
import type { Logger } from '../platform/log.ts'
import type { SearchPort } from '../platform/opensearch/search-port.ts'
import type { Publisher, Stage } from '../platform/stage.ts'
import { createActionsStage } from './actions-stage.ts'
import { createAgentChannel } from './agent-channel.ts'
import { readPrivateKey, readPublicKeys } from './approvals.ts'
import { createComeBack } from './come-back.ts'
import { createExecutor } from './execute.ts'
import { createGrants } from './grants.ts'
import { createLedger } from './ledger.ts'
import { lookUp } from './look-up.ts'
import { createNotify } from './notify.ts'
import type { ResponderOptions } from './options.ts'
import { createResponderStage } from './stage.ts'
import { createWatch } from './watch.ts'
import { createWhoChanged } from './who-changed.ts'

/** Between looks at what may come back and at permissions that were not given back, milliseconds. */
const TURN_MS = 2_000

export interface ResponderServicePorts {
  readonly codec: Pick<Codec, 'encode' | 'decode'>
  readonly options: ResponderOptions
  readonly cluster: Cluster
  readonly publisher: Publisher
  /** The index of events, in which who brought something back is looked for. */
  readonly search: Pick<SearchPort, 'find'>
  readonly index_prefix: string
  readonly now_ms: () => number
  readonly run: (stage: Stage) => Running
  readonly log: Logger
}

/** The API of the cluster as the settings say; null when they say not to. @throws KUBERNETES_CONFIG */
export async function clusterApiOf(
  options: Pick<ResponderOptions, 'cluster_access' | 'kubeconfig' | 'request_timeout_ms'>
): Promise<ClusterApi | null> {
  const { cluster_access, kubeconfig, request_timeout_ms } = options
  if (cluster_access === 'none') return null
  const from = cluster_access === 'kubeconfig' ? { kubeconfig } : {}
  return await openClusterApi({ ...from, request_timeout_ms, service: 'responder' })
}

/** Does something over and over until it is stopped; what fails is logged, and tried again the next time. */
function repeat(work: () => Promise<void>, log: Logger): Running {
  const stopping = new AbortController()
  const loop = async () => {
    while (!stopping.signal.aborted) {
      try {
        await work()
      } catch (error) {
        log.warn({ error }, `turn of the responder failed: ${messageOf(error)}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, TURN_MS)
        stopping.signal.addEventListener(
          'abort',
          () => {
            clearTimeout(timer)
            resolve()
          },
          { once: true }
        )
      })
    }
  }
  const running = loop()
  return {
    stop: async () => {
      stopping.abort()
      await running
    }
  }
}

/**
 * The responder as a service. Without access to a cluster it only plans, from incidents alone.
 * @throws WeirError KUBERNETES_CONFIG, RESPOND_KEY, and of playbooks
 */
export async function startResponder(ports: ResponderServicePorts): Promise<readonly Running[]> {
  const { codec, options, publisher, now_ms, run, log, cluster } = ports
  const api = await clusterApiOf(options)
  if (api === null) return [run(createResponderStage({ codec, options, now_ms, log }))]
  const publish = (action: Action) =>
    publisher.publish([{ topic: 'weir.actions.v1', key: action.incident_id, value: codec.encode('action', action) }])
  const { weir_namespace } = options
  const ledger = createLedger(api, now_ms, weir_namespace)
  const grants = createGrants({
    api,
    now_ms,
    account: { namespace: weir_namespace, name: RESPONDER_ACCOUNT },
    max_ms: options.permissions_max_ms
  })
  const signing_key = options.signing_key_file === undefined ? null : readPrivateKey(options.signing_key_file)
  const channel = signing_key === null ? null : createAgentChannel({ codec, key: signing_key, publish, now_ms })
  const executor = createExecutor({
    api,
    grants,
    ledger,
    publish,
    now_ms,
    cluster_id: cluster.id,
    limits: options.limits,
    protection: { weir_namespace, namespaces: options.protected_namespaces, names: options.protected_names },
    watch_ms: options.watch_ms,
    ...(channel === null ? {} : { toAgent: channel.toAgent }),
    ...(options.notify.length === 0 ? {} : { notify: createNotify(options.notify, now_ms) }),
    log
  })
  const facts = async (incident: Incident): Promise<PlanFacts | null> => {
    // Another cluster's incident says nothing of this one.
    if (incident.cluster.id !== cluster.id) return null
    try {
      return await lookUp(api, incident, weir_namespace)
    } catch (error) {
      if (!(error instanceof WeirError)) throw error
      log.warn({ error, incident: incident.id }, `planned without the cluster: ${messageOf(error)}`)
      return null
    }
  }
  const carryOut = async (plan: Action) => {
    await executor.carryOut(plan, 'approve')
  }
  const planning = createResponderStage({ codec, options, now_ms, log, facts, carryOut })
  const acting = createActionsStage({
    codec,
    executor,
    keys: readPublicKeys(options.approval_keys),
    command_key: signing_key === null ? null : createPublicKey(signing_key),
    cluster,
    options,
    now_ms,
    planAgain: planning.planAgain,
    log
  })
  const onComeback = createComeBack({
    ledger,
    planAgain: planning.planAgain,
    publish,
    carryOut: async (plan, round) => void (await executor.carryOut(plan, 'approve', round)),
    now_ms,
    log
  })
  const whoChanged = createWhoChanged({ ...ports, cluster_id: cluster.id, weir_namespace })
  const watch = createWatch({ api, ledger, publish, now_ms, onComeback, whoChanged, log })
  // Apart from the watch: what it asks others must not hold up the taking back of permissions.
  const sweep = async () => {
    for (const { slot, plan } of await grants.sweep())
      log.warn({ slot, plan }, 'permissions that nobody gave back were swept up')
    await ledger.prune()
  }
  return [
    { stop: async () => api.close() },
    repeat(sweep, log),
    repeat(async () => void (await watch.turn()), log),
    ...(channel === null ? [] : [run(channel.answers)]),
    run(planning),
    run(acting)
  ]
}
