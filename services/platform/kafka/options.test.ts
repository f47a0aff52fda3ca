import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../log.ts'
import { createKafka, retryOf } from './client.ts'
import { kafkaOptions } from './options.ts'

describe('settings of Kafka', () => {
  it('have defaults for everything', () => {
    expect(kafkaOptions.parse({})).toMatchObject({
      brokers: ['127.0.0.1:9092'],
      compression: 'zstd',
      tls: { enabled: false }
    })
  })

  it.each([
    ['an unknown key', { broker: 'x:1' }, /broker/],
    ['a broker without a port', { brokers: ['localhost'] }, /HOST:PORT/],
    ['a broker as a URL', { brokers: ['kafka://localhost:9092'] }, /HOST:PORT/],
    ['no broker', { brokers: [] }, /brokers/],
    ['a certificate without its key', { tls: { enabled: true, cert_file: 'c' } }, /come together/],
    ['certificates without TLS', { tls: { ca_file: 'c' } }, /enabled is false/],
    ['a login without a password', { sasl: { mechanism: 'plain', username: 'u' } }, /password_file/],
    ['rare heartbeats', { heartbeat_interval_ms: 20_000 }, /third of session_timeout_ms/],
    ['a rebalance shorter than a session', { rebalance_timeout_ms: 1_000 }, /at least session_timeout_ms/],
    ['a partition larger than a fetch', { fetch_max_partition_bytes: 99_000_000 }, /fetch_max_bytes/],
    ['a queue that takes no message', { queue_max_bytes: 10 }, /message_max_bytes/]
  ])('%s is refused', (_what, settings, message) => {
    expect(() => kafkaOptions.parse(settings)).toThrow(message)
  })

  it.each(['[::1]:9092', 'kafka-0.kafka.svc.cluster.local:9093'])('%s is a broker', (broker) => {
    expect(kafkaOptions.parse({ brokers: [broker] }).brokers).toEqual([broker])
  })
})

describe('a client', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-kafka-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('reads secrets from their files, and names the setting of one that it cannot read', () => {
    const password_file = join(folder, 'password')
    const ca_file = join(folder, 'ca.pem')
    writeFileSync(password_file, 'secret\n')
    writeFileSync(ca_file, 'ca')
    const settings = {
      tls: { enabled: true, ca_file },
      sasl: { mechanism: 'scram-sha-512', username: 'weir', password_file }
    }
    expect(() => createKafka(kafkaOptions.parse(settings), silentLogger)).not.toThrow()
    rmSync(ca_file)
    expect(() => createKafka(kafkaOptions.parse(settings), silentLogger)).toThrow(
      expect.objectContaining({
        code: 'KAFKA_FILE_UNREADABLE',
        message: expect.stringMatching(/^kafka\.tls\.ca_file: /)
      })
    )
  })

  it('tries again for about as long as it is told', () => {
    const {
      initialRetryTime = 0,
      maxRetryTime = 0,
      retries = 0
    } = retryOf(kafkaOptions.parse({ retry_for_ms: 60_000 }))
    let total = 0
    for (let wait = initialRetryTime, left = retries; left > 0; left--, wait = Math.min(wait * 2, maxRetryTime))
      total += wait
    expect(total).toBeGreaterThan(55_000)
    expect(total).toBeLessThan(66_000)
  })
})
