import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { loadSettings, readSecret } from './load.ts'

const schema = z.strictObject({
  kafka: z
    .strictObject({
      brokers: z.array(z.string()).default(['localhost:9092']),
      request_timeout_ms: z.number().int().positive().default(30_000)
    })
    .prefault({}),
  log: z.strictObject({ level: z.enum(['info', 'debug']).default('info') }).prefault({})
})

const folder = mkdtempSync(join(tmpdir(), 'weir-config-'))
const write = (text: string) => {
  const file = join(folder, 'weir.yml')
  writeFileSync(file, text)
  return file
}
const problem = (text: string, env = {}) => {
  try {
    loadSettings(schema, { file: write(text), env })
  } catch (error) {
    return String(error).replaceAll(folder, '')
  }
  return 'no error'
}

describe('settings', () => {
  it('have defaults for everything', () => {
    expect(loadSettings(schema, {})).toEqual({
      kafka: { brokers: ['localhost:9092'], request_timeout_ms: 30_000 },
      log: { level: 'info' }
    })
  })

  it('are read from a file, and the environment wins', () => {
    const file = write('kafka:\n  brokers: [a:1, b:2]\n  request_timeout_ms: 5\n')
    const env = { WEIR_KAFKA__REQUEST_TIMEOUT_MS: '7', WEIR_HOME: '/nowhere', PATH: '/bin' }
    expect(loadSettings(schema, { file, env }).kafka).toEqual({ brokers: ['a:1', 'b:2'], request_timeout_ms: 7 })
  })

  it.each([
    ['an unknown key', 'kafka:\n  brokres: []\n', 'CONFIG_INVALID: /weir.yml:2:3: kafka.brokres: unknown setting'],
    ['an unknown top-level key', 'log: {}\nkafak: {}\n', 'CONFIG_INVALID: /weir.yml:2:1: kafak: unknown setting'],
    ['a wrong type', 'kafka:\n  request_timeout_ms: soon\n', '/weir.yml:2:23: kafka.request_timeout_ms: Invalid input'],
    ['broken YAML', 'kafka: [\n', 'CONFIG_NOT_YAML: /weir.yml:'],
    ['a duplicate key', 'log: {}\nlog: {}\n', 'CONFIG_NOT_YAML: /weir.yml:2:1'],
    ['a list', '- kafka\n', 'CONFIG_INVALID: /weir.yml: settings must be a map']
  ])('name file, line and column of %s', (_, text, expected) => {
    expect(problem(text)).toContain(expected)
  })

  it('name the variable a wrong value came from', () => {
    expect(problem('{}', { WEIR_LOG__LEVEL: 'loud' })).toContain('WEIR_LOG__LEVEL: log.level: Invalid option')
  })

  it('cannot reach a prototype through a variable', () => {
    problem('{}', { WEIR_KAFKA____PROTO____POLLUTED: 'yes' })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('never put a secret into an error', () => {
    const file = join(folder, 'password')
    writeFileSync(file, 'hunter2\n')
    expect(readSecret(file)).toBe('hunter2')
    expect(() => readSecret(join(folder, 'missing'))).toThrow(/cannot read the secret in .*missing/)
  })
})
