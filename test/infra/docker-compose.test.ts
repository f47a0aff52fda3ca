import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { parseEnv } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { startComposeServers, whyNoDocker } from '../../infra/docker/compose.ts'
import { KAFKA_CLUSTER_ID, KAFKA_SETTINGS } from '../../infra/native/kafka.ts'
import { OPENSEARCH_SETTINGS } from '../../infra/native/opensearch.ts'
import { REDIS_SETTINGS } from '../../infra/native/redis.ts'
import { REGISTRY_PATH } from '../../infra/native/registry.ts'
import { silentProgress } from '../../infra/progress.ts'
import { ENV_FILE, readServerSettings, SERVER_NAMES } from '../../infra/settings.ts'
import { settingsSchema } from '../../services/cli/settings.ts'
import { loadSettings } from '../../services/platform/config/load.ts'

const ROOT = join(import.meta.dirname, '../..')
const WEIR_SERVICES = ['audit-collector', 'node-agent', 'inventory', 'enricher', 'correlator', 'indexer', 'responder']

const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
  profiles: z.array(z.enum(['servers', 'apps', 'dashboards'])).min(1),
  ports: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  command: z.array(z.string()).optional(),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.string() })).default({}),
  healthcheck: z
    .union([
      z.strictObject({
        test: z.array(z.string()),
        interval: z.string(),
        timeout: z.string(),
        retries: z.number(),
        start_period: z.string().optional()
      }),
      z.strictObject({ disable: z.literal(true) })
    ])
    .optional(),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  restart: z.string().optional()
})

/** The file as Compose sees it: variables replaced from .env, of which none may be missing. */
function readCompose() {
  const variables = parseEnv(readFileSync(ENV_FILE, 'utf8'))
  const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8').replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = variables[name]
    if (value === undefined) throw new Error(`.env does not set ${name}`)
    return value
  })
  const file = parse(text, { merge: true }) as { services: unknown; volumes: Record<string, unknown> }
  return { services: z.record(z.string(), service).parse(file.services), volumes: Object.keys(file.volumes) }
}

const { services, volumes } = readCompose()
const settings = readServerSettings({})

function of(name: string): z.output<typeof service> {
  const one = services[name]
  if (!one) throw new Error(`docker-compose.yml has no service ${name}`)
  return one
}

