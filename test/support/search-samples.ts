import type {
  Action,
  AuditEvent,
  EnrichedEvent,
  Incident,
  InventoryRecord,
  RuntimeEvent,
  Signal
} from '../../schemas/generated/types.ts'

/** Records as the enricher, the correlator and the responder make them, for tests of everything that shows or stores them. */

/** 2026-11-24T06:00:00.123456Z, microseconds since the epoch. */
export const SAMPLE_TIME = 1_795_500_000_123_456

const cluster = { id: '6f0d3a0e-8b0a-4d2b-9a3c-2f1f6a4a9c11', name: 'shop-prod' }

const pod = {
  uid: '0b6cbb1e-7d4c-4a6f-9f2a-5f1a4c1f0c9e',
  name: 'web-7d5dd55b94-5wfpd',
  namespace: 'shop',
  node: 'node-2',
  ip: '10.244.2.17',
  service_account: 'shop/web',
  labels: { 'app.kubernetes.io/name': 'web', 'pod-template-hash': '7d5dd55b94' },
  created: SAMPLE_TIME - 3_600_000_000,
  host_network: false,
  host_pid: false,
  host_ipc: false
}

const container = {
  id: '86eb9e29a77d432afc7a15b424db1d24a382f3caae26f860ab22df8cb5e96054',
  name: 'web',
  image_name: 'registry.example/shop/web:1.4.2',
  image_id: 'sha256:ff3aa5862fd17f8695984609743f4523188984adbcd25cf5ac4224b71b2f2f5e',
  privileged: true
}

const workload = { kind: 'Deployment', name: 'web', namespace: 'shop', uid: 'd0000000-0000-4000-8000-000000000001' }

