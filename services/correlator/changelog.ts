import type { CorrelatorState } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import type { OutgoingMessage, StageContext } from '../platform/stage.ts'

const MARKER: CorrelatorState = {
  key: 'fence',
  cluster_id: '',
  kind: 'marker',
  signal: null,
  sealed: null,
  cut_keys: [],
  published: null,
  watermark: 0,
  document: null,
  packed: null
}

/** Where the state of a partition is kept. */
export interface ChangelogPartition {
  readonly topic: string
  readonly partition: number
}

/** A change of the state as a message. @param name message key; @param value null forgets it */
export function stateMessage(
  codec: Pick<Codec, 'encode'>,
  { topic, partition }: ChangelogPartition,
  name: string,
  value: CorrelatorState | null
): OutgoingMessage {
  return { topic, partition, key: name, value: value === null ? null : codec.encode('correlator-state', value) }
}

/**
 * Reads the state of a partition: everything that earlier owners committed, who can commit no more.
 * @param take is given each entry in the order of writing, null for one that is forgotten
 */
export async function readState(
  codec: Pick<Codec, 'encode' | 'decode'>,
  { changelog }: StageContext,
  { topic, partition }: ChangelogPartition,
  take: (name: string, entry: CorrelatorState | null) => void
): Promise<void> {
  const fence = stateMessage(codec, { topic, partition }, `fence/${partition}`, MARKER)
  for await (const message of changelog.read(topic, partition, fence)) {
    const name = message.key?.toString('utf8') ?? ''
    take(name, message.value === null ? null : await codec.decode('correlator-state', message.value))
  }
}