describe('docker-compose.yml', () => {
  it('has the servers, the dashboards, the set-up and every service of Weir, and nothing else', () => {
    expect(Object.keys(services).sort()).toEqual([...SERVER_NAMES, ...WEIR_SERVICES, 'dashboards', 'setup'].sort())
  })

  it.each(SERVER_NAMES)('publishes %s on the port of the settings, on the loopback address only', (name) => {
    expect(of(name).ports).toHaveLength(1)
    expect(of(name).ports[0]).toMatch(new RegExp(`^127\\.0\\.0\\.1:${settings.ports[name]}:\\d+$`))
  })

  it('publishes nothing beyond the loopback address', () => {
    for (const { ports } of Object.values(services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
    }
  })

  it.each(SERVER_NAMES)('runs %s in the version of the settings, with a health check', (name) => {
    expect(of(name).image.split(':')[1]).toMatch(
      new RegExp(`^${settings.versions[name].replaceAll('.', '\\.')}(-alpine)?$`)
    )
    expect(of(name).healthcheck).toBeDefined()
    expect(of(name).profiles).toContain('servers')
  })

  it('gives Kafka the settings that the native server has', () => {
    const { environment } = of('kafka')
    // The image's rule for names: KAFKA_A_B is a.b.
    for (const [key, value] of Object.entries(KAFKA_SETTINGS)) {
      const given = environment[`KAFKA_${key.toUpperCase().replaceAll('.', '_')}`]
      if (key === 'listener.security.protocol.map') expect(given).toBe(`${value},HOST:PLAINTEXT`)
      else expect([key, given]).toEqual([key, value])
    }
    expect(environment.CLUSTER_ID).toBe(KAFKA_CLUSTER_ID)
    expect(environment.KAFKA_HEAP_OPTS).toBe(`-Xmx${settings.memory_mb.kafka}m`)
  })

  it('tells Kafka to advertise the published port', () => {
    expect(of('kafka').environment.KAFKA_ADVERTISED_LISTENERS).toContain(`HOST://127.0.0.1:${settings.ports.kafka}`)
  })

  it('gives OpenSearch the settings that the native server has', () => {
    expect(of('opensearch').environment).toMatchObject(OPENSEARCH_SETTINGS)
    expect(of('opensearch').environment.OPENSEARCH_JAVA_OPTS).toBe(`-Xmx${settings.memory_mb.opensearch}m`)
  })

  it('gives Redis the settings that the native server has', () => {
    expect(of('redis').command).toEqual([
      'redis-server',
      '--maxmemory',
      `${settings.memory_mb.redis}mb`,
      ...Object.entries(REDIS_SETTINGS).flatMap(([key, value]) => [`--${key}`, value])
    ])
  })

  it.each(WEIR_SERVICES)('serves %s from the one image, once the set-up is done, with no privileges', (name) => {
    const one = of(name)
    expect(one.command).toEqual(['serve', name])
    expect(one.image).toBe('weir:local')
    expect(one.build?.dockerfile).toBe('infra/docker/Dockerfile')
    expect(one.depends_on).toEqual({ setup: { condition: 'service_completed_successfully' } })
    expect(one).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
  })

  it('tells the services addresses that their settings accept', () => {
    const { WEIR_CONFIG, ...env } = of('enricher').environment
    expect(WEIR_CONFIG).toBe('/etc/weir/weir.yml')
    const read = loadSettings(settingsSchema, { file: join(ROOT, 'infra/docker/config/weir.yml'), env })
    expect(read.kafka.brokers).toEqual(['kafka:29092'])
    expect(read.registry.url).toBe(`http://registry:8080${REGISTRY_PATH}`)
    expect(read.redis.url).toBe('redis://redis:6379')
    expect(read.opensearch.nodes).toEqual(['http://opensearch:9200'])
    for (const name of [...WEIR_SERVICES, 'setup']) expect(of(name).environment).toEqual(of('enricher').environment)
  })

  it('depends only on services that the same profiles start', () => {
    for (const [name, one] of Object.entries(services)) {
      for (const other of Object.keys(one.depends_on)) {
        for (const profile of one.profiles)
          expect([name, other, of(other).profiles]).toEqual([name, other, expect.arrayContaining([profile])])
      }
    }
  })

  it.each(WEIR_SERVICES)('asks %s for its readiness where it serves it', (name) => {
    const read = settingsSchema.parse({})
    expect(JSON.stringify(of(name).healthcheck)).toContain(`http://127.0.0.1:${read.health.port}/readyz`)
  })

  it('gives every service that spools a volume where its spool is', () => {
    const { audit_collector, node_agent } = settingsSchema.parse({})
    for (const [name, { directory }] of [
      ['audit-collector', audit_collector.spool],
      ['node-agent', node_agent.spool]
    ] as const) {
      expect(directory.startsWith('/var/lib/weir/')).toBe(true)
      expect(of(name).volumes).toContain(`${name}:/var/lib/weir`)
    }
  })

  it('publishes the webhook on the port that it listens on', () => {
    const { port } = settingsSchema.parse({}).audit_collector.webhook
    expect(of('audit-collector').ports).toEqual([`127.0.0.1:${port}:${port}`])
  })

  it('shows every service the settings', () => {
    for (const name of [...WEIR_SERVICES, 'setup']) {
      expect(of(name).volumes).toContain('./infra/docker/config:/etc/weir:ro')
    }
  })

  it('declares every volume it uses', () => {
    const used = Object.values(services).flatMap((one) => one.volumes.map((text) => text.replace(/:.*/, '')))
    expect(volumes.sort()).toEqual([...new Set(used)].filter((name) => !name.startsWith('.')).sort())
  })
})

describe('infra/docker/Dockerfile', () => {
  const lines = readFileSync(join(ROOT, 'infra/docker/Dockerfile'), 'utf8').split('\n')

  it('copies only what is there', () => {
    const copied = lines.flatMap((line) => /^COPY (?!--from)(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? [])
    expect(copied).toContain('services')
    for (const path of copied) expect([path, existsSync(join(ROOT, path))]).toEqual([path, true])
  })

  it('runs the command without root and without development packages', () => {
    expect(lines).toContain('USER node')
    expect(lines).toContain('ENTRYPOINT ["node", "bin/weir.js"]')
    expect(lines.some((line) => /npm ci --omit=dev/.test(line))).toBe(true)
  })
})

describe('with a docker command', () => {
  let folder: string

  /** Puts a `docker` on the PATH that notes how it is called, with the port it was given, and does what `body` says. */
  function fakeDocker(body: string): void {
    const file = join(folder, 'docker')
    writeFileSync(file, `#!/bin/sh\necho "$* $WEIR_REDIS_PORT" >>"${folder}/calls"\n${body}\n`)
    chmodSync(file, 0o755)
    vi.stubEnv('PATH', [folder, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter))
  }
  const calls = () => readFileSync(join(folder, 'calls'), 'utf8').trimEnd().split('\n')

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-docker-'))
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each([
    ['an engine and the plugin', 'echo 28.2', null],
    [
      'an engine that is down',
      'echo "Cannot connect to the Docker daemon" >&2; exit 1',
      /Cannot connect to the Docker daemon/
    ],
    ['an engine that answers nothing', 'exit 0', /no engine answers/],
    ['no plugin', '[ "$1" = info ] && echo 28.2 && exit 0; exit 1', /compose plugin is not installed/]
  ])('%s is told apart', async (_, body, expected) => {
    fakeDocker(body)
    const why = await whyNoDocker()
    if (expected === null) expect(why).toBeNull()
    else expect(why).toMatch(expected)
  })

  it('a missing command is told', async () => {
    vi.stubEnv('PATH', folder)
    expect(await whyNoDocker()).toMatch(/not installed/)
  })

  it('an engine that hangs is given up', { timeout: 20_000 }, async () => {
    fakeDocker('exec sleep 60')
    expect(await whyNoDocker()).toMatch(/did not answer within 5 s/)
  })

  it('starts, kills, resumes and stops the servers of the profile, on the ports it tells', async () => {
    fakeDocker('exit 0')
    const servers = await startComposeServers({ home: folder, progress: silentProgress, ports: 'free', fresh: true })
    const port = /:(\d+)$/.exec(servers.endpoints.redis)?.[1]
    await servers.restart('kafka', { signal: 'SIGKILL' })
    await servers.stop()
    await servers.stop()
    expect(calls()).toEqual([
      'compose --profile servers ps --status running --services ',
      `compose --profile servers down --volumes ${port}`,
      `compose --profile servers up --detach --wait ${port}`,
      `compose --profile servers kill --signal SIGKILL kafka ${port}`,
      `compose --profile servers up --detach --wait --no-recreate kafka ${port}`,
      `compose --profile servers stop ${port}`
    ])
  })

  it('leaves containers alone that ran before', async () => {
    fakeDocker(`case "$*" in *ps*) printf 'kafka\\nregistry\\nredis\\nopensearch\\n' ;; esac`)
    const servers = await startComposeServers({ home: folder, progress: silentProgress })
    await servers.stop()
    expect(servers.endpoints.kafka).toBe(`127.0.0.1:${settings.ports.kafka}`)
    expect(calls()).toHaveLength(1)
  })

  it('stops what was started when not all of it starts', async () => {
    fakeDocker('case "$*" in *up*) exit 3 ;; esac')
    await expect(startComposeServers({ home: folder, progress: silentProgress, ports: 'free' })).rejects.toMatchObject({
      code: 'SERVER_START_FAILED',
      message: expect.stringContaining('code 3')
    })
    expect(calls().at(-1)).toMatch(/compose --profile servers stop/)
  })
})
