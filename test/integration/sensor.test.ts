import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RuntimeEvent } from '../../schemas/generated/types.ts'
import { BUILTIN_RULES } from '../../services/cli/rules.ts'
import { loadRuleSet } from '../../services/core/detect/load-rule-set.ts'
import { enrich } from '../../services/core/enrich/join.ts'
import { startNodeAgent } from '../../services/node-agent/main.ts'
import { nodeAgentOptions } from '../../services/node-agent/options.ts'
import { createHealth } from '../../services/platform/health.ts'
import { silentLogger } from '../../services/platform/log.ts'
import { readRuleFolder } from '../../services/platform/rule-files.ts'
import { createRecordingOutput } from '../support/recording-output.ts'
import { cgroupRoot, sensorObstacle } from '../support/sensor/kernel.ts'

const ACT = join(import.meta.dirname, '../support/sensor/act.ts')
const BUILD = join(import.meta.dirname, '../../services/node-agent/sensor/build.ts')
const NODE = process.execPath
const EXECS = 2000
const SLEEPS = 20
const MARK = `weir-${process.pid}`
const CONTAINER = '4f5e6d7c8b9a0f1e'.repeat(4)
const POD_UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
const CONTROL = 'quote \' double " newline \n escape \u001b[31m'

const reason = sensorObstacle()
if (reason !== null) console.warn(`the built-in sensor is not tested: ${reason}`)

const folder = mkdtempSync(join(tmpdir(), 'weir-sensor-'))
const events: RuntimeEvent[] = []
let tracedPid = 0

