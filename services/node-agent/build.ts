import { randomUUID } from 'node:crypto'
import type { Cluster, RuntimeEvent } from '../../schemas/generated/types.ts'
import { WeirError } from '../core/errors.ts'
import type { SourcedEvent } from '../core/events/sourced-event.ts'
import { isObject, stringAt } from '../core/json.ts'
import { type BatchContext, RUNTIME_TOPIC, toMessages } from '../platform/ingest/batches.ts'
import {
  type Converted,
  convertLines,
  linesOf,
  parseBytes,
  type Taken,
  unexpected
} from '../platform/ingest/convert.ts'
import { INGEST_ERRORS } from '../platform/ingest/errors.ts'
import type { Delivery } from '../platform/ingest/forward.ts'
import { decodeRecord } from '../platform/ingest/record.ts'
import type { SpoolRecord } from '../platform/spool/read.ts'
import type { OutgoingMessage } from '../platform/stage.ts'
import { heldEvents, withContainers } from './containers/held.ts'
import type { Hold } from './containers/hold.ts'
import { dropEvent } from './drops.ts'
import { fromOf, type NodeAgentOptions } from './options.ts'
import { createPacker, type Packed } from './packed.ts'
import { countEvents } from './sensor/batch.ts'
import { eventsOf } from './sensor/unpack.ts'
import { BPFTRACE } from './sources/options.ts'

/** Where the note has the numbering, beside numbers by `cluster/node/sensor`. */
const NUMBERING = 'numbering'

/**
 * Turns what is in the spool into messages: runtime events in batches by node and sensor, with the numbers that follow those in
 * `note`; audit events that Falco's plugin saw in audit batches; dead letters for the rest. What has to wait for its container goes
 * into the spool again. Never throws on input.
 */
