import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf, WeirError } from '../../core/errors.ts'
import { arrayAt, property, stringAt } from '../../core/json.ts'
import type { Logger } from '../log.ts'
import { errorOfStatus, type KubeClient } from './client.ts'

/** Objects of one kind over all namespaces. */
export interface KubeResource {
  /** Path of the collection: `/apis/apps/v1/deployments`. */
  readonly path: string
  readonly kind: string
  /** Only the metadata is asked for: the rest, with what it may hold that is secret, never leaves the API server. */
  readonly metadata_only: boolean
}

/** Who is told of the objects. What it returns is waited for, so that a slow reader slows the reading. */
export interface ReflectorSink {
  /** A list begins. */
  listing(): void
  /** An object as it is now. */
  present(object: unknown): Promise<void>
  /** The last state of an object that was deleted. */
  gone(object: unknown): Promise<void>
  /** The list is complete: what was not in it is gone. */
  listed(): Promise<void>
}

export type ListReason = 'start' | 'gone'

export interface ReflectorOptions {
  readonly client: KubeClient
  readonly resource: KubeResource
  readonly sink: ReflectorSink
  readonly signal: AbortSignal
  readonly log: Logger
  /** Called at each turn and every few seconds of waiting for events. */
  readonly progress?: () => void
  readonly onList?: (reason: ListReason) => void
  readonly onEvent?: (type: string) => void
  /** Told of each failure, and with null when it works again. */
  readonly onProblem?: (problem: WeirError | null) => void
  /** Objects in a page of a list. */
  readonly page_size?: number
  readonly retry_first_ms?: number
  readonly retry_longest_ms?: number
}

const PAGE_SIZE = 250
const RETRY_FIRST_MS = 500
const RETRY_LONGEST_MS = 30_000
const PROGRESS_INTERVAL_MS = 5_000
const LIST_PATIENCE_MS = 60_000
/** Watches end by themselves after this time, at different moments, so that not all begin again at once. */
const WATCH_SECONDS = 240
const WATCH_SPREAD_SECONDS = 60
/** A watch that ends sooner than this has not really worked. */
const SHORT_WATCH_MS = 1_000

const PARTIAL = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json'
const PARTIAL_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json'

/**
 * Keeps a sink informed of all objects of a kind, until the signal is aborted: lists, then watches from there, with bookmarks, so
 * that a watch that was cut off goes on where it was. When the server has forgotten that point (410), all is listed again. While
 * the server is away or refuses, it is asked again, ever less often. After
 * https://kubernetes.io/docs/reference/using-api/api-concepts (efficient detection of changes).
 */
export async function reflect(options: ReflectorOptions): Promise<void> {
  const { resource, signal, log } = options
  const first = options.retry_first_ms ?? RETRY_FIRST_MS
  const longest = options.retry_longest_ms ?? RETRY_LONGEST_MS
  const ticker = setInterval(() => options.progress?.(), PROGRESS_INTERVAL_MS)
  ticker.unref()
  let version: string | null = null
  let reason: ListReason = 'start'
  let wait = first
  let told: string | null = null

  const works = () => {
    if (told !== null) log.info({ kind: resource.kind }, 'the Kubernetes API is read again')
    if (told !== null || wait !== first) options.onProblem?.(null)
    told = null
    wait = first
  }

  try {
    while (!signal.aborted) {
      options.progress?.()
      const started_ms = Date.now()
      try {
        if (version === null) {
          options.onList?.(reason)
          version = await list(options)
          works()
          options.onProblem?.(null)
        }
        version = await watch(options, version, works, (at) => {
          version = at
        })
        if (Date.now() - started_ms >= SHORT_WATCH_MS) continue
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof WeirError) || !error.retriable) throw error
        if (error.code === 'KUBE_GONE') {
          version = null
          reason = 'gone'
        }
        options.onProblem?.(error)
        if (told !== error.code)
          log.warn({ code: error.code, kind: resource.kind }, `will try again: ${messageOf(error)}`)
        told = error.code
      }
      await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
      wait = Math.min(wait * 2, longest)
    }
  } finally {
    clearInterval(ticker)
  }
}

/** @returns the resource version that a watch goes on from */
async function list({ client, resource, sink, signal, page_size = PAGE_SIZE }: ReflectorOptions): Promise<string> {
  sink.listing()
  let token: string | null = null
  let version: string
  do {
    const page = await client.get({
      path: resource.path,
      query: { limit: String(page_size), ...(token !== null && { continue: token }) },
      accept: resource.metadata_only ? PARTIAL_LIST : 'application/json',
      signal,
      patience_ms: LIST_PATIENCE_MS
    })
    for (const object of arrayAt(page, 'items')) await sink.present(object)
    version = stringAt(page, 'metadata', 'resourceVersion') ?? '0'
    token = stringAt(page, 'metadata', 'continue')
  } while (token !== null)
  await sink.listed()
  return version
}

/** @returns the resource version up to which everything has been seen */
async function watch(
  { client, resource, sink, signal, onEvent }: ReflectorOptions,
  from: string,
  works: () => void,
  reached: (version: string) => void
): Promise<string> {
  const seconds = WATCH_SECONDS + Math.floor(Math.random() * WATCH_SPREAD_SECONDS)
  let version = from
  const events = client.stream({
    path: resource.path,
    query: { watch: '1', resourceVersion: from, allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) },
    accept: resource.metadata_only ? PARTIAL : 'application/json',
    signal,
    patience_ms: (seconds + 30) * 1000
  })
  for await (const event of events) {
    const type = stringAt(event, 'type') ?? ''
    const object = property(event, 'object')
    onEvent?.(type)
    if (type === 'ERROR') {
      const code = property(object, 'code')
      throw errorOfStatus(typeof code === 'number' ? code : 0, stringAt(object, 'message') ?? 'unknown', resource.path)
    }
    if (type === 'DELETED') await sink.gone(object)
    else if (type === 'ADDED' || type === 'MODIFIED') await sink.present(object)
    version = stringAt(object, 'metadata', 'resourceVersion') ?? version
    reached(version)
    works()
  }
  return version
}
