import type {
  Ancestor,
  AuditEvent,
  Container,
  EnrichedEvent,
  Pod,
  Process,
  RuntimeEvent,
  Workload
} from '../../../schemas/generated/types.ts'
import { barePod, enrich } from '../../core/enrich/join.ts'
import { auditEventFrom } from '../../core/events/audit.ts'
import { cloudSourceKind, networksOf } from '../../core/events/cloud-source.ts'
import { cloudEventFrom } from '../../core/events/cloudtrail.ts'
import type { JsonObject } from '../../core/json.ts'

/**
 * Enriched events for tests, made as the enricher makes them from a raw event of which a test says only what matters to it.
 */

/** 2026-11-24T12:00:00Z. */
export const TEST_TIME = 1_795_521_600_000_000
const CLUSTER = { id: 'c0ffee00-0000-4000-8000-000000000001', name: 'test' }

/** What the inventory would know, laid over what the event says. */
export interface TestFacts {
  readonly pod?: Partial<Pod>
  readonly container?: Partial<Container>
  readonly workload?: Partial<Workload>
}

const NO_POD = barePod({ uid: null, name: null, namespace: null }, null)
const NO_CONTAINER: Container = { id: '', name: null, image_name: null, image_id: null, privileged: null }
const NO_WORKLOAD: Workload = { kind: '', name: '', namespace: null, uid: null }

function withFacts(event: EnrichedEvent, facts: TestFacts): EnrichedEvent {
  return {
    ...event,
    pod: facts.pod === undefined ? event.pod : { ...(event.pod ?? NO_POD), ...facts.pod },
    container:
      facts.container === undefined ? event.container : { ...(event.container ?? NO_CONTAINER), ...facts.container },
    workload: facts.workload === undefined ? event.workload : { ...(event.workload ?? NO_WORKLOAD), ...facts.workload }
  }
}

/**
 * An enriched audit event from raw audit JSON. Given a verb and an object, it is a request that a person made, that was allowed
 * and that succeeded.
 */
export function auditEvent(raw: JsonObject, facts: TestFacts = {}): EnrichedEvent {
  const audit: AuditEvent = auditEventFrom({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'RequestResponse',
    auditID: 'a0000000-0000-4000-8000-000000000001',
    stage: 'ResponseComplete',
    requestURI: '/api/v1',
    user: { username: 'alice@example.org', groups: ['system:authenticated'] },
    sourceIPs: ['10.1.2.3'],
    userAgent: 'kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9',
    responseStatus: { code: 200 },
    requestReceivedTimestamp: '2026-11-24T12:00:00.000000Z',
    stageTimestamp: '2026-11-24T12:00:00.000000Z',
    annotations: { 'authorization.k8s.io/decision': 'allow' },
    ...raw
  })
  const source = { type: 'audit' as const, provider: 'kubernetes', instance: 'collector-0' }
  return withFacts(
    enrich({ audit, runtime: null, cluster: CLUSTER, source, received: TEST_TIME }, () => null),
    facts
  )
}

/** Addresses by which the cluster of tests reaches the cloud. */
const CLUSTER_NETWORKS = networksOf(['198.51.100.0/24'])

/**
 * An enriched event of a cloud's trail from a raw record of CloudTrail. Given a service and an operation, it is a request of a role's
 * session from a private address that succeeded. The cluster's addresses are known to be 198.51.100.0/24, unless the test says what
 * sort of source it is (`source_kind`).
 */
export function cloudEvent({ source_kind, ...raw }: JsonObject, facts: TestFacts = {}): EnrichedEvent {
  const cloud = cloudEventFrom({
    eventVersion: '1.11',
    eventID: 'c0000000-0000-4000-8000-000000000001',
    eventTime: '2026-11-24T12:00:00Z',
    eventSource: 'sts.amazonaws.com',
    eventName: 'GetCallerIdentity',
    awsRegion: 'eu-central-1',
    sourceIPAddress: '10.0.0.5',
    userAgent: 'aws-sdk-go-v2/1.39.0',
    userIdentity: {
      type: 'AssumedRole',
      principalId: 'AROAEXAMPLEROLE000001:deployer',
      arn: 'arn:aws:sts::111122223333:assumed-role/deployer/deployer',
      accountId: '111122223333',
      accessKeyId: 'ASIAEXAMPLESESSION00'
    },
    recipientAccountId: '111122223333',
    ...raw
  })
  const kind = typeof source_kind === 'string' ? source_kind : cloudSourceKind(cloud.sourceIPAddress, CLUSTER_NETWORKS)
  const source = { type: 'cloud' as const, provider: 'cloudtrail', instance: 'collector-0' }
  const event = { audit: null, runtime: null, cloud: { ...cloud, source_kind: kind }, cluster: CLUSTER, source }
  return withFacts(
    enrich({ ...event, received: TEST_TIME }, () => null),
    facts
  )
}

