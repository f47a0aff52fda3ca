import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { KubeAccess } from '../../services/platform/kube-watch/access.ts'

export interface KubeObject {
  readonly metadata: { readonly uid: string; readonly name: string; readonly [key: string]: unknown }
  readonly [key: string]: unknown
}

/** One collection of a Kubernetes API, with the history of its changes, that a test makes go wrong. */
export interface FakeKubeApi {
  readonly access: KubeAccess
  /** Requests so far, as `list`, `list …continue`, `watch VERSION`. */
  readonly requests: string[]
  put(object: KubeObject): void
  remove(uid: string): void
  /** Tells watches how far they are, without an event. */
  bookmark(): void
  /** Cuts every open connection. */
  cut(): void
  /** Forgets the history: watches from before get 410, as an answer or as an event. */
  compact(how: 'answer' | 'event'): void
  /** Status to answer with in place of everything else; null to work. */
  refuse(status: number | null): void
  close(): Promise<void>
}

/** @param page how many objects a page of a list has, at most */
export async function startFakeKubeApi(page = 2): Promise<FakeKubeApi> {
  const objects = new Map<string, KubeObject>()
  const history: Array<{ version: number; type: string; object: KubeObject }> = []
  const watches = new Set<ServerResponse>()
  const requests: string[] = []
  let version = 100
  let oldest = 0
  let how: 'answer' | 'event' = 'answer'
  let refused: number | null = null

  const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`
  const gone = { kind: 'Status', status: 'Failure', reason: 'Expired', code: 410, message: 'too old resource version' }
  const at = (object: KubeObject, resourceVersion: number): KubeObject => ({
    ...object,
    metadata: { ...object.metadata, resourceVersion: String(resourceVersion) }
  })

  function tell(type: string, object: KubeObject): void {
    version += 1
    const changed = at(object, version)
    history.push({ version, type, object: changed })
    for (const watch of watches) watch.write(line(type, changed))
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake')
    const query = url.searchParams
    if (refused !== null) {
      response.writeHead(refused).end(JSON.stringify({ kind: 'Status', message: 'refused by the test' }))
      return
    }
    if (query.get('watch') !== '1') {
      const start = Number(query.get('continue') ?? 0)
      requests.push(start > 0 ? 'list …continue' : 'list')
      const all = [...objects.values()]
      const more = start + page < all.length
      response.end(
        JSON.stringify({
          kind: 'List',
          metadata: { resourceVersion: String(version), ...(more && { continue: String(start + page) }) },
          items: all.slice(start, start + page)
        })
      )
      return
    }
    const from = Number(query.get('resourceVersion'))
    requests.push(`watch ${from}`)
    if (from < oldest && how === 'answer') {
      response.writeHead(410).end(JSON.stringify(gone))
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    if (from < oldest) {
      response.end(line('ERROR', gone))
      return
    }
    for (const change of history) if (change.version > from) response.write(line(change.type, change.object))
    watches.add(response)
    response.once('close', () => watches.delete(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    access: { server: new URL(`http://127.0.0.1:${port}`), authorise: async () => undefined },
    requests,
    put: (object) => {
      const type = objects.has(object.metadata.uid) ? 'MODIFIED' : 'ADDED'
      objects.set(object.metadata.uid, object)
      tell(type, object)
    },
    remove: (uid) => {
      const object = objects.get(uid)
      objects.delete(uid)
      if (object !== undefined) tell('DELETED', object)
    },
    bookmark: () => {
      version += 1
      for (const watch of watches) watch.write(line('BOOKMARK', { metadata: { resourceVersion: String(version) } }))
    },
    cut: () => server.closeAllConnections(),
    compact: (answer) => {
      how = answer
      version += 1
      oldest = version
      history.length = 0
    },
    refuse: (status) => {
      refused = status
      server.closeAllConnections()
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}
