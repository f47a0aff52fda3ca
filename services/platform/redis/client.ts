import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { readSecret } from '../config/load.ts'
import type { Logger } from '../log.ts'
import type { RedisOptions } from './options.ts'

/**
 * A connection that comes back by itself and whose commands fail (rather than wait for ever) while the server is away, so that
 * callers decide what to do.
 */
export function connectRedis(options: RedisOptions, log: Logger): Redis {
  const secure = options.url.startsWith('rediss://')
  const redis = new Redis(options.url, {
    keyPrefix: options.key_prefix,
    commandTimeout: options.command_timeout_ms,
    maxRetriesPerRequest: 1,
    enableAutoPipelining: false,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
    ...(options.username !== undefined && { username: options.username }),
    ...(options.password_file !== undefined && { password: readSecret(options.password_file) }),
    ...(secure && {
      tls: {
        ...(options.tls_ca_file !== undefined && { ca: readFileSync(options.tls_ca_file) }),
        ...(options.tls_cert_file !== undefined && { cert: readFileSync(options.tls_cert_file) }),
        ...(options.tls_key_file !== undefined && { key: readFileSync(options.tls_key_file) })
      }
    })
  })
  let saidAway = false
  redis.on('error', (error) => {
    // ioredis reports every failed attempt; one line per outage is enough.
    if (!saidAway) log.warn({ error: error.message }, 'redis is away')
    saidAway = true
  })
  redis.on('ready', () => {
    if (saidAway) log.info('redis is back')
    saidAway = false
  })
  return redis
}
