import type { CorrelatorState } from '../../schemas/generated/types.ts'
import type { Codec } from '../core/avro/codec.ts'
import { BLANK_ENTRY } from '../core/changelog-entry.ts'
import type { OutgoingMessage, StageContext } from '../platform/stage.ts'
import { createLatestEntries } from './latest-entries.ts'
import type { ReadAhead } from './standby.ts'

const MARKER: CorrelatorState = { ...BLANK_ENTRY, key: 'fence', cluster_id: '', kind: 'marker' }

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

/** How the state of a partition is read. */
export interface ReadingOptions {
  /** What a standby has read of it; null when all is still to be read. */
  readonly ahead: ReadAhead | null
  /** Lets others have their turn. */
  readonly pause: () => Promise<void> | undefined
}

const WHOLE: ReadingOptions = { ahead: null, pause: () => undefined }

/**
 * Reads the state of a partition: everything that earlier owners committed, who can commit no more.
 * @param take is given the latest entry of each key, in the order in which they were last written
 */
export async function readState(
  codec: Pick<Codec, 'encode' | 'decode'>,
  { changelog }: StageContext,
  { topic, partition }: ChangelogPartition,
  take: (name: string, entry: CorrelatorState) => void,
  { ahead, pause }: ReadingOptions = WHOLE
): Promise<void> {
  const fence = stateMessage(codec, { topic, partition }, `fence/${partition}`, MARKER)
  const entries = ahead?.entries ?? createLatestEntries()
  for await (const { key, value } of changelog.read(topic, partition, fence, ahead?.from)) entries.take(key, value)
  for (const [name, value] of entries.drain()) {
    take(name, await codec.decode('correlator-state', value))
    await pause()
  }
}
