import type { SensorErrorCode } from './errors.ts'
import type { EventKind, Kind } from './layout.ts'

/** What the thread that reads the kernel is started with. */
export interface ReaderSettings {
  readonly object: string
  readonly arch: 'x64' | 'arm64'
  readonly node: string
  readonly boot_id: string
  readonly run: string
  readonly self_pid: number
  readonly cgroup_version_1: boolean
  readonly cgroup_hierarchy: number
  readonly events: readonly EventKind[]
  readonly read_prefixes: readonly string[]
  readonly read_ends: readonly string[]
  readonly sockets: readonly string[]
  readonly write_ignore_prefixes: readonly string[]
  readonly process_ring_bytes: number
  readonly ring_bytes: number
  readonly pending_max_bytes: number
  readonly poll_interval_ms: number
}

/** Events of one container, or of the host, as batch.ts writes them. */
export interface EventBatch {
  readonly container: string | null
  readonly pod_uid: string | null
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly count: number
}

/** Why events were lost: the ring was full, or the agent had too much in hand. */
export type LossReason = Extract<SensorErrorCode, 'SENSOR_RING_FULL' | 'SENSOR_SHED' | 'SENSOR_UNREADABLE'>

export interface Loss {
  readonly kind: Kind
  readonly reason: LossReason
  readonly count: number
}

/** What the reader knows of itself. */
export interface ReaderState {
  readonly sent: Readonly<Partial<Record<Kind, number>>>
  readonly dropped: Readonly<Partial<Record<Kind, number>>>
  readonly processes: number
  /** Bytes that wait in the rings. */
  readonly waiting_bytes: number
  readonly pending_bytes: number
}

export type FromReader =
  | { readonly type: 'started' }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'events'; readonly batches: readonly EventBatch[]; readonly bytes: number }
  | { readonly type: 'lost'; readonly losses: readonly Loss[] }
  | { readonly type: 'state'; readonly state: ReaderState }
  | { readonly type: 'stopped' }

export type ToReader =
  | { readonly type: 'stored'; readonly bytes: number }
  | { readonly type: 'tell' }
  | { readonly type: 'stop' }
