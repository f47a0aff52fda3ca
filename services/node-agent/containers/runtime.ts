import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { RuntimeContainer } from '../../core/enrich/attribution.ts'
import { containerFrom, type SandboxFacts, sandboxContainer, sandboxFrom } from '../../core/enrich/runtime-answers.ts'
import { messageOf, WeirError } from '../../core/errors.ts'
import { arrayAt, property, stringAt } from '../../core/json.ts'
import { type CriClient, createCriClient } from '../../platform/cri/client.ts'
import type { Health } from '../../platform/health.ts'
import type { Running } from '../../platform/lifecycle.ts'
import type { Logger } from '../../platform/log.ts'
import { criProblems, runtimeContainers } from './metrics.ts'
import type { AttributionOptions } from './options.ts'
import { createContainerTable } from './table.ts'

export interface RuntimePorts {
  readonly options: Pick<AttributionOptions, 'sockets' | 'poll_interval_ms'>
  readonly health: Health
  readonly log: Logger
  /** Told of each container that is new, has changed or is gone. */
  readonly onChange: (container: RuntimeContainer, deleted: boolean) => void
  readonly connect?: (socket: string) => CriClient
}

/** The containers of this node, as its runtime tells them. */
export interface RuntimeWatch extends Running {
  /** A container by its id or the start of it; asks the runtime when it is not known, for the next time. */
  find(id: string): RuntimeContainer | null
  /** Whether a runtime answers, or is `expected` to (its socket is there), or there is `none`. */
  state(): RuntimeState
}

export type RuntimeState = 'answers' | 'expected' | 'none'

const LOOP = 'container runtime'
const GONE_MAX = 8_192
/** How often all is listed where the runtime tells of changes by itself. */
const RESYNC_MS = 10_000
const RETRY_FIRST_MS = 250
const RETRY_LONGEST_MS = 5_000
/** How long it is believed that a container is not there. */
const ABSENT_MS = 150
const ASKED_MAX = 1_000

/**
 * Follows a container runtime through CRI (containerd or CRI-O, whose socket is there first): its events where it has them, else by
 * listing often; in both cases what an event asks for is looked up at once. A runtime that is away is waited for.
 */