async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString()
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args.slice(0, 3).join(' ')} ended with ${code}`)
  return output
}

const act = (...args: string[]) => run(NODE, [ACT, ...args])
const shell = (script: string, ...args: string[]) => run('/bin/sh', ['-c', script, 'sh', ...args])

/**
 * A root file system as containers have it, and a control group by which the kubelet would name one: first the container's own tree,
 * then others that are put in from outside.
 */
async function container(port: number): Promise<void> {
  const group = join(cgroupRoot(), MARK, `pod${POD_UID}`, CONTAINER)
  const overlay = join(folder, 'overlay')
  const [upper = '', work = '', merged = ''] = ['upper', 'work', 'merged'].map((name) => join(overlay, name))
  mkdirSync(overlay)
  mkdirSync(group, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', overlay])
  for (const part of [upper, work, merged]) mkdirSync(part)
  execFileSync('mount', ['-t', 'overlay', '-o', `lowerdir=/,upperdir=${upper},workdir=${work}`, 'overlay', merged])
  const inside = (command: string) =>
    run('/bin/bash', ['-c', `echo $$ > "$1/cgroup.procs"; exec ${command}`, 'bash', group, merged])
  const runtime = createServer()
  try {
    await inside(
      `unshare --pid --fork chroot "$2" /bin/sh -c '/bin/true ${MARK}-in-image; cp /bin/true /tmp/new; /tmp/new ${MARK}-drift; /bin/sh -c "/bin/true ${MARK}-deep; :"'`
    )
    mkdirSync(join(merged, 'weir'))
    runtime.listen(join(merged, 'weir/docker.sock'))
    await once(runtime, 'listening')
    const session = [
      `/bin/true ${MARK}-session`,
      'cd /etc; cat shadow > /dev/null',
      'mkdir /weir-mount; mount -t tmpfs none /weir-mount; umount /weir-mount',
      'cp /bin/true /usr/local/bin/weir-raised; chmod 4755 /usr/local/bin/weir-raised',
      `${NODE} ${ACT} unix /weir/docker.sock; ${NODE} ${ACT} trace; ${NODE} ${ACT} bpf; unshare --uts true`
    ]
    await inside(`chroot "$2" /bin/sh -c '${session.join('; ')}'`)
    await inside(`/usr/bin/script -qc "chroot '$2' /bin/sh -c '/bin/true ${MARK}-terminal-session; :'" /dev/null`)
    await inside(`chroot "$2" /bin/sh -c ': ${MARK}-shell-on-socket' < /dev/tcp/127.0.0.1/${port}`)
  } finally {
    runtime.close()
    execFileSync('umount', [merged])
    execFileSync('umount', [overlay])
    for (const path of [group, join(group, '..'), join(group, '../..')]) rmdirSync(path)
  }
}

async function network(): Promise<void> {
  await act('tcp')
  await act('udp', '5399')
  await act('dns', `${MARK}.example.com`)
  // This process serves, which the sensor does not see: it is the agent.
  const server = createServer((socket) => socket.on('error', () => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await run('/bin/bash', ['-c', `/bin/true ${MARK}-socket < /dev/tcp/127.0.0.1/${port}`])
  await container(port)
  server.close()
}

describe.skipIf(reason !== null)(`the built-in sensor${reason === null ? '' : ` (not tested: ${reason})`}`, () => {
  beforeAll(async () => {
    await run(NODE, [BUILD])
    const output = createRecordingOutput()
    const agent = await startNodeAgent({
      options: nodeAgentOptions.parse({
        node: 'n-1',
        sources: [{ type: 'builtin', heartbeat_interval_ms: 500 }],
        spool: { directory: join(folder, 'spool') },
        linger_ms: 20
      }),
      cluster: { id: 'uid-1', name: 'prod' },
      message_max_bytes: 8_000_000,
      connect: async () => output,
      stdin: new PassThrough(),
      health: createHealth(),
      log: silentLogger,
      now_ms: Date.now
    })
    const failed = agent.failed ?? new Promise<never>(() => undefined)
    failed.catch(() => undefined)
    try {
      await Promise.race([failed, everything()])
    } finally {
      await agent.stop()
    }
    for (const batch of await output.runtimeBatches()) events.push(...batch.events)
    expect(output.deadLetters()).toEqual([])
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function everything(): Promise<void> {
    const work = join(folder, 'work')
    for (const name of ['files', 'secrets', 'mount']) mkdirSync(join(work, name), { recursive: true })
    await shell(`i=0; while [ $i -lt ${EXECS} ]; do /bin/true ${MARK}-$i; i=$((i+1)); done`)
    await shell(`i=0; while [ $i -lt ${SLEEPS} ]; do /bin/sleep 0.05 ${MARK}-sleep-$i 2>&-; i=$((i+1)); done; :`)
    await run('/bin/true', [`${MARK}-text`, CONTROL, ''])
    await shell(`/bin/true ${MARK}-bytes "$(printf 'a\\377\\376b')"`)
    await run('/bin/true', [`${MARK}-long`, 'x'.repeat(131_000)])
    await shell(`/bin/sh -c '/bin/sh -c "/bin/true ${MARK}-leaf; :"; :'; :`)
    await shell('/bin/weir-is-not-there || exit 0')
    await shell('kill -TERM $$ || :').catch(() => undefined)
    await act('files', join(work, 'files'))
    await act('secrets', join(work, 'secrets'))
    await act('users')
    await act('capabilities')
    await act('namespaces', join(work, 'mount'))
    await act('memory', `${MARK}-memory`)
    await act('bpf')
    tracedPid = Number(await act('trace'))
    await run('/usr/bin/script', ['-qc', `/bin/true ${MARK}-terminal`, '/dev/null'])
    await network()
    // The end: what came before is in the rings before this.
    await run('/bin/true', [`${MARK}-end`])
  }

  const of = (action: string) => events.filter((event) => event.action === action)
  const marked = (mark: string, action = 'exec') =>
    of(action).filter(({ process }) => process?.args[0] !== NODE && process?.args.includes(`${MARK}-${mark}`) === true)
  const the = (mark: string, action = 'exec'): RuntimeEvent => {
    const [event, another] = marked(mark, action)
    if (event === undefined || another !== undefined) throw new Error(`${mark}: not one ${action}`)
    return event
  }
  const by = (action: string, act_name: string) =>
    of(action).filter(
      ({ container, process }) =>
        container === null && process?.args.includes(ACT) === true && process.args.includes(act_name)
    )
  const inFolder = (event: RuntimeEvent, name: string) =>
    event.file?.path.startsWith(join(folder, 'work', name)) === true

  it('sees every exec, and its end, once', () => {
    const counted = new Map<string, number>()
    for (const action of ['exec', 'exit']) {
      for (const { process } of of(action)) {
        const mark = process?.name === 'true' ? process.args[1] : undefined
        if (mark !== undefined) counted.set(`${action} ${mark}`, (counted.get(`${action} ${mark}`) ?? 0) + 1)
      }
    }
    for (let n = 0; n < EXECS; n += 1) {
      expect(counted.get(`exec ${MARK}-${n}`), `exec ${n}`).toBe(1)
      expect(counted.get(`exit ${MARK}-${n}`), `exit ${n}`).toBe(1)
    }
    for (let n = 0; n < SLEEPS; n += 1) expect(marked(`sleep-${n}`)).toHaveLength(1)
  })

  it('lost nothing, and says that it lives', () => {
    expect(of('drop')).toEqual([])
    expect(of('heartbeat').length).toBeGreaterThan(1)
    const [last] = of('heartbeat').slice(-1)
    expect(Number(last?.attributes['sent.exec'])).toBeGreaterThan(EXECS)
  })

  it('events have identities of their own', () => {
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
  })

  it('keeps arguments as they are, whatever they hold', () => {
    expect(the('text').process?.args).toEqual(['/bin/true', `${MARK}-text`, CONTROL, ''])
    expect(the('bytes').process?.args[2]).toBe('a\ufffd\ufffdb')
  })

  it('cuts arguments that are too long, and says so', () => {
    const { process, attributes } = the('long')
    expect(process?.args[2]).toMatch(/^x{10000,}$/)
    expect(Number(attributes['args_bytes'])).toBeGreaterThan(131_000)
    expect(attributes['weir.io/cut']).toBe('process.args,process.command_line')
  })

  it('knows the parents, up to this test', () => {
    const { process: leaf } = the('leaf')
    const [parent, grandparent] = leaf?.ancestors ?? []
    expect([parent, grandparent].map((ancestor) => ancestor?.command_line?.startsWith('/bin/sh -c'))).toEqual([
      true,
      true
    ])
    expect(parent?.entity_id).not.toBe(grandparent?.entity_id)
    expect(leaf?.ancestors.map(({ pid }) => pid)).toContain(process.pid)
    const fork = of('fork').find((event) => event.process?.entity_id === leaf?.entity_id)
    expect(fork?.process?.ancestors[0]?.entity_id).toBe(parent?.entity_id)
    expect(the('leaf', 'exit').process?.ancestors).toEqual(leaf?.ancestors)
  })

  it('tells who a process is', () => {
    const { process: found, time } = the('end')
    expect(found).toMatchObject({
      name: 'true',
      user_id: 0,
      working_directory: process.cwd(),
      interactive: false,
      in_image: null,
      entry: 'host',
      socket_stdio: false,
      command_line: `/bin/true ${MARK}-end`
    })
    expect(Math.abs(time / 1000 - Date.now())).toBeLessThan(600_000)
    expect(time - (found?.start_time ?? 0)).toBeLessThan(10_000_000)
    expect(the('end', 'exit').process?.exit_code).toBe(0)
    expect(the('terminal').process?.interactive).toBe(true)
    expect(the('socket').process?.socket_stdio).toBe(true)
  })

  it('sees what failed to start, and who was killed', () => {
    expect(of('exec_failed').find(({ file }) => file?.path === '/bin/weir-is-not-there')).toMatchObject({
      category: 'process',
      attributes: { error: '2' }
    })
    expect(
      of('kill').find(
        ({ attributes }) => attributes['target_pid'] === String(tracedPid) && attributes['signal'] === 'SIGKILL'
      )
    ).toMatchObject({
      category: 'process',
      attributes: { target_name: 'sleep' }
    })
  })

  it('sees what became of files, by their full paths', () => {
    const path = (name: string) => join(folder, 'work/files', name)
    const told = events.filter(
      ({ category, action, file }) => category === 'file' && action !== 'read' && file?.path.startsWith(path(''))
    )
    expect(
      told.map(({ action, file, attributes }) => [
        action,
        file?.path,
        file?.target_path,
        action === 'chown' ? attributes['owner'] : file?.mode
      ])
    ).toEqual([
      ['open_write', path('written'), null, 'O_WRONLY|O_CREAT'],
      ['rename', path('written'), path('renamed'), null],
      ['chmod', path('renamed'), null, '4755'],
      ['chown', path('renamed'), null, '65534'],
      ['link', path('linked'), path('renamed'), null],
      ['link', path('pointing'), path('renamed'), null],
      ['unlink', path('linked'), null, null],
      ['open_write', path('renamed'), null, 'O_RDWR'],
      ['chmod', path('renamed'), null, '0600'],
      ['unlink', path('folder'), null, null]
    ])
  })

  it('sees secrets being read, whatever they are called, and nothing else', () => {
    const reads = by('read', 'secrets').map(({ file }) => file?.path)
    expect(reads).toEqual(['/etc/shadow', '/etc/shadow', join(folder, 'work/secrets/.aws/credentials')])
  })

  it('sees users, capabilities, namespaces and mounts change', () => {
    expect(by('setuid', 'users')).toMatchObject([
      { category: 'privilege', process: { user_id: 65534 }, attributes: { id: '65534' } }
    ])
    expect(by('setgid', 'users')).toHaveLength(1)
    expect(by('capset', 'capabilities')).toMatchObject([{ attributes: { cap_effective: '20' } }])
    expect(by('unshare', 'namespaces')).toMatchObject([{ attributes: { namespaces: 'mnt' } }])
    expect(by('setns', 'namespaces')).toHaveLength(1)
    expect(by('mount', 'namespaces').find((event) => inFolder(event, 'mount'))).toMatchObject({
      attributes: { source: 'weir-source', type: 'tmpfs' }
    })
  })

  it('sees processes being traced, run from memory, and BPF programs', () => {
    expect(by('ptrace', 'trace')).toMatchObject([{ attributes: { request: 'attach', target_pid: String(tracedPid) } }])
    expect(by('memfd_create', 'memory')).toMatchObject([{ category: 'privilege', attributes: { name: 'weir-test' } }])
    expect(the('memory')).toMatchObject({
      process: { executable: '/memfd:weir-test (deleted)' },
      attributes: { fileless: 'true' }
    })
    expect(by('bpf', 'bpf')).toMatchObject([{ attributes: { command: 'prog_load', program: 'weir_nothing' } }])
  })

  it('sees connections, first packets to a peer, and names asked for', () => {
    const [listening] = by('listen', 'tcp')
    expect(listening).toMatchObject({
      category: 'network',
      network: { direction: 'listen', transport: 'tcp', destination_ip: '127.0.0.1', source_ip: null }
    })
    const port = listening?.network?.destination_port
    expect(by('connect', 'tcp')).toMatchObject([
      { network: { direction: 'egress', transport: 'tcp', destination_ip: '127.0.0.1', destination_port: port } }
    ])
    expect(by('accept', 'tcp')).toMatchObject([
      { network: { direction: 'ingress', source_ip: '127.0.0.1', destination_ip: '127.0.0.1', destination_port: port } }
    ])
    expect(by('connect', 'udp')).toMatchObject([{ network: { transport: 'udp', destination_port: 5399 } }])
    expect(by('dns', 'dns')).toMatchObject([
      {
        network: { transport: 'udp', destination_ip: '127.0.0.1', destination_port: 53, domain: `${MARK}.example.com` },
        attributes: { question_type: 'A' }
      }
    ])
  })

  it('knows the container, what came with its image, and how a process got in', () => {
    for (const mark of ['in-image', 'drift', 'deep', 'session']) {
      expect(the(mark), mark).toMatchObject({ container: { id: CONTAINER }, pod: { uid: POD_UID } })
    }
    expect(the('in-image').process).toMatchObject({ in_image: true, entry: 'entrypoint' })
    expect(the('drift').process).toMatchObject({ in_image: false, executable: '/tmp/new' })
    expect(the('deep').process?.entry).toBe('entrypoint')
    expect(the('session').process?.entry).toBe('exec')
    expect(the('end').container).toBeNull()
    expect(of('connect').find(({ file }) => file?.path === '/weir/docker.sock')).toMatchObject({
      container: { id: CONTAINER },
      network: { transport: 'unix' }
    })
  })

  it('gives the rules what they ask for', async () => {
    const { rules } = loadRuleSet(await readRuleFolder(BUILTIN_RULES))
    const codes = new Set<string | null>()
    const source = { type: 'runtime', provider: 'bpf', instance: 'n-1' } as const
    for (const runtime of events) {
      if (runtime.container?.id !== CONTAINER) continue
      const event = enrich(
        { audit: null, runtime, cluster: { id: 'c', name: 'c' }, source, received: runtime.time },
        () => null
      )
      for (const { rule } of rules.match(event)) codes.add(rule.code)
    }
    const expected = ['R01', 'R05', 'R13', 'R34', 'R37', 'R42', 'R43', 'R46', 'R51', 'R54']
    expect(expected.filter((code) => !codes.has(code))).toEqual([])
  })
})
