import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Action, ApiRequest } from '../../../schemas/generated/types.ts'
import { action as sample } from '../../../test/support/search-samples.ts'
import { createCodec, localSchemas } from '../../core/avro/codec.ts'
import { messageOf } from '../../core/errors.ts'
import { createMemoryBus } from '../../platform/memory/bus.ts'
import { loadTopics } from '../../platform/topics.ts'
import { createAgentChannel } from '../../responder/agent-channel.ts'
import { commandOf } from '../../responder/commands.ts'
import { nodeAgentOptions } from '../options.ts'
import { killContainer, setFrozen } from './containers.ts'
import { createAgentActionsStage } from './stage.ts'
import { removeStaticPod, restoreStaticPod } from './static-pods.ts'

const ID = 'a'.repeat(64)
const MANIFEST = 'apiVersion: v1\nkind: Pod\nmetadata: { name: web, namespace: x }\n'
const POD = { namespace: 'x', name: 'web' }
const NOW_MS = 1_795_000_000_000

let folder: string
const at = (...names: readonly string[]) => join(folder, ...names)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-agent-actions-'))
  for (const name of ['manifests', 'proc/100', 'cgroups']) mkdirSync(at(name), { recursive: true })
  writeFileSync(at('manifests', 'web.yaml'), MANIFEST)
  writeFileSync(at('manifests', 'other.yaml'), MANIFEST.replace('web', 'other'))
  writeFileSync(at('manifests', 'broken.yaml'), 'a: [')
  writeFileSync(at('proc', '100', 'comm'), 'miner\n')
})
afterEach(() => rmSync(folder, { recursive: true }))

const folders = () => ({ manifests: at('manifests'), kept: at('kept') })
const containers = () => ({ cgroups: at('cgroups'), proc: at('proc'), own_pid: 500 })