/** A runtime event of which a test says only what matters to it. */
export interface RuntimeShorthand {
  /** Where the sensor is; node-1 unless said. */
  readonly node?: string
  readonly category?: RuntimeEvent['category']
  readonly action?: string
  /** `parents`: executables or command lines of the ancestors, the parent first. */
  readonly process?: Partial<Omit<Process, 'ancestors'>> & {
    readonly parents?: readonly string[]
    readonly ancestors?: readonly Partial<Ancestor>[]
  }
  /** `none` or null for a process of the host: a patch of an earlier case can only say `none`. */
  readonly container?: Partial<Container> | 'none' | null
  readonly pod?: Partial<NonNullable<RuntimeEvent['pod']>> | 'none' | null
  readonly network?: Partial<NonNullable<RuntimeEvent['network']>>
  readonly file?: Partial<NonNullable<RuntimeEvent['file']>>
  readonly alert?: Partial<NonNullable<RuntimeEvent['alert']>>
  readonly attributes?: Readonly<Record<string, string>>
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

function ancestorOf(line: string, index: number): Ancestor {
  const executable = line.split(' ')[0] ?? line
  return {
    entity_id: `ancestor-${index + 1}`,
    pid: 100 - index,
    name: baseName(executable).slice(0, 15),
    executable,
    command_line: line
  }
}

function processOf(given: NonNullable<RuntimeShorthand['process']>): Process {
  const { parents = [], ancestors = [], ...rest } = given
  const executable = rest.executable ?? rest.command_line?.split(' ')[0] ?? '/bin/app'
  const commandLine = rest.command_line ?? executable
  return {
    entity_id: 'process-1',
    pid: 101,
    name: baseName(executable).slice(0, 15),
    executable,
    args: commandLine.split(' '),
    command_line: commandLine,
    working_directory: '/',
    user_id: 0,
    start_time: TEST_TIME,
    interactive: null,
    in_image: null,
    entry: null,
    socket_stdio: null,
    exit_code: null,
    ...rest,
    ancestors: [
      ...parents.map(ancestorOf),
      ...ancestors.map((ancestor) => ({
        entity_id: null,
        pid: null,
        name: null,
        executable: null,
        command_line: null,
        ...ancestor
      }))
    ]
  }
}

function kindOf(given: RuntimeShorthand): Pick<RuntimeEvent, 'category' | 'action'> {
  if (given.network !== undefined) {
    return {
      category: 'network',
      action: given.network.domain != null && given.network.destination_ip == null ? 'dns' : 'connect'
    }
  }
  if (given.file !== undefined) return { category: 'file', action: 'read' }
  return given.alert === undefined ? { category: 'process', action: 'exec' } : { category: 'alert', action: 'alert' }
}

/** An enriched runtime event. Unless said otherwise a process of the container `app` in the pod shop/web-1 executes. */
export function runtimeEvent(given: RuntimeShorthand, facts: TestFacts = {}): EnrichedEvent {
  const kind = kindOf(given)
  const container: Container | null =
    given.container === null || given.container === 'none'
      ? null
      : {
          id: 'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',
          name: 'app',
          image_name: 'registry.example.org/shop/app:1.0',
          image_id: null,
          privileged: false,
          ...given.container
        }
  const pod = given.pod === 'none' ? null : given.pod
  const inPod = pod !== null && (container !== null || pod !== undefined)
  const runtime: RuntimeEvent = {
    id: 'runtime-1',
    time: TEST_TIME,
    category: given.category ?? kind.category,
    action: given.action ?? kind.action,
    process: processOf(given.process ?? {}),
    container,
    pod: inPod ? { uid: 'pod-uid-1', name: 'web-1', namespace: 'shop', ...pod } : null,
    network:
      given.network === undefined
        ? null
        : {
            direction: 'egress',
            transport: 'tcp',
            source_ip: '10.0.0.5',
            source_port: 40000,
            destination_ip: null,
            destination_port: null,
            domain: null,
            ...given.network
          },
    file: given.file === undefined ? null : { path: '/tmp/file', target_path: null, mode: null, ...given.file },
    alert:
      given.alert === undefined
        ? null
        : { engine: 'falco', rule: 'a rule', priority: null, message: null, tags: [], ...given.alert },
    attributes: given.attributes ?? {}
  }
  const source = { type: 'runtime' as const, provider: 'tetragon', instance: given.node ?? 'node-1' }
  return withFacts(
    enrich({ audit: null, runtime, cluster: CLUSTER, source, received: TEST_TIME }, () => null),
    facts
  )
}
