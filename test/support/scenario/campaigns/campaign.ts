import type { ApiCall } from '../api.ts'
import type { PodTemplate, WorkloadKind } from '../cluster-model.ts'
import type { Random } from '../random.ts'
import type { VictimKind } from './victims.ts'

/** What an attack is made of: a campaign is a table of steps, and this is what may stand in it. */

/** What a campaign's table is filled in with; everything differs from attack to attack. */
export interface Attack {
  readonly id: string
  readonly random: Random
  /** Namespace and name of the workload that is attacked first. */
  readonly namespace: string
  readonly workload: string
  readonly serviceAccount: string
  /** Where the attacker's own requests come from. */
  readonly attacker: string
  /** Servers of the attacker. */
  readonly server: string
  readonly drop: string
  /** A mining pool, which others use as well. */
  readonly pool: { readonly host: string; readonly ip: string; readonly port: number }
  readonly wallet: string
  /** An ending that makes names of objects the attack's own: the API server refuses a name that is there. Empty for the first. */
  readonly nth: string
  /** Another namespace, and a workload in it that is attacked by nobody else. */
  readonly other: { readonly namespace: string; readonly workload: string }
  /** Whether this attack tries an evasion of those the campaign names. */
  evades(evasion: Evasion): boolean
}

/** Ways to be seen less, from campaigns.md. The first three are of delivery, and possible for every campaign. */
export const EVASIONS = {
  'audit-late': 'audit events arrive ten minutes late',
  'container-gone': 'the container is deleted before its facts are known',
  'agent-late': 'events of the node arrive some minutes late',
  'no-downloader': 'only the shell connects, no curl and no wget',
  'imds-v2': 'the metadata service asks for a token that the container cannot get',
  'plain-names': 'objects are given names that tell nothing',
  patch: 'objects that exist are patched, none is created',
  'own-group': 'rights come through the group of those who are not authenticated'
} as const
export type Evasion = keyof typeof EVASIONS

/** Who asks the API server. */
export type Who =
  | { readonly as: 'anonymous' }
  /** The token of a pod (of the first victim unless named), from that pod, from another, or from outside. */
  | { readonly as: 'token'; readonly of?: string; readonly from?: string; readonly agent: string }
  /** A person of the town, from the attacker's address. */
  | { readonly as: 'person'; readonly agent: string }
  /** The credential of the node of a pod, used in that pod or in the node's network. */
  | { readonly as: 'node'; readonly of?: string; readonly from?: 'node'; readonly agent: string }
  /** A service account by a token that is bound to no pod. */
  | { readonly as: 'account'; readonly namespace: string; readonly name: string; readonly agent: string }

interface Process {
  /** Name under which it stays and can be a parent; a process without one ends after its work. */
  readonly as?: string
  /** Connections: address and port. */
  readonly to?: ReadonlyArray<readonly [ip: string, port: number]>
  readonly reads?: readonly string[]
  readonly writes?: readonly string[]
  readonly status?: number
  readonly uid?: number
  readonly cwd?: string
  readonly replaces?: boolean
}

/** A workload of the attacker. */
export interface Deployed {
  readonly kind: WorkloadKind | 'Pod'
  readonly namespace: string
  readonly name: string
  readonly template: PodTemplate
  /** Number of pods. */
  readonly pods: number
}

export type Act =
  /** A program is started by a process that has a name. The line is split at blanks, '…' holds an argument together. */
  | ({ readonly act: 'run'; readonly by: string; readonly line: string } & Process)
  /** A process with a name connects, reads or writes. */
  | ({ readonly act: 'use'; readonly by: string } & Pick<Process, 'to' | 'reads' | 'writes'>)
  /** A program is started in a pod from outside, past the API server. */
  | ({ readonly act: 'enter'; readonly pod: string; readonly line: string } & Process)
  /** kubectl exec into a pod. */
  | ({ readonly act: 'exec'; readonly who: Who; readonly pod: string; readonly line: string } & Process)
  /** A program is started on the node of a pod. */
  | ({ readonly act: 'host'; readonly pod: string; readonly line: string } & Process)
  | { readonly act: 'api'; readonly who: Who; readonly calls: readonly ApiCall[] }
  /** A workload is created, and the controllers bring up its pods; pods and their first processes are known by `as`. */
  | { readonly act: 'deploy'; readonly who: Who; readonly what: Deployed; readonly as: string }
  /** The pod template of the other workload is replaced, and its pods with it. */
  | {
      readonly act: 'replace'
      readonly who: Who
      readonly template: (before: PodTemplate) => PodTemplate
      readonly as: string
    }
  | { readonly act: 'delete-pod'; readonly who: Who; readonly pod: string }
  /** The role of the first victim's account is taken in the cloud, and what it may do is used from the attacker's address. */
  | { readonly act: 'cloud' }

/** Offset from the start of the attack, number of the step in the source's table, what happens. */
export type Row = readonly [at: string, step: number, act: Act]

export interface Campaign {
  readonly id: string
  readonly title: string
  readonly source: string
  readonly victim: VictimKind
  readonly evasions: readonly Evasion[]
  /** Steps that are in neither source, and so in no recording. */
  readonly unseen: readonly string[]
  readonly rows: (attack: Attack) => readonly Row[]
}

/** What is in a pod by name: the first victim, and in it the process that is exploited. */
export const VICTIM = 'victim'
export const OTHER = 'other'

export const run = (by: string, line: string, more: Process = {}): Act => ({ act: 'run', by, line, ...more })
export const use = (by: string, more: Pick<Process, 'to' | 'reads' | 'writes'>): Act => ({ act: 'use', by, ...more })
export const enter = (pod: string, line: string, more: Process = {}): Act => ({ act: 'enter', pod, line, ...more })
export const host = (pod: string, line: string, more: Process = {}): Act => ({ act: 'host', pod, line, ...more })
export const exec = (who: Who, pod: string, line: string, more: Process = {}): Act => ({
  act: 'exec',
  who,
  pod,
  line,
  ...more
})
export const api = (who: Who, ...calls: readonly ApiCall[]): Act => ({ act: 'api', who, calls })
export const deploy = (who: Who, as: string, what: Deployed): Act => ({ act: 'deploy', who, what, as })

export const cloud = (): Act => ({ act: 'cloud' })

export const ANONYMOUS: Who = { as: 'anonymous' }
export const CURL = 'curl/8.5.0'
export const GO = 'Go-http-client/1.1'
export const KUBECTL = 'kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9'
export const token = (agent: string, more: { readonly of?: string; readonly from?: string } = {}): Who => ({
  as: 'token',
  agent,
  ...more
})
