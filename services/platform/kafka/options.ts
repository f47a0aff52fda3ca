import { z } from 'zod'

const MIB = 1024 * 1024
const milliseconds = (value: number) => z.number().int().positive().default(value)
const bytes = (value: number) => z.number().int().positive().default(value)

const tls = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Whether to speak TLS to the brokers.'),
    ca_file: z.string().optional().describe('CA that signed the brokers’ certificates, where it is a private one.'),
    cert_file: z.string().optional().describe('Client certificate, where the brokers ask for one.'),
    key_file: z.string().optional().describe('Key of the client certificate.'),
    server_name: z.string().optional().describe('Name to expect in the certificates, where it is not the host name.')
  })
  .refine(({ cert_file, key_file }) => (cert_file === undefined) === (key_file === undefined), {
    message: 'cert_file and key_file come together',
    path: ['cert_file']
  })
  .refine(({ enabled, ca_file, cert_file }) => enabled || (ca_file === undefined && cert_file === undefined), {
    message: 'files are given, but enabled is false',
    path: ['enabled']
  })

const sasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).describe('How to log in.'),
  username: z.string().min(1).describe('User.'),
  password_file: z.string().min(1).describe('File with the password of the user.')
})

/** How to reach Kafka, and how to use it. */
export const kafkaOptions = z
  .strictObject({
    brokers: z
      .array(z.string().regex(/^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, 'a broker is HOST:PORT'))
      .min(1)
      .default(['127.0.0.1:9092'])
      .describe('Brokers to begin with, HOST:PORT.'),
    client_id: z.string().min(1).default('weir').describe('Name the brokers log.'),
    group_prefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,100}$/, 'letters, digits, . _ and -')
      .default('weir')
      .describe('Put before consumer groups and transactional ids, so that installations can share a cluster.'),
    tls: tls.prefault({}).describe('Encryption.'),
    sasl: sasl.optional().describe('Login.'),
    partitions: z
      .record(z.string(), z.number().int().min(1).max(1000))
      .default({})
      .describe('Partition counts by topic, in place of the defaults of schemas/topics.yml.'),
    replication_factor: z
      .number()
      .int()
      .min(1)
      .max(10)
      .optional()
      .describe('Copies of each topic that setup creates; the brokers’ default where it is not given.'),
    compression: z.enum(['none', 'gzip', 'zstd']).default('zstd').describe('How messages are compressed.'),
    message_max_bytes: bytes(8 * MIB).describe('Largest message; setup gives the topics the same bound.'),
    batch_max_bytes: bytes(1 * MIB).describe('How much goes into one produce request before compression.'),
    queue_max_bytes: bytes(64 * MIB).describe('How much may wait to be published; more is refused.'),
    fetch_max_wait_ms: milliseconds(250).describe('How long a broker may wait for messages before it answers.'),
    fetch_min_bytes: bytes(1).describe('How much a broker waits for.'),
    fetch_max_bytes: bytes(10 * MIB).describe('How much one fetch may bring.'),
    fetch_max_partition_bytes: bytes(1 * MIB).describe('How much of one partition, as it is compressed.'),
    handle_max_messages: z.number().int().positive().default(2_000).describe('Messages that a stage gets at a time.'),
    handle_max_bytes: bytes(8 * MIB).describe('How much a stage gets at a time, unless one message is larger.'),
    partitions_concurrently: z
      .number()
      .int()
      .min(1)
      .max(64)
      .default(3)
      .describe('How many partitions of a service may be in work at a time.'),
    session_timeout_ms: milliseconds(15_000).describe('Silence after which a consumer loses its partitions.'),
    rebalance_timeout_ms: milliseconds(60_000).describe('How long a consumer may take to finish what is in hand.'),
    heartbeat_interval_ms: milliseconds(3_000).describe('How often a consumer says that it lives.'),
    transaction_timeout_ms: milliseconds(30_000).describe('After this the brokers abort an open transaction.'),
    connection_timeout_ms: milliseconds(5_000).describe('How long connecting may take.'),
    request_timeout_ms: milliseconds(30_000).describe('How long a request may take.'),
    retry_for_ms: milliseconds(60_000).describe('How long to try again before giving up.'),
    drain_timeout_ms: milliseconds(10_000).describe('How long work in hand may take when the service is stopped.'),
    stall_timeout_ms: milliseconds(120_000).describe('A consumer loop without any activity for so long has failed.')
  })
  .refine((o) => o.heartbeat_interval_ms * 3 <= o.session_timeout_ms, {
    message: 'must be at most a third of session_timeout_ms',
    path: ['heartbeat_interval_ms']
  })
  .refine((o) => o.rebalance_timeout_ms >= o.session_timeout_ms, {
    message: 'must be at least session_timeout_ms',
    path: ['rebalance_timeout_ms']
  })
  .refine((o) => o.fetch_max_partition_bytes <= o.fetch_max_bytes, {
    message: 'must be at most fetch_max_bytes',
    path: ['fetch_max_partition_bytes']
  })
  .refine((o) => o.message_max_bytes <= o.queue_max_bytes, {
    message: 'must be at least message_max_bytes',
    path: ['queue_max_bytes']
  })

export type KafkaOptions = z.output<typeof kafkaOptions>
