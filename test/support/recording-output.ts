import type { AuditBatch, CloudBatch, RuntimeBatch } from '../../schemas/generated/types.ts'
import { createCodec, localSchemas } from '../../services/core/avro/codec.ts'
import { type ErrorList, WeirError } from '../../services/core/errors.ts'
import type { Output } from '../../services/platform/ingest/service.ts'
import type { OutgoingMessage } from '../../services/platform/stage.ts'

export const OUTPUT_ERRORS = {
  OUTPUT_AWAY: { description: 'The test says that Kafka is away.', retriable: true },
  OUTPUT_BROKEN: { description: 'The test says that Kafka will never take this.', retriable: false }
} as const satisfies ErrorList<string>

export interface RecordingOutput extends Output {
  /** What was acknowledged, in order. */
  readonly messages: OutgoingMessage[]
  /** What the next publishes do; `away` can be mended by waiting, `broken` cannot. */
  state: 'works' | 'away' | 'broken'
  /** Calls of publish, also those that failed. */
  readonly attempts: number
  /** Waits until a condition holds, looking after each publish. */
  until(condition: () => boolean): Promise<void>
  auditBatches(): Promise<AuditBatch[]>
  runtimeBatches(): Promise<RuntimeBatch[]>
  cloudBatches(): Promise<CloudBatch[]>
  deadLetters(): Array<{
    topic: string
    code: string | undefined
    value: string
    headers: Readonly<Record<string, string>>
  }>
}

/** Stands in for Kafka: keeps what is published, and fails when told to. */
export function createRecordingOutput(): RecordingOutput {
  const codec = createCodec(localSchemas())
  const messages: OutgoingMessage[] = []
  const waiting = new Set<() => void>()
  let attempts = 0
  const decode = <Name extends 'audit-batch' | 'runtime-batch' | 'cloud-batch'>(name: Name, topic: string) =>
    Promise.all(messages.filter((message) => message.topic === topic).map(({ value }) => codec.decode(name, value)))

  const output: RecordingOutput = {
    codec,
    messages,
    state: 'works',
    get attempts() {
      return attempts
    },
    probe: async () => undefined,
    publisher: {
      async publish(batch) {
        attempts += 1
        // After this call has had its effect.
        setImmediate(() => {
          for (const resolve of waiting) resolve()
          waiting.clear()
        })
        if (output.state === 'away') throw new WeirError(OUTPUT_ERRORS, 'OUTPUT_AWAY', 'away')
        if (output.state === 'broken') throw new WeirError(OUTPUT_ERRORS, 'OUTPUT_BROKEN', 'broken')
        // Whoever publishes may use the memory again.
        messages.push(...batch.map((message) => ({ ...message, value: message.value && Buffer.from(message.value) })))
      },
      close: async () => undefined
    },
    async until(condition) {
      while (!condition()) await new Promise<void>((resolve) => waiting.add(resolve))
    },
    auditBatches: () => decode('audit-batch', 'weir.audit.v1'),
    runtimeBatches: () => decode('runtime-batch', 'weir.runtime.v1'),
    cloudBatches: () => decode('cloud-batch', 'weir.cloud.v1'),
    deadLetters: () =>
      messages
        .filter(({ topic }) => topic.endsWith('.dlq'))
        .map(({ topic, value, headers = {} }) => ({ topic, code: headers['dlq.code'], value: String(value), headers }))
  }
  return output
}
