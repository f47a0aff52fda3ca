import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readServerSettings, SERVER_NAMES, weirHome } from '../../infra/settings.ts'

describe('readServerSettings', () => {
  it('gives the ports that each server has by custom', () => {
    const { ports, explicit_ports } = readServerSettings({})
    expect(ports).toEqual({ kafka: 9092, opensearch: 9200, registry: 8081, redis: 6379 })
    expect([...explicit_ports]).toEqual([])
  })

  it('lets the environment win, and remembers that the port was asked for', () => {
    const { ports, explicit_ports } = readServerSettings({ WEIR_KAFKA_PORT: '19092' })
    expect(ports.kafka).toBe(19_092)
    expect([...explicit_ports]).toEqual(['kafka'])
  })

  it.each([
    ['WEIR_REDIS_PORT', '0'],
    ['WEIR_REDIS_PORT', '65536'],
    ['WEIR_REDIS_PORT', '6379x'],
    ['WEIR_REDIS_PORT', '0x10'],
    ['WEIR_REDIS_PORT', ' 6379'],
    ['WEIR_KAFKA_HEAP_MB', '-1'],
    ['WEIR_OPENSEARCH_HEAP_MB', '1.5']
  ])('refuses %s=%s and names it', (name, value) => {
    expect(() => readServerSettings({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'SERVER_SETTING_INVALID' })
    )
    expect(() => readServerSettings({ [name]: value })).toThrow(name)
  })

  it('names a variable that the file lacks', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-settings-'))
    const file = join(folder, '.env')
    writeFileSync(file, 'WEIR_KAFKA_PORT=9092\n')
    expect(() => readServerSettings({}, file)).toThrow('WEIR_OPENSEARCH_PORT is not set')
    rmSync(folder, { recursive: true })
  })

  it('knows every server', () => {
    const settings = readServerSettings({})
    for (const group of [settings.ports, settings.versions, settings.memory_mb]) {
      expect(Object.keys(group).sort()).toEqual([...SERVER_NAMES].sort())
    }
  })
})

describe('weirHome', () => {
  it('is WEIR_HOME, else .weir in the checkout', () => {
    expect(weirHome({ WEIR_HOME: '/somewhere' })).toBe('/somewhere')
    expect(weirHome({})).toBe(join(import.meta.dirname, '../../.weir'))
  })
})
