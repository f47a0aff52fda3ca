import type { Entity, Signal } from '../../schemas/generated/types.ts'
import type { CorrelationDocument } from '../../services/core/detect/sigma-document.ts'
import type { WindowRule } from '../../services/core/windows/window-rule.ts'
import { CLUSTER, entityOf, podOf, START_US, signalOf } from './signals.ts'

const REQUESTED = 'rule-requested'
const STARTED = 'rule-started'

type Find = NonNullable<CorrelationDocument['correlation']['find']>

function ruleOf(find: Find, code: string, template: string): WindowRule {
  const timespan_ms = find === 'attributed' ? 10_000 : 900_000
  return {
    id: `session-${find}`,
    name: null,
    code,
    title: `Session ${find}`,
    level: 'medium',
    severity: 'medium',
    tactics: ['execution'],
    techniques: ['T1609'],
    playbook: null,
    investigation: [],
    template,
    correlation: {
      type: 'session',
      find,
      rules: [],
      group_by: [],
      timespan_ms,
      criteria: new Map(),
      expression: null,
      sequences: null,
      fields: [],
      percentile: null,
      aliases: new Map(),
      generate: false,
      direction: 'after',
      heard: false
    },
    role: 'alert',
    parts: [REQUESTED, STARTED],
    timespan_us: timespan_ms * 1000,
    mode: 'session',
    fields: [],
    depth: 0,
    sources: ['audit', 'runtime'],
    grain_us: 0,
    wait_us: 0
  }
}

/** Correlations over sessions, one of each kind. */
export const SESSION_RULES: readonly WindowRule[] = [
  ruleOf('attributed', 'C01', '{who} opened a session in {where} and ran {ran}'),
  ruleOf('unanswered', 'C21', '{who} in {where}: {command}'),
  ruleOf('unasked', 'C22', 'nobody in {where}: {command}')
]

export const ALICE = entityOf('user', 'alice', 'actor')
export const BOB = entityOf('user', 'bob', 'actor')
const POD = 'shop/web-1'
const UID = 'uid-web-1'
const NODE = entityOf('node', 'node-1')

const at = (second: number): number => START_US + Math.round(second * 1_000_000)

export interface RequestSketch {
  /** Seconds after the start, when the API server received it. */
  readonly second: number
  /** Audit id. */
  readonly id: string
  readonly stage?: 'ResponseStarted' | 'ResponseComplete'
  /** How long after it was received the event was logged; 0.005 unless given. */
  readonly logged_after?: number
  readonly by?: Entity
  readonly address?: string
  readonly pod?: string
  /** Null: no UID is known. */
  readonly uid?: string | null
  readonly container?: string | null
  readonly command?: string | null
  readonly kind?: 'exec' | 'attach' | 'ephemeralcontainers'
  readonly node?: string | null
}

/** The signal of a request for a session, as the rules for that make it. */
export function requested(sketch: RequestSketch): Signal {
  const { second, id, stage = 'ResponseStarted', kind = 'exec', by = ALICE, address = '10.0.0.5' } = sketch
  const { pod = POD, uid = UID, container = 'web', command = 'sh', node = 'node-1' } = sketch
  const time = at(second + (sketch.logged_after ?? 0.005))
  const [namespace = '', name = ''] = pod.split('/')
  const values: Readonly<Record<string, string | null>> = {
    auditID: id,
    stage,
    requestReceivedTimestamp: String(at(second)),
    'objectRef.namespace': namespace,
    'objectRef.name': name,
    'objectRef.subresource': kind,
    'facts.exec.container': kind === 'ephemeralcontainers' ? null : container,
    'facts.exec.command_line': kind === 'exec' ? command : null,
    'facts.exec.stdin': 'true',
    'pod.node': node,
    'requestObject.spec.ephemeralContainers.name': kind === 'ephemeralcontainers' ? container : null
  }
  const fields = Object.entries(values).map(([key, value]) => [key, value === null ? [] : [value]] as const)
  const sketched = signalOf({
    id: `${id}-${stage}`,
    minute: 0,
    source: 'audit',
    code: 'PART',
    action: `pods/${kind}:get`,
    entities: [by, entityOf('source_address', address), { ...podOf(uid ?? pod, pod, 'target') }]
  })
  return {
    ...sketched,
    time,
    event_id: `${id}/${stage}/${at(second)}`,
    rule: { ...sketched.rule, id: REQUESTED },
    role: 'part',
    correlation_fields: { ...Object.fromEntries(fields), 'actor.groups': ['developers', 'system:authenticated'] }
  }
}

/** The alert that goes with a request: that somebody got into a pod. */
export function gotInto(sketch: RequestSketch): Signal {
  const part = requested(sketch)
  return {
    ...part,
    id: `${part.id}-alert`,
    rule: { id: 'rule-A30', code: 'A30', title: 'Rule A30', level: 'informational' },
    severity: 'informational',
    title: 'somebody got into a pod',
    role: 'alert',
    correlation_fields: {}
  }
}

export interface StartSketch {
  readonly second: number
  /** Identity of the process. */
  readonly id: string
  readonly pod?: string
  readonly uid?: string
  readonly container?: string | null
  readonly command?: string | null
  readonly provider?: string
  /** As Tetragon gives them. */
  readonly flags?: string
  readonly pid?: string
}

/** The signal of a process that came into a container. */
export function started(sketch: StartSketch): Signal {
  const {
    second,
    id,
    pod = POD,
    uid = UID,
    container = 'web',
    command = '/bin/sh',
    provider = 'tetragon',
    flags = null,
    pid = null
  } = sketch
  const [namespace = '', name = ''] = pod.split('/')
  const sketched = signalOf({
    id: `start-${id}`,
    minute: 0,
    code: 'PART',
    ancestry: [entityOf('process', id, 'actor', command ?? 'unknown')],
    entities: [entityOf('container', `c-${uid}-${container}`, 'actor', container ?? 'c'), podOf(uid, pod), NODE]
  })
  const values: Readonly<Record<string, string | null>> = {
    'pod.namespace': namespace,
    'pod.name': name,
    'pod.node': 'node-1',
    'container.name': container,
    'process.command_line': command,
    'process.entry': 'exec',
    'process.pid': pid,
    'attributes.flags': flags,
    'source.provider': provider
  }
  const fields = Object.entries(values).map(([key, value]) => [key, value === null ? [] : [value]] as const)
  return {
    ...sketched,
    time: at(second),
    rule: { ...sketched.rule, id: STARTED },
    role: 'part',
    correlation_fields: Object.fromEntries(fields)
  }
}

export interface FindingSketch {
  readonly second: number
  readonly id: string
  /** Processes by identity, the one that did it first. */
  readonly processes: readonly string[]
  readonly severity?: Signal['severity']
  readonly pod?: string
  readonly uid?: string
  readonly container?: string
}

/** An alert about a process. */
export function found(sketch: FindingSketch): Signal {
  const { second, id, processes, severity = 'medium', pod = POD, uid = UID, container = 'web' } = sketch
  const signal = signalOf({
    id,
    minute: 0,
    code: 'R23',
    severity,
    title: 'The token was read',
    tactics: ['credential-access'],
    ancestry: processes.map((process, index) =>
      entityOf('process', process, index === 0 ? 'actor' : 'context', `command of ${process}`)
    ),
    entities: [entityOf('container', `c-${uid}-${container}`, 'actor', container), podOf(uid, pod), NODE]
  })
  return { ...signal, time: at(second) }
}

export { CLUSTER }
