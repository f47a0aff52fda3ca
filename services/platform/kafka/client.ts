import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import type { CompressionTypes as Compression, Kafka, KafkaConfig, LogEntry, RetryOptions, SASLOptions } from 'kafkajs'
import { messageOf, WeirError } from '../../core/errors.ts'
import type { Logger } from '../log.ts'
import { KAFKA_ERRORS } from './errors.ts'
import { kafkajs } from './kafkajs.ts'
import type { KafkaOptions } from './options.ts'

/** A Kafka cluster and how it is to be used. */
export interface KafkaClient {
  readonly kafka: Kafka
  readonly options: KafkaOptions
  readonly log: Logger
}

/** Longest wait between two tries, milliseconds. */
const RETRY_MAX_MS = 500
/** First wait, milliseconds: a transaction has to wait for the end of the one before, which takes a few milliseconds. */
const RETRY_FIRST_MS = 10
/** Waits that are shorter than the longest, since they double. */
const RETRY_RAMP = Math.ceil(Math.log2(RETRY_MAX_MS / RETRY_FIRST_MS))

/** A bound for what a compressed batch may become, so that a hostile one cannot take all memory. */
const DECOMPRESSED_MAX_BYTES = 256 * 1024 * 1024

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)
const { CompressionTypes, CompressionCodecs, logLevel } = kafkajs

CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder: { buffer: Buffer }) =>
    compress(encoder.buffer, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
  decompress: (buffer: Buffer) => decompress(buffer, { maxOutputLength: DECOMPRESSED_MAX_BYTES })
})

/** What kafkajs calls the compression of the options. */
export function compressionOf({ compression }: KafkaOptions): Compression {
  switch (compression) {
    case 'none':
      return CompressionTypes.None
    case 'gzip':
      return CompressionTypes.GZIP
    case 'zstd':
      return CompressionTypes.ZSTD
  }
}

/** Retries that last about as long as the options say. */
export function retryOf({ retry_for_ms }: KafkaOptions): RetryOptions {
  return {
    initialRetryTime: RETRY_FIRST_MS,
    maxRetryTime: RETRY_MAX_MS,
    retries: RETRY_RAMP + Math.ceil(retry_for_ms / RETRY_MAX_MS)
  }
}

function readSecret(path: string, setting: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const message = `${setting}: ${path} cannot be read: ${messageOf(error)}`
    throw new WeirError(KAFKA_ERRORS, 'KAFKA_FILE_UNREADABLE', message, { cause: error })
  }
}

function tlsOf({ tls }: KafkaOptions): ConnectionOptions | false {
  if (!tls.enabled) return false
  return {
    ...(tls.ca_file !== undefined && { ca: readSecret(tls.ca_file, 'kafka.tls.ca_file') }),
    ...(tls.cert_file !== undefined && { cert: readSecret(tls.cert_file, 'kafka.tls.cert_file') }),
    ...(tls.key_file !== undefined && { key: readSecret(tls.key_file, 'kafka.tls.key_file') }),
    ...(tls.server_name !== undefined && { servername: tls.server_name })
  }
}

function saslOf({ sasl }: KafkaOptions): SASLOptions | undefined {
  if (sasl === undefined) return undefined
  const { mechanism, username } = sasl
  return { mechanism, username, password: readSecret(sasl.password_file, 'kafka.sasl.password_file').trimEnd() }
}

/**
 * What kafkajs logs as an error while it goes on trying by itself: a broker that restarts, a coordinator that is loading.
 * The end of trying is an error of ours.
 */
const PASSING =
  /coordinator|Connection |Failed to connect|Failed to send messages|not available|Restarting the consumer/
/** Every error that is an answer of a broker; what comes of it is logged, or thrown, where it is known. */
const ANSWER = /^Response /

/** Said of every idempotent producer that may give up, though we do not use one again that has failed; and of every second transaction. */
const UNFOUNDED = /^Limiting retries for the idempotent producer|another concurrent operation on the same transaction/

/** While brokers are away kafkajs says so several times a second: the same text once in a while is enough. */
const REPEAT_AFTER_MS = 10_000
const REMEMBERED_TEXTS = 200

function createRepetitionFilter(): (text: string) => boolean {
  const saidAt = new Map<string, number>()
  return (text) => {
    const now = performance.now()
    if (now - (saidAt.get(text) ?? -REPEAT_AFTER_MS) < REPEAT_AFTER_MS) return true
    if (saidAt.size >= REMEMBERED_TEXTS) saidAt.clear()
    saidAt.set(text, now)
    return false
  }
}

function logThrough(log: Logger): (entry: LogEntry) => void {
  const isRepetition = createRepetitionFilter()
  return ({
    level,
    namespace,
    log: { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...details }
  }) => {
    const fields = { kafkajs: { namespace, ...details } }
    const quiet = level > logLevel.WARN || UNFOUNDED.test(message) || ANSWER.test(message)
    if (quiet || isRepetition(message)) log.debug(fields, message)
    else if (level === logLevel.WARN || PASSING.test(message)) log.warn(fields, message)
    else log.error(fields, message)
  }
}

/**
 * @throws KAFKA_FILE_UNREADABLE; brokers are not spoken to yet
 */
export function createKafka(options: KafkaOptions, log: Logger): KafkaClient {
  const login = saslOf(options)
  const config: KafkaConfig = {
    brokers: options.brokers,
    clientId: options.client_id,
    ssl: tlsOf(options),
    ...(login !== undefined && { sasl: login }),
    connectionTimeout: options.connection_timeout_ms,
    authenticationTimeout: options.connection_timeout_ms,
    requestTimeout: options.request_timeout_ms,
    retry: retryOf(options),
    logLevel: logLevel.WARN,
    logCreator: () => logThrough(log)
  }
  return { kafka: new kafkajs.Kafka(config), options, log }
}

/** Type of a Kafka error, such as REBALANCE_IN_PROGRESS; null for errors of another origin. */
export function protocolTypeOf(error: unknown): string | null {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    if ('type' in cause && typeof cause.type === 'string') return cause.type
  }
  return null
}

/** PRODUCER_FENCED, which is newer than kafkajs: it knows it by its number only. */
const PRODUCER_FENCED_CODE = 'Unknown error code 90'

/** Whether a producer was put out of action by a newer one with its transactional id. */
export function isFenced(error: unknown): boolean {
  return protocolTypeOf(error) === 'INVALID_PRODUCER_EPOCH' || messageOf(error).includes(PRODUCER_FENCED_CODE)
}