export function watchRuntime(ports: RuntimePorts): RuntimeWatch {
  const { options, health, log, onChange } = ports
  const connect = ports.connect ?? createCriClient
  const stopped = new AbortController()
  const { signal } = stopped
  const table = createContainerTable(GONE_MAX)
  const sandboxes = new Map<string, SandboxFacts>()
  const asking = new Set<string>()
  const absent = new LRUCache<string, true>({ max: 10_000, ttl: ABSENT_MS })
  // A runtime that is not there may have left a folder of this name: mounts into containers make one.
  const socketThere = () => options.sockets.find((path) => statSync(path, { throwIfNoEntry: false })?.isSocket())
  let expected = socketThere() !== undefined
  let client: CriClient | null = null
  let wake = Promise.withResolvers<void>()

  function put(container: RuntimeContainer): void {
    const known = table.find(container.id)
    if (known !== null && known.state === container.state && known.started === container.started) {
      table.put(known)
      return
    }
    table.put(container)
    onChange(container, false)
    const { present, gone } = table.sizes()
    runtimeContainers.set({ state: 'present' }, present)
    runtimeContainers.set({ state: 'gone' }, gone)
  }

  function end(id: string): void {
    const container = table.end(id)
    if (container !== null) onChange({ ...container, state: 'terminated' }, true)
  }

  async function sandboxOf(cri: CriClient, id: string): Promise<SandboxFacts | null> {
    const known = sandboxes.get(id)
    if (known !== undefined) return known
    const answer = await cri.call('PodSandboxStatus', { pod_sandbox_id: id })
    const sandbox = sandboxFrom(property(answer, 'status'))
    if (sandbox !== null) {
      sandboxes.set(id, sandbox)
      put(sandboxContainer(sandbox))
    }
    return sandbox
  }

  /** @param sandbox_id its pod's, where that is known */
  async function learn(cri: CriClient, id: string, sandbox_id: string | null): Promise<void> {
    const answer = await cri.call('ContainerStatus', { container_id: id, verbose: true })
    const of = sandbox_id ?? sandboxIdIn(answer)
    const container = containerFrom(answer, of === null ? null : await sandboxOf(cri, of).catch(() => null))
    if (container !== null) put(container)
  }

  async function list(cri: CriClient): Promise<void> {
    const [listed, pods] = await Promise.all([cri.call('ListContainers'), cri.call('ListPodSandbox')])
    const seen = new Set<string>()
    for (const item of arrayAt(pods, 'items')) {
      const id = stringAt(item, 'id')
      if (id === null) continue
      seen.add(id)
      await sandboxOf(cri, id).catch(passing)
    }
    for (const item of arrayAt(listed, 'containers')) {
      const id = stringAt(item, 'id')
      if (id === null) continue
      seen.add(id)
      if (isAsKnown(id, property(item, 'state'))) continue
      await learn(cri, id, stringAt(item, 'pod_sandbox_id')).catch(passing)
    }
    for (const { id } of [...table.present()]) if (!seen.has(id)) end(id)
    for (const id of [...sandboxes.keys()]) if (!seen.has(id)) sandboxes.delete(id)
  }

  function isAsKnown(id: string, state: unknown): boolean {
    const known = table.find(id)
    return known !== null && state === NAMES[known.state]
  }

  /** What has gone between a list and the question about it is no problem; anything else is. */
  function passing(error: unknown): void {
    if (!(error instanceof WeirError) || error.code !== 'CRI_NOT_FOUND') throw error
  }

  async function follow(cri: CriClient): Promise<void> {
    for await (const event of cri.events(signal)) {
      const id = stringAt(event, 'container_id')
      if (id === null) continue
      if (property(event, 'container_event_type') === 'CONTAINER_DELETED_EVENT') end(id)
      // Sandboxes have events too.
      else
        await learn(cri, id, null).catch(async (error) => {
          passing(error)
          await sandboxOf(cri, id).catch(passing)
        })
    }
  }

  /** A runtime may be asked for as long as this takes. @throws what ends it */
  async function stay(cri: CriClient): Promise<void> {
    await cri.call('Version')
    let told = true
    const { promise: broken, reject } = Promise.withResolvers<never>()
    broken.catch(() => undefined)
    follow(cri).then(
      () => {
        told = false
        wake.resolve()
      },
      (error: unknown) => {
        told = false
        if (error instanceof WeirError && error.code === 'CRI_NOT_SERVED') wake.resolve()
        else reject(error)
      }
    )
    for (;;) {
      await list(cri)
      if (client === null) log.info('the container runtime answers')
      client = cri
      health.progress(LOOP)
      wake = Promise.withResolvers<void>()
      const nap = sleep(told ? RESYNC_MS : options.poll_interval_ms, undefined, { signal }).catch(() => undefined)
      await Promise.race([nap, wake.promise, broken])
      if (signal.aborted) return
    }
  }

  async function run(): Promise<void> {
    let wait = RETRY_FIRST_MS
    let said: string | null = null
    while (!signal.aborted) {
      health.progress(LOOP)
      const socket = socketThere()
      expected = socket !== undefined
      if (socket !== undefined) {
        const cri = connect(socket)
        try {
          await stay(cri)
        } catch (error) {
          if (client !== null) wait = RETRY_FIRST_MS
          const code = error instanceof WeirError ? error.code : 'CRI_REFUSED'
          criProblems.inc({ code })
          if (said !== code || client !== null)
            log.warn({ code, socket }, `containers are not known while this lasts: ${messageOf(error)}`)
          said = code
        } finally {
          client = null
          cri.close()
        }
      }
      await sleep(wait, undefined, { signal }).catch(() => undefined)
      wait = Math.min(wait * 2, RETRY_LONGEST_MS)
    }
  }

  function ask(id: string): void {
    const cri = client
    if (cri === null || asking.has(id) || asking.size >= ASKED_MAX || absent.has(id)) return
    asking.add(id)
    learn(cri, id, null)
      .catch(async (error: unknown) => {
        passing(error)
        await sandboxOf(cri, id)
      })
      .catch((error: unknown) => {
        absent.set(id, true)
        if (error instanceof WeirError) criProblems.inc({ code: error.code })
        else log.error({ error }, `could not ask for a container: ${messageOf(error)}`)
      })
      .finally(() => asking.delete(id))
  }

  const done = run()
  return {
    failed: done.then(() => new Promise<never>(() => undefined)),
    find: (id) => {
      const known = table.find(id)
      if (known === null) ask(id)
      return known
    },
    state: () => (client !== null ? 'answers' : expected ? 'expected' : 'none'),
    stop: async () => {
      stopped.abort()
      wake.resolve()
      await done
    }
  }
}

const NAMES: Readonly<Record<RuntimeContainer['state'], string>> = {
  created: 'CONTAINER_CREATED',
  running: 'CONTAINER_RUNNING',
  terminated: 'CONTAINER_EXITED'
}

/** containerd and CRI-O say the sandbox of a container in their own words only. */
function sandboxIdIn(answer: unknown): string | null {
  const info = stringAt(answer, 'info', 'info')
  if (info === null) return null
  try {
    const detail: unknown = JSON.parse(info)
    return stringAt(detail, 'sandboxID')
  } catch {
    return null
  }
}