export const execRequest: AuditEvent = {
  auditID: '8950038c-f1d4-48a2-b17b-86ca3a8fae67',
  stage: 'ResponseStarted',
  level: 'Request',
  verb: 'get',
  requestURI: '/api/v1/namespaces/shop/pods/web-7d5dd55b94-5wfpd/exec?command=sh&container=web',
  user: {
    username: 'alice',
    uid: null,
    groups: ['developers', 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': ['X509SHA256=176d9d39'] }
  },
  impersonatedUser: null,
  sourceIPs: ['203.0.113.9', '10.0.0.1'],
  userAgent: 'kubectl/v1.32.4 (linux/amd64) kubernetes/4cb5f07',
  objectRef: {
    resource: 'pods',
    namespace: 'shop',
    name: 'web-7d5dd55b94-5wfpd',
    uid: null,
    apiGroup: null,
    apiVersion: 'v1',
    resourceVersion: null,
    subresource: 'exec'
  },
  responseStatus: { code: 101, status: null, reason: null, message: null },
  requestObject: null,
  responseObject: null,
  requestReceivedTimestamp: SAMPLE_TIME - 3_059,
  stageTimestamp: SAMPLE_TIME,
  annotations: { 'authorization.k8s.io/decision': 'allow' }
}

export const execProcess: RuntimeEvent = {
  id: 'node-2/4f3c/tetragon/41',
  time: SAMPLE_TIME,
  category: 'process',
  action: 'exec',
  process: {
    entity_id: 'node-2/4f3c/4711/1795500000',
    pid: 4711,
    name: 'curl',
    executable: '/usr/bin/curl',
    args: ['curl', '-s', 'http://169.254.169.254/latest/meta-data/'],
    command_line: 'curl -s http://169.254.169.254/latest/meta-data/',
    working_directory: '/tmp',
    user_id: 0,
    start_time: SAMPLE_TIME,
    interactive: true,
    in_image: false,
    entry: 'exec',
    socket_stdio: false,
    exit_code: null,
    ancestors: [
      {
        entity_id: 'node-2/4f3c/4700/1795499990',
        pid: 4700,
        name: 'sh',
        executable: '/bin/sh',
        command_line: 'sh -i'
      },
      { entity_id: null, pid: 1, name: 'web', executable: '/app/web', command_line: null }
    ]
  },
  container,
  pod: { uid: pod.uid, name: pod.name, namespace: pod.namespace },
  network: null,
  file: null,
  alert: null,
  attributes: { flags: 'execve clone' }
}

const joined = {
  received: SAMPLE_TIME + 800_000,
  cluster,
  enrichment: { status: 'complete', reason: null },
  outcome: 'success',
  pod,
  container,
  workload,
  pod_spec: null
} as const

export const auditEvent: EnrichedEvent = {
  ...joined,
  audit: execRequest,
  runtime: null,
  cloud: null,
  id: `${execRequest.auditID}/${execRequest.stage}`,
  time: SAMPLE_TIME,
  source: { type: 'audit', provider: 'kubernetes', instance: 'collector-0' },
  action: 'pods/exec:get',
  actor: {
    kind: 'user',
    name: 'alice',
    impersonator: null,
    groups: ['developers', 'system:authenticated'],
    is_system: false,
    service_account: null,
    credential_id: 'X509SHA256=176d9d39',
    pod_uid: null,
    pod_name: null,
    node_name: null
  },
  source_ip: '203.0.113.9'
}

export const runtimeEvent: EnrichedEvent = {
  ...joined,
  audit: null,
  runtime: execProcess,
  cloud: null,
  id: execProcess.id,
  time: SAMPLE_TIME,
  source: { type: 'runtime', provider: 'tetragon', instance: 'node-2' },
  action: 'exec',
  actor: null,
  source_ip: null
}

/** A runtime event of its own, by number. */
export function numberedEvent(number: number, change: Partial<EnrichedEvent> = {}): EnrichedEvent {
  return { ...runtimeEvent, id: `node-2/4f3c/tetragon/${number}`, ...change }
}

export const signal: Signal = {
  id: 'sig-3b1f',
  time: SAMPLE_TIME,
  cluster,
  source: 'audit',
  rule: { id: '5d0a1b34-7c1e-4f8b-9a55-9a3a1a3f0a30', code: 'A30', title: 'Exec into a pod', level: 'low' },
  severity: 'medium',
  title: 'alice opened a shell in shop/web',
  dedup_key: 'A30/shop/web/alice',
  event_id: auditEvent.id,
  action: 'pods/exec:get',
  outcome: 'success',
  tactics: ['execution'],
  techniques: ['T1609', 'T1552.007'],
  entities: [
    { type: 'user', id: 'alice', name: 'alice', role: 'actor' },
    { type: 'source_address', id: '203.0.113.9', name: '203.0.113.9', role: 'actor' },
    { type: 'pod', id: pod.uid, name: 'shop/web-7d5dd55b94-5wfpd', role: 'target' },
    { type: 'container', id: container.id, name: 'web', role: 'target' },
    { type: 'workload', id: workload.uid, name: 'Deployment/shop/web', role: 'target' }
  ],
  evidence: { 'audit.objectRef.subresource': 'exec', 'audit.user.username': 'alice' },
  ancestry: [
    { type: 'process', id: 'node-2/4f3c/4711/1795500000', name: 'curl -s http://169.254.169.254/', role: 'context' }
  ],
  playbook: 'contain-pod',
  investigation: [{ step: 'What else the process did', query: 'process.entity_id:"x"' }],
  role: 'alert',
  sources: [],
  parts: [],
  count: 1,
  correlation_fields: {},
  verdict: null
}

export const incident: Incident = {
  id: 'inc-9f2c41',
  revision: 1,
  status: 'open',
  merged_into: null,
  cluster,
  severity: 'critical',
  score: 91,
  title: 'alice took cloud credentials from shop/web',
  narrative: 'alice opened a shell in shop/web and asked the metadata service for credentials.',
  first: SAMPLE_TIME,
  last: SAMPLE_TIME + 60_000_000,
  sources: ['audit', 'runtime'],
  tactics: ['execution', 'credential-access'],
  techniques: ['T1552.005', 'T1609'],
  entities: signal.entities,
  timeline: [
    {
      time: SAMPLE_TIME,
      last: SAMPLE_TIME,
      source: 'audit',
      code: 'A30',
      title: signal.title,
      severity: 'medium',
      tactics: ['execution'],
      signals: [signal.id],
      events: [auditEvent.id]
    },
    {
      time: SAMPLE_TIME + 1_000_000,
      last: SAMPLE_TIME + 60_000_000,
      source: 'runtime',
      code: 'R23',
      title: 'curl asked the metadata service',
      severity: 'high',
      tactics: ['credential-access'],
      signals: ['sig-77aa', 'sig-77ab'],
      events: [runtimeEvent.id, 'node-2/4f3c/tetragon/42']
    }
  ],
  causality: [
    { id: 'n1', parent: null, type: 'user', name: 'alice', signals: [signal.id], node: null, owner: null },
    {
      id: 'n2',
      parent: 'n1',
      type: 'request',
      name: 'exec into shop/web',
      signals: [signal.id],
      node: null,
      owner: null
    }
  ],
  playbook: 'contain-pod',
  verdict: null,
  assignee: null
}

export const action: Action = {
  id: 'act-1',
  time: SAMPLE_TIME + 61_000_000,
  cluster,
  incident_id: incident.id,
  incident_revision: 1,
  status: 'planned',
  mode: 'dry_run',
  playbook: 'contain-pod',
  summary: 'kill the shell, isolate shop/web',
  steps: [
    {
      name: 'delete_pod',
      description: 'delete pod shop/web-7d5dd55b94-5wfpd',
      target: { type: 'pod', id: pod.uid, name: 'shop/web-7d5dd55b94-5wfpd', role: 'target' },
      requests: [
        {
          to: 'kube-apiserver',
          method: 'DELETE',
          path: '/api/v1/namespaces/shop/pods/web-7d5dd55b94-5wfpd',
          body: '{"gracePeriodSeconds":0}',
          content_type: 'application/json'
        }
      ],
      blast_radius: 'one of two replicas',
      undo: null,
      id: 'step-1',
      permissions: [],
      risks: ['all of its replicas'],
      undo_requests: []
    }
  ],
  notes: ['the ServiceAccount shop/web is left alone: other pods use it'],
  approval: { verb: 'approve', by: 'alice', signed_at: SAMPLE_TIME, signature: 'c2ln' },
  reason: 'RESPOND_STEP_FAILED: 403',
  results: [
    {
      step_id: 'step-1',
      outcome: 'failed',
      time: SAMPLE_TIME,
      message: '403',
      responses: [{ method: 'DELETE', path: '/api/v1/namespaces/shop/pods/web', status: 403, body: null }]
    }
  ]
}

export const podRecord: InventoryRecord = {
  cluster,
  kind: 'Pod',
  uid: pod.uid,
  name: pod.name,
  namespace: 'shop',
  observed: SAMPLE_TIME,
  deleted: false,
  created: pod.created,
  labels: pod.labels,
  owners: [{ kind: 'ReplicaSet', name: 'web-7d5dd55b94', namespace: 'shop', uid: null }],
  addresses: [pod.ip],
  references: [],
  attributes: {},
  pod: {
    node: 'node-2',
    service_account: 'web',
    host_network: false,
    host_pid: false,
    host_ipc: false,
    containers: [container, { ...container, id: '', name: 'sidecar', privileged: null }],
    statuses: [{ name: 'web', state: 'running', reason: null, started: 1_700_000_000_000_000, restarts: 2 }]
  }
}
