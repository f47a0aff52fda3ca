import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bootId, readProcess } from '../sensor/proc.ts'
import { collectEvidence, type EvidenceLimits } from './evidence.ts'
import { killProcessTree } from './process-tree.ts'

const NODE = 'n1'
const ID = 'ab'.repeat(32)
const POD_UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'
/** A hierarchy that control groups can be made in: version 2, or one of version 1. */
const HIERARCHY = ['/sys/fs/cgroup/freezer', '/sys/fs/cgroup'].find(
  (path) => existsSync(join(path, 'cgroup.procs')) && process.getuid?.() === 0
)
if (HIERARCHY === undefined)
  console.warn('killing process trees is not tested: there are no control groups to write to')

describe.skipIf(HIERARCHY === undefined)('in a container on this kernel', () => {
  const root = join(HIERARCHY ?? '', `weir-test-${process.pid}`)
  const container = join(root, 'kubepods', `pod${POD_UID}`, ID)
  const children: ChildProcess[] = []
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-tree-'))
    mkdirSync(container, { recursive: true })
  })
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
    }
    const left = readFileSync(join(container, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
    for (const pid of left) process.kill(pid, 'SIGKILL')
    for (let path = container; path !== join(root, '..'); path = join(path, '..')) {
      for (let round = 0; round < 100; round += 1) {
        try {
          rmdirSync(path)
          break
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    }
    rmSync(folder, { recursive: true, force: true })
  })

  const folders = { cgroups: root, proc: '/proc', own_pid: process.pid }
  const signal = (pid: number, name: NodeJS.Signals) => void process.kill(pid, name)
  const ports = { folders, node: NODE, signal }
  const running = (pid: number) => {
    const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'latin1') : ''
    return stat !== '' && !/^Z/.test(stat.slice(stat.lastIndexOf(')') + 2))
  }
  const entityOf = (pid: number) => `${NODE}/${bootId().slice(0, 8)}/${pid}/${readProcess(pid)?.start ?? 0}`

  /** A shell in the container, that says its and its children's process ids. */
  async function start(script: string, lines: number, inside = true): Promise<number[]> {
    const child = spawn('/bin/sh', ['-c', `read _; ${script}`], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(child)
    if (inside) writeFileSync(join(container, 'cgroup.procs'), String(child.pid))
    child.stdin.write('\n')
    let said = ''
    for await (const data of child.stdout) {
      said += String(data)
      if (said.split('\n').length > lines) break
    }
    return said.trim().split('\n').map(Number)
  }
  const TREE = 'echo $$; sh -c "echo \\$\\$; sleep 1000 & echo \\$!; wait" & wait; sleep 1000'

  it('a tree is killed to its last leaf, and what is beside it lives', async () => {
    const [other = 0] = await start('echo $$; sleep 1000', 1)
    const tree = await start(TREE, 3)
    expect(tree).toHaveLength(3)
    const message = await killProcessTree(ports, { entity_id: entityOf(tree[0] ?? 0), container_id: ID })
    expect(message).toBe('killed 3 processes')
    expect(tree.map(running)).toEqual([false, false, false])
    expect(running(other)).toBe(true)
  })

  it('a subtree is killed, and what is above it lives', async () => {
    const [top = 0, middle = 0, leaf = 0] = await start(TREE, 3)
    await killProcessTree(ports, { entity_id: entityOf(middle), container_id: ID.slice(0, 12) })
    expect([running(middle), running(leaf)]).toEqual([false, false])
    expect(running(top)).toBe(true)
  })

  it('processes that are made without end do not outrun it', async () => {
    const [top = 0] = await start('echo $$; while :; do sh -c "sleep 1000 & sleep 1000" & sleep 0.01; done', 1)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await killProcessTree(ports, { entity_id: entityOf(top), container_id: null })).toMatch(
      /^killed \d+ processes$/
    )
    const left = readFileSync(join(container, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
    expect(left.filter(running)).toEqual([])
  })

  it('a process that is another by now is not touched', async () => {
    const [pid = 0] = await start('echo $$; sleep 1000', 1)
    const start_ = readProcess(pid)?.start ?? 0
    const boot = bootId().slice(0, 8)
    const before = { entity_id: `${NODE}/${boot}/${pid}/${start_ - 1}`, container_id: ID }
    expect(await killProcessTree(ports, before)).toBe('the process has ended before')
    for (const entity_id of [
      `${NODE}/00000000/${pid}/${start_}`,
      `other/${boot}/${pid}/${start_}`,
      'host/123',
      `${NODE}/7`
    ])
      await expect(killProcessTree(ports, { entity_id, container_id: ID })).rejects.toThrow(/boot|node|key/)
    // Tetragon’s key has the time of the exec: a process that began later is another.
    const key = (ns: number) => Buffer.from(`${NODE}:${ns}:${pid}`).toString('base64')
    const early = { entity_id: key((start_ - 100) * 10_000_000), container_id: ID }
    expect(await killProcessTree(ports, early)).toBe('the process has ended before')
    expect(running(pid)).toBe(true)
    const exact = { entity_id: key(start_ * 10_000_000 + 5_000_000), container_id: ID }
    expect(await killProcessTree(ports, exact)).toMatch(/^killed [12] processes$/)
    expect(running(pid)).toBe(false)
  })

  it('a process of the host, of another container, the agent and process 1 are left alone', async () => {
    const [outside = 0] = await start('echo $$; exec sleep 1000', 1, false)
    const [inside = 0] = await start('echo $$; sleep 1000', 1)
    const kill = (pid: number, container_id: string | null = null) =>
      killProcessTree({ ...ports, signal: () => expect.unreachable() }, { entity_id: entityOf(pid), container_id })
    await expect(kill(outside)).rejects.toThrow(/in no container of Kubernetes/)
    await expect(kill(inside, 'cd'.repeat(32))).rejects.toThrow(/not in container/)
    await expect(kill(1)).rejects.toThrow(/process 1/)
    await expect(kill(process.pid)).rejects.toThrow(/agent/)
    await expect(kill(process.ppid)).rejects.toThrow(/agent/)
    expect(running(outside) && running(inside)).toBe(true)
  })

  const limits: EvidenceLimits = {
    directory: '',
    bundle_max_bytes: 64_000_000,
    file_max_bytes: 32_000_000,
    total_max_bytes: 100_000_000,
    time_max_ms: 20_000
  }
  const request = { pod_uid: POD_UID, containers: [ID.slice(0, 12)], purpose: 'plan/../7' }
  const collect = (more: Partial<EvidenceLimits> = {}) =>
    collectEvidence(
      { folders, node: NODE, limits: { ...limits, directory: join(folder, 'kept'), ...more }, now_ms: Date.now },
      request
    )
  const bundles = () => readdirSync(join(folder, 'kept'))
  const sha = async (text: string | Buffer) => {
    const { createHash } = await import('node:crypto')
    return createHash('sha256').update(text).digest('hex')
  }

  it('evidence has processes, maps, files and a program that was deleted, each with its hash', async () => {
    const program = join(folder, 'dropped')
    writeFileSync(program, readFileSync('/bin/sleep'), { mode: 0o755 })
    const [shell = 0, dropped = 0] = await start(
      `exec 7>loot; echo $$; ./dropped 1000 & echo $!; sleep 0.2; rm dropped; wait`,
      2
    )
    await expect.poll(() => existsSync(program)).toBe(false)
    const message = await collect()
    const [name = ''] = bundles()
    const at = (...path: string[]) => join(folder, 'kept', name, ...path)
    expect(name).toMatch(/^[0-9TZ-]+-plan_.._7$/)
    const processes: Array<{ pid: number; container: string }> = JSON.parse(readFileSync(at('processes.json'), 'utf8'))
    expect(processes.map(({ pid }) => pid)).toEqual(expect.arrayContaining([shell, dropped]))
    expect(processes[0]?.container).toBe(ID)
    expect(JSON.parse(readFileSync(at('processes', String(shell), 'files.json'), 'utf8'))['7']).toBe(
      join(folder, 'loot')
    )
    expect(readFileSync(at('processes', String(shell), 'maps'), 'utf8')).toContain('[stack]')
    expect(readFileSync(at('processes', String(dropped), 'executable'))).toEqual(readFileSync('/bin/sleep'))
    // What is still the file at its path need not be copied.
    expect(existsSync(at('processes', String(shell), 'executable'))).toBe(false)
    const sums = readFileSync(at('SHA256SUMS'), 'utf8')
    for (const line of sums.trimEnd().split('\n')) {
      const [digest, path = ''] = line.split('  ')
      expect(await sha(readFileSync(at(path)))).toBe(digest)
    }
    expect(sums).toContain('manifest.json')
    expect(message).toContain(`SHA-256 of SHA256SUMS: ${await sha(sums)}`)
    expect(statSync(at()).mode & 0o777).toBe(0o700)
  })

  it('evidence that would be too much is left out, and says so', async () => {
    await start('echo $$; sleep 1000', 1)
    expect(await collect({ bundle_max_bytes: 3000 })).toContain('notes on what is missing')
    const [name = ''] = bundles()
    const manifest = JSON.parse(readFileSync(join(folder, 'kept', name, 'manifest.json'), 'utf8'))
    expect(manifest.notes.join()).toContain('the bundle is full')
    await expect(collect({ total_max_bytes: 1000, bundle_max_bytes: 900 })).rejects.toThrow(
      /no room for another bundle/
    )
    expect(bundles()).toEqual([name])
  })

  it('evidence of a pod that is not here is none', async () => {
    const ports_ = { folders, node: NODE, limits: { ...limits, directory: join(folder, 'kept') }, now_ms: Date.now }
    for (const containers of [[], ['cd'.repeat(32)], ['ab'], ['..']])
      await expect(collectEvidence(ports_, { pod_uid: null, containers, purpose: 'p' })).rejects.toThrow(/no container/)
  })
})