/** A control group with files of the kernel's names. */
function cgroup(path: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(at('cgroups', path), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(at('cgroups', path, name), text)
}

describe('a static pod', () => {
  it('is taken away whole, and put back as it was; doing either twice changes nothing', () => {
    for (let round = 0; round < 2; round += 1) removeStaticPod(folders(), POD)
    expect(readdirSync(at('manifests')).sort()).toEqual(['broken.yaml', 'other.yaml'])
    for (let round = 0; round < 2; round += 1) restoreStaticPod(folders(), POD)
    expect(readFileSync(at('manifests', 'web.yaml'), 'utf8')).toBe(MANIFEST)
    expect(readdirSync(at('kept'))).toEqual([])
  })

  it('that no file makes is said to be none', () => {
    expect(() => removeStaticPod(folders(), { ...POD, namespace: 'y' })).toThrow(/no file .* makes pod y\/web/)
    expect(() => restoreStaticPod(folders(), { ...POD, name: 'gone' })).toThrow(/no manifest of pod x\/gone/)
  })

  it('of a name that is a path reaches no other folder', () => {
    expect(() => restoreStaticPod(folders(), { namespace: '..', name: '../manifests/other.yaml' })).toThrow()
    expect(existsSync(at('manifests', 'other.yaml'))).toBe(true)
  })
})

describe('a container', () => {
  it('of cgroup v2 is frozen, resumed and killed by the kernel', () => {
    const path = `kubepods.slice/cri-containerd-${ID}.scope`
    cgroup(path, { 'cgroup.procs': '100\n', 'cgroup.freeze': '0', 'cgroup.kill': '' })
    expect(setFrozen(containers(), ID, true)).toBe('froze 1 processes')
    expect(readFileSync(at('cgroups', path, 'cgroup.freeze'), 'utf8')).toBe('1')
    setFrozen(containers(), ID, false)
    expect(readFileSync(at('cgroups', path, 'cgroup.freeze'), 'utf8')).toBe('0')
    killContainer(containers(), ID, () => expect.unreachable())
    expect(readFileSync(at('cgroups', path, 'cgroup.kill'), 'utf8')).toBe('1')
  })

  it('of cgroup v1 is frozen by its freezer, and killed until nothing is left', () => {
    const path = `freezer/kubepods/pod1/${ID}`
    cgroup(path, { 'cgroup.procs': '100\n101\n', 'freezer.state': 'THAWED' })
    setFrozen(containers(), ID, true)
    expect(readFileSync(at('cgroups', path, 'freezer.state'), 'utf8')).toBe('FROZEN')
    const killed: number[] = []
    const left = [['101', '102'], []]
    killContainer(containers(), ID, (pid) => {
      killed.push(pid)
      // One that was made meanwhile is killed in the next round.
      if (killed.length === 2 || killed.length === 4)
        writeFileSync(at('cgroups', path, 'cgroup.procs'), (left.shift() ?? []).join('\n'))
    })
    expect(killed).toEqual([100, 101, 101, 102])
  })

  it.each<[string, string, string, RegExp]>([
    ['that process 1 is in', 'kubepods/x', '1\n', /process 1 is in it/],
    ['that the agent is in', 'kubepods/x', '500\n', /Weir’s agent is in it/],
    ['that the kubelet is in', 'kubepods/x', '200\n', /kubelet is in it/],
    ['that the container runtime is in', 'kubepods/x', '201\n', /containerd is in it/],
    ['that is none of Kubernetes', 'system.slice', '100\n', /there is no container/]
  ])('%s is left alone', (_name, parent, procs, reason) => {
    for (const [pid, comm] of [
      ['200', 'kubelet'],
      ['201', 'containerd']
    ] as const) {
      mkdirSync(at('proc', pid))
      writeFileSync(at('proc', pid, 'comm'), `${comm}\n`)
    }
    cgroup(`${parent}/${ID}`, { 'cgroup.procs': procs, 'cgroup.freeze': '0', 'cgroup.kill': '' })
    expect(() => killContainer(containers(), ID, () => expect.unreachable())).toThrow(reason)
    expect(() => setFrozen(containers(), ID, true)).toThrow(reason)
    expect(readFileSync(at('cgroups', parent, ID, 'cgroup.kill'), 'utf8')).toBe('')
  })

  it('is named by its whole id', () => {
    for (const id of ['', 'a'.repeat(12), '../../x', `${'a'.repeat(63)}/`])
      expect(() => setFrozen(containers(), id, true)).toThrow(/64 digits/)
  })
})

describe('a command to the agent', () => {
  const codec = createCodec(localSchemas())
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const request = (path: string, to = 'node-agent/n1'): ApiRequest => ({
    to,
    method: 'POST',
    path,
    body: JSON.stringify(POD),
    content_type: 'application/json'
  })
  const plan: Action = { ...sample, steps: sample.steps.map((step) => ({ ...step, id: 's1' })) }

  function world(node = 'n1', timeout_ms = 30_000, now_ms = () => NOW_MS) {
    const bus = createMemoryBus({ topics: loadTopics(), now_ms: () => NOW_MS, pump: 'automatic' })
    const publish = (action: Action) =>
      bus.publish([{ topic: 'weir.actions.v1', key: 'k', value: codec.encode('action', action) }])
    const channel = createAgentChannel({ codec, key: privateKey, publish, now_ms: () => NOW_MS, timeout_ms })
    bus.run(channel.answers)
    const stage = createAgentActionsStage({
      codec,
      node,
      cluster_id: plan.cluster.id,
      key: publicKey,
      static_pods: folders(),
      containers: containers(),
      signal: () => expect.unreachable(),
      evidence: nodeAgentOptions.parse({ actions: { evidence: { directory: at('evidence') } } }).actions.evidence,
      publish: (messages) => bus.publish(messages),
      now_ms
    })
    bus.run(stage)
    return { bus, publish, channel, stage }
  }
  const isThere = () => existsSync(at('manifests', 'web.yaml'))

  it('of the responder is done once, and answered', async () => {
    const { channel, publish } = world()
    expect(await channel.toAgent('n1', request('/v1/static-pods/remove'), plan, 's1')).toEqual({
      status: 200,
      message: `took web.yaml from ${at('manifests')}`
    })
    expect(isThere()).toBe(false)
    const restore = commandOf(plan, 's1', request('/v1/static-pods/restore'), privateKey, NOW_MS * 1000)
    if (restore === null) throw new Error('no command')
    await publish(restore)
    await expect.poll(isThere).toBe(true)
    rmSync(at('manifests', 'web.yaml'))
    await publish(restore)
    expect((await channel.toAgent('n1', request('/v1/unheard-of'), plan, 's1')).status).toBe(501)
    expect(isThere()).toBe(false)
  })

  it('that fails says why', async () => {
    const { channel } = world()
    const answer = await channel.toAgent(
      'n1',
      { ...request('/v1/static-pods/remove'), body: '{"namespace":"x","name":"no"}' },
      plan,
      's1'
    )
    expect(answer).toMatchObject({ status: 500, message: expect.stringContaining('makes pod x/no') })
  })

  it.each([
    ['/v1/processes/kill', { entity_id: 'host/1' }, 'key of the process'],
    ['/v1/processes/kill', {}, 'names no process'],
    ['/v1/evidence', { pod_uid: 'x', containers: [1, '../..'] }, 'no container of this pod']
  ])('to %s with %j fails with a reason and sends no signal', async (path, body, message) => {
    mkdirSync(at('proc/sys/kernel/random'), { recursive: true })
    writeFileSync(at('proc/sys/kernel/random/boot_id'), '12345678-1\n')
    const { channel } = world()
    const answer = await channel.toAgent('n1', { ...request(path), body: JSON.stringify(body) }, plan, 's1')
    expect(answer).toMatchObject({ status: 500, message: expect.stringContaining(message) })
  })

  describe('for evidence', () => {
    const OTHER = 'b'.repeat(64)
    const body = JSON.stringify({ pod_uid: null, containers: [ID] })
    const evidence = { ...request('/v1/evidence'), body }
    const kill = { ...request('/v1/containers/kill'), body: JSON.stringify({ container_id: OTHER }) }
    const bundles = () => (existsSync(at('evidence')) ? readdirSync(at('evidence')) : [])
    /** Lets go of what is being read of the process. */
    const letGo = async () => {
      const writer = await open(at('proc/100/maps'), 'w')
      rmSync(at('proc/100/maps'))
      writeFileSync(at('proc/100/maps'), 'of the next')
      await writer.write('of the first')
      await writer.close()
    }

    beforeEach(() => {
      cgroup(`kubepods/${ID}`, { 'cgroup.procs': '100\n', 'cgroup.kill': '' })
      cgroup(`kubepods/${OTHER}`, { 'cgroup.procs': '101\n', 'cgroup.kill': '' })
      writeFileSync(at('proc/100/stat'), `100 (miner) S 1 ${'0 '.repeat(17)}5000 0`)
      writeFileSync(at('proc/100/status'), '')
      // Reading it waits for a writer, as long as it takes.
      execFileSync('mkfifo', [at('proc/100/maps')])
    })

    it('holds up no other, is done once, and answered when it is done', async () => {
      let ticks = 0
      const { channel, publish, bus } = world('n1', 30_000, () => {
        ticks += 1
        return NOW_MS + ticks
      })
      const command = commandOf(plan, 's1', evidence, privateKey, NOW_MS * 1000 - 1000)
      if (command === null) throw new Error('no command')
      await publish(command)
      await publish(command)
      const second = channel.toAgent('n1', evidence, plan, 's1')
      await expect.poll(bundles).toHaveLength(1)
      expect(await channel.toAgent('n1', kill, plan, 's1')).toMatchObject({ status: 200 })
      expect(readFileSync(at(`cgroups/kubepods/${OTHER}/cgroup.kill`), 'utf8')).toBe('1')
      // One at a time, and neither has been answered.
      expect(bundles()).toEqual([expect.stringMatching(/^\..*\.new$/)])
      expect(bus.read('weir.actions.v1')).toHaveLength(5)
      await letGo()
      expect(await second).toMatchObject({ status: 200, message: expect.stringContaining('of 1 processes') })
      await bus.drain()
      expect(bundles()).toHaveLength(2)
      expect(bus.read('weir.actions.v1')).toHaveLength(7)
    })

    it('that has waited for as long as it counts is not done', async () => {
      let now_ms = NOW_MS
      const { channel } = world('n1', 30_000, () => now_ms)
      const first = channel.toAgent('n1', evidence, plan, 's1')
      await expect.poll(bundles).toHaveLength(1)
      const second = channel.toAgent('n1', { ...evidence, body: body.replace('null', '"x"') }, plan, 's1')
      expect(await channel.toAgent('n1', kill, plan, 's1')).toMatchObject({ status: 200 })
      now_ms += 61_000
      await letGo()
      expect(await first).toMatchObject({ status: 200, message: expect.stringContaining('notes on what is missing') })
      expect(await second).toMatchObject({ status: 500, message: expect.stringContaining('other evidence') })
      expect(bundles()).toHaveLength(1)
    })

    it('is ended with what there is when the agent stops, and what a killed one left is removed', async () => {
      mkdirSync(at('evidence/.2026-left.new/processes'), { recursive: true })
      const { channel, stage } = world()
      const first = channel.toAgent('n1', evidence, plan, 's1')
      await expect.poll(() => bundles().some((name) => name.includes('left'))).toBe(false)
      await expect.poll(bundles).toHaveLength(1)
      const second = channel.toAgent('n1', { ...evidence, body: body.replace('null', '"x"') }, plan, 's1')
      expect(await channel.toAgent('n1', kill, plan, 's1')).toMatchObject({ status: 200 })
      const finished = stage.finish()
      await letGo()
      await finished
      expect(await first).toMatchObject({ status: 200 })
      expect(await second).toMatchObject({ status: 500, message: 'the agent is being stopped' })
    })

    it('that too many wait for is refused at once', async () => {
      const { channel, stage } = world()
      const all = Array.from({ length: 16 }, (_, index) =>
        channel.toAgent('n1', { ...evidence, body: body.replace('null', `"${index}"`) }, plan, 's1')
      )
      await expect.poll(bundles).toHaveLength(1)
      const more = await channel.toAgent('n1', { ...evidence, body: body.replace('null', '"more"') }, plan, 's1')
      expect(more).toMatchObject({ status: 500, message: expect.stringContaining('waiting already') })
      await letGo()
      expect(await all[0]).toMatchObject({ status: 200 })
      await stage.finish()
    })
  })

  it('for another node is not answered, which is said in time', async () => {
    const { channel } = world('n2', 200)
    expect(await channel.toAgent('n1', request('/v1/static-pods/remove'), plan, 's1')).toMatchObject({
      status: 0,
      message: expect.stringContaining('did not answer')
    })
    expect(isThere()).toBe(true)
  })

  it.each<[string, (command: Action) => Action]>([
    [
      'of another key',
      () =>
        commandOf(
          plan,
          's1',
          request('/v1/static-pods/remove'),
          generateKeyPairSync('ed25519').privateKey,
          NOW_MS * 1000
        ) ?? plan
    ],
    [
      'for something else',
      (command) => ({
        ...command,
        steps: command.steps.map((step) => ({ ...step, requests: [request('/v1/static-pods/restore')] }))
      })
    ],
    ['of another plan', (command) => ({ ...command, id: 'another' })],
    ['for another cluster', (command) => ({ ...command, cluster: { id: 'other', name: 'x' } })],
    [
      'that is old',
      () => commandOf(plan, 's1', request('/v1/static-pods/remove'), privateKey, (NOW_MS - 120_000) * 1000) ?? plan
    ],
    [
      'without a signature',
      (command) => ({ ...command, approval: command.approval === null ? null : { ...command.approval, signature: '' } })
    ]
  ])('%s changes nothing', async (_name, change) => {
    const { bus, publish } = world()
    const command = commandOf(plan, 's1', request('/v1/static-pods/remove'), privateKey, NOW_MS * 1000)
    if (command === null) throw new Error('no command')
    await publish(change(command))
    await bus.drain()
    expect(isThere()).toBe(true)
    expect(bus.read('weir.actions.v1').length).toBe(1)
  })
})

it('errors of the file system are told as they are', () => {
  try {
    removeStaticPod({ manifests: '/no/such/folder', kept: at('kept') }, POD)
    expect.unreachable()
  } catch (error) {
    expect(messageOf(error)).toContain('/no/such/folder')
  }
})