export function createBuild(
  cluster: Cluster,
  options: Pick<NodeAgentOptions, 'node' | 'sources'>,
  context: BatchContext,
  hold: Hold
): (records: readonly SpoolRecord[], note: string | null, may_wait: boolean) => Delivery {
  const sensors = new Map<string, string>(
    options.sources.map((source) => [
      fromOf(source),
      source.type === 'builtin' || source.type === 'recorded' ? 'bpf' : source.type
    ])
  )

  function convert(payload: Buffer, since: Map<Taken, number>): Converted {
    try {
      const { header, body } = decodeRecord(payload)
      if (header.form === 'held') {
        const held = heldEvents(body)
        for (const item of held) since.set(item.taken, item.since)
        return { taken: held.map(({ taken }) => taken), rejected: [] }
      }
      const instance = options.node ?? context.instance
      const sensor = sensors.get(header.from)
      if (header.form === 'drop') {
        const runtime = dropEvent(header, body)
        const source = { type: 'runtime', provider: sensor ?? 'unknown', instance } as const
        return {
          taken: [
            { event: { audit: null, runtime, cluster, source, received: header.received }, original: () => body }
          ],
          rejected: []
        }
      }
      if (header.form === 'packed') {
        const { received, container = null, pod_uid = null, boot_id = null } = header
        const source = { type: 'runtime', provider: 'bpf', instance } as const
        const head = { cluster, source, received, audit: null }
        const taken = eventsOf(body, container, pod_uid).map((runtime) => ({
          event: { ...head, runtime },
          original: () => Buffer.from(JSON.stringify(runtime)),
          boot_id
        }))
        return { taken, rejected: [] }
      }
      if (header.form === 'events') {
        const provider = header.from === BPFTRACE ? 'bpftrace' : 'bpf'
        const source = { type: 'runtime', provider, instance } as const
        return convertEvents(body, { cluster, source, received: header.received }, header.boot_id ?? null)
      }
      // A sensor may have a name of its own for the cluster; an agent's node is in one cluster, whatever that is called.
      const { taken, rejected } = convertLines(body, {
        cluster,
        instance,
        received: header.received,
        clusterOf: () => cluster
      })
      const wrong = taken.filter(({ event }) => !isFrom(event, sensor))
      return {
        taken: taken
          .filter(({ event }) => isFrom(event, sensor))
          .map((item) => ({ ...item, event: named(item.event, options.node) })),
        rejected: [
          ...rejected,
          ...wrong.map(({ event, original }) => ({ original, error: wrongSource(event, sensor) }))
        ]
      }
    } catch (error) {
      return { taken: [], rejected: [{ error: unexpected(error), original: () => payload }] }
    }
  }

  // Of a new spool, whose numbers begin anew; else the note has the one that was begun.
  const fresh: string = randomUUID()
  let numbering = fresh
  const packer = createPacker({
    ...{ cluster, node: options.node ?? context.instance, context },
    numbering: () => numbering
  })

  /** What most records are, to go on its way without being decoded; null for what has to be looked into. */
  function packedOf(payload: Buffer): Packed | null {
    try {
      const { header, body } = decodeRecord(payload)
      if (header.form !== 'packed') return null
      const { received, container: id = null, pod_uid = null, boot_id = null } = header
      const events = countEvents(body)
      const container = id === null ? null : hold.known(id, events)
      return id !== null && container === null ? null : { bytes: body, boot_id, received, pod_uid, container }
    } catch {
      // Whoever looks into it says what is wrong.
      return null
    }
  }

  return (records, note, may_wait) => {
    const messages: OutgoingMessage[] = []
    const later: Buffer[] = []
    const kept: unknown = note === null ? null : JSON.parse(note)
    let next = new Map(Object.entries(sequencesIn(kept)))
    numbering = stringAt(kept, NUMBERING) ?? fresh
    let others: SpoolRecord[] = []

    /** Messages of both kinds come in the order of the records, which is that of their sequence numbers. */
    function convertOthers(): void {
      if (others.length === 0) return
      const since = new Map<Taken, number>()
      const parts = others.map(({ payload }) => convert(payload, since))
      others = []
      const events = parts.flatMap(({ taken }) => taken)
      const held = withContainers(events, (taken) => since.get(taken) ?? null, hold, may_wait)
      const rejected = parts.flatMap((part) => part.rejected)
      later.push(...held.later)
      const numbered = Object.fromEntries(next)
      const made = toMessages(held.ready, rejected, { ...context, numbering, rejects_topic: RUNTIME_TOPIC }, numbered)
      messages.push(...made.messages)
      next = new Map(Object.entries(made.sequences))
    }

    for (const record of records) {
      const packed = packedOf(record.payload)
      if (packed !== null) {
        convertOthers()
        if (packer.add(packed, next)) continue
      }
      messages.push(...packer.take(next))
      others.push(record)
    }
    messages.push(...packer.take(next))
    convertOthers()
    const numbers = { [NUMBERING]: numbering, ...Object.fromEntries(next) }
    return { messages, note: JSON.stringify(numbers), later, done: packer.done }
  }
}

/** What the agent itself says of the built-in sensor, and events of bpftrace: it was made by this program, so that it is what it says. */
function convertEvents(body: Buffer, head: Omit<SourcedEvent, 'audit' | 'runtime'>, boot_id: string | null): Converted {
  const result: Converted = { taken: [], rejected: [] }
  for (const line of linesOf(body)) {
    const original = () => line
    const json = parseBytes(line)
    if (json instanceof WeirError) result.rejected.push({ error: json, original })
    else result.taken.push({ event: { ...head, audit: null, runtime: json as RuntimeEvent }, original, boot_id })
  }
  return result
}

/** Falco's plugin for audit logs alerts on API requests: those are audit events. Without a known sensor, anything is taken. */
function isFrom({ audit, source }: SourcedEvent, sensor: string | undefined): boolean {
  if (sensor === undefined) return true
  return source.provider === sensor || (sensor === 'falco' && audit !== null)
}

function wrongSource({ source }: SourcedEvent, sensor: string | undefined): WeirError {
  const message = `an event of ${source.provider} where ${sensor} is said to write; correct the type of the source`
  return new WeirError(INGEST_ERRORS, 'INGEST_WRONG_SOURCE', message)
}

function named(event: SourcedEvent, node: string | undefined): SourcedEvent {
  return node === undefined || event.runtime === null
    ? event
    : { ...event, source: { ...event.source, instance: node } }
}

function sequencesIn(note: unknown): Readonly<Record<string, number>> {
  if (!isObject(note)) return {}
  const numbers = Object.entries(note).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1]))
  return Object.fromEntries(numbers)
}
