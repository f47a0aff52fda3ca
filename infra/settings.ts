import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { WeirError } from '../services/core/errors.ts'
import { SERVER_ERRORS } from './errors.ts'

/** The servers Weir needs, in the order in which they are fetched: the one that is slowest to start comes early. */
export const SERVER_NAMES = ['kafka', 'opensearch', 'registry', 'redis'] as const
export type ServerName = (typeof SERVER_NAMES)[number]

export type ServerPorts = Readonly<Record<ServerName, number>>

export interface ServerSettings {
  readonly ports: ServerPorts
  /** Servers whose port was set in the environment: a port that was asked for is not silently replaced. */
  readonly explicit_ports: ReadonlySet<ServerName>
  readonly versions: Readonly<Record<ServerName, string>>
  /** Java heap, for Redis its `maxmemory`. */
  readonly memory_mb: Readonly<Record<ServerName, number>>
}

export const ENV_FILE = new URL('../.env', import.meta.url)

/**
 * The settings that the native launcher and docker-compose.yml share.
 *
 * @param environment wins over the file, as in Docker Compose
 * @param file the file to read, default `.env` of the checkout
 * @throws WeirError SERVER_SETTING_INVALID naming the variable
 */
export function readServerSettings(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  file: URL | string = ENV_FILE
): ServerSettings {
  const defaults = parseEnv(readFileSync(file, 'utf8'))
  const text = (name: string): string => {
    const value = environment[name] || defaults[name]
    if (!value) throw invalid(name, value, `set it in ${String(file)}`)
    return value
  }
  const whole = (name: string, lowest: number, highest: number): number => {
    const value = text(name)
    const number = Number(value)
    if (!/^\d+$/.test(value) || number < lowest || number > highest) {
      throw invalid(name, value, `it must be a whole number from ${lowest} to ${highest}`)
    }
    return number
  }
  const port = (name: string): number => whole(name, 1, 65_535)
  const ports = {
    kafka: port('WEIR_KAFKA_PORT'),
    opensearch: port('WEIR_OPENSEARCH_PORT'),
    registry: port('WEIR_REGISTRY_PORT'),
    redis: port('WEIR_REDIS_PORT')
  }
  return {
    ports,
    explicit_ports: new Set(SERVER_NAMES.filter((name) => environment[`WEIR_${name.toUpperCase()}_PORT`])),
    versions: {
      kafka: text('WEIR_KAFKA_VERSION'),
      opensearch: text('WEIR_OPENSEARCH_VERSION'),
      registry: text('WEIR_REGISTRY_VERSION'),
      redis: text('WEIR_REDIS_VERSION')
    },
    memory_mb: {
      kafka: whole('WEIR_KAFKA_HEAP_MB', 128, 65_536),
      opensearch: whole('WEIR_OPENSEARCH_HEAP_MB', 256, 65_536),
      registry: whole('WEIR_REGISTRY_HEAP_MB', 128, 65_536),
      redis: whole('WEIR_REDIS_MEMORY_MB', 16, 65_536)
    }
  }
}

function invalid(name: string, value: string | undefined, mend: string): WeirError {
  return new WeirError(
    SERVER_ERRORS,
    'SERVER_SETTING_INVALID',
    `${name} is ${value ? `"${value}"` : 'not set'}: ${mend}`
  )
}

/** The folder for everything downloaded, cached or stored: `WEIR_HOME`, else `.weir` in the checkout. */
export function weirHome(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  return environment.WEIR_HOME || fileURLToPath(new URL('../.weir', import.meta.url))
}
