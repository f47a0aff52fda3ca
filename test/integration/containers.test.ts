import { execFile } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { stringify } from 'yaml'
import { setUpKafka, setUpOpenSearch } from '../../services/cli/commands/setup.ts'
import { settingsSchema } from '../../services/cli/settings.ts'
import { type ServiceProcesses, startServiceProcesses } from '../../services/cli/up/service-processes.ts'
import type { ListedContainer } from '../../services/core/enrich/container-list.ts'

const MAIN = fileURLToPath(new URL('../../services/cli/main.ts', import.meta.url))
const NAME = 'containers'
const execute = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'weir-containers-'))
const settings_file = join(folder, 'weir.yml')
let services: ServiceProcesses

const pod = (name: string, node: string, state: object) => ({
  kind: 'Pod',
  metadata: { name, namespace: 'shop', uid: `uid-${name}` },
  spec: {
    nodeName: node,
    containers: [{ name: 'web', image: 'nginx:1', securityContext: { privileged: name === 'one' } }]
  },
  status: {
    containerStatuses: [
      { name: 'web', containerID: `containerd://${name}`, imageID: 'nginx@sha256:1', state, restartCount: 0 }
    ]
  }
})

beforeAll(async () => {
  const endpoints = inject('endpoints')
  const running = { running: { startedAt: '2026-11-24T10:00:00Z' } }
  const items = [pod('one', 'node1', running), pod('two', 'node2', running), pod('ended', 'node1', { terminated: {} })]
  const inventory_file = join(folder, 'inventory.json')
  writeFileSync(inventory_file, JSON.stringify({ kind: 'List', items }))
  const given = {
    cluster: { id: 'c1', name: 'prod' },
    kafka: { brokers: [endpoints.kafka], group_prefix: NAME },
    registry: { url: endpoints.registry },
    redis: { url: endpoints.redis, key_prefix: `${NAME}:` },
    opensearch: { nodes: [endpoints.opensearch], index_prefix: NAME },
    inventory: { files: [inventory_file] }
  }
  writeFileSync(settings_file, stringify(given))
  const settings = settingsSchema.parse(given)
  await setUpKafka(settings)
  await setUpOpenSearch(settings)
  services = await startServiceProcesses(['inventory', 'indexer'], {
    settings_file,
    log_directory: join(folder, 'logs'),
    note: () => undefined
  })
  await services.ready(120_000)
}, 240_000)
afterAll(() => services?.stop())

async function weir(...args: string[]): Promise<string> {
  return (await execute(process.execPath, [MAIN, 'containers', ...args, '-c', settings_file])).stdout
}
async function listed(...args: string[]): Promise<ListedContainer[]> {
  const lines = (await weir('--json', ...args)).split('\n').filter(Boolean)
  // Other tests of this run may have told of theirs.
  return lines.map((line) => JSON.parse(line) as ListedContainer).filter(({ cluster }) => cluster === 'prod')
}

describe.each([
  ['the index', []],
  ['the inventory topic', ['--live']]
])('weir containers, from %s', (_, source) => {
  it('lists what runs, by node and namespace', async () => {
    const names = async (...args: string[]) => (await listed(...source, ...args)).map(({ pod: name }) => name)
    await expect.poll(() => names('--all'), { timeout: 60_000, interval: 500 }).toEqual(['ended', 'one', 'two'])
    expect(await names()).toEqual(['one', 'two'])
    expect(await names('--node', 'node2')).toEqual(['two'])
    expect(await names('--namespace', 'other')).toEqual([])
    expect((await listed(...source))[0]).toEqual({
      cluster: 'prod',
      node: 'node1',
      namespace: 'shop',
      pod: 'one',
      pod_uid: 'uid-one',
      name: 'web',
      id: 'one',
      image: 'nginx:1',
      image_id: 'nginx@sha256:1',
      privileged: true,
      state: 'running',
      started: '2026-11-24T10:00:00Z'
    })
    expect(await weir(...source, '--node', 'nowhere')).toBe('no running containers there that are known\n')
    expect(await weir(...source)).toContain('prod/node1: 1 container\n')
  }, 240_000)
})
