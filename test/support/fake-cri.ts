import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Server, ServerCredentials, type ServerWritableStream, status } from '@grpc/grpc-js'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'

const PROTO = fileURLToPath(new URL('../../services/platform/cri/cri.proto', import.meta.url))

interface FakeContainer {
  readonly id: string
  readonly name: string
  readonly pod: string
  readonly privileged?: boolean
  state: 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED'
}

/** A container runtime on a socket, with the containers that a test gives it. */
export interface FakeCri {
  readonly calls: string[]
  put(container: FakeContainer): void
  remove(id: string): void
  /** Ends it as a restart would. */
  stop(): Promise<void>
}

const sandboxId = (pod: string) => `5a${Buffer.from(pod).toString('hex')}`.padEnd(64, '0').slice(0, 64)

/** @param with_events whether it tells of changes; containerd did not before 1.7 */
export async function startFakeCri(socket: string, with_events: boolean): Promise<FakeCri> {
  const definition = loadSync(PROTO, { keepCase: true, longs: String, enums: String, defaults: true })
  const containers = new Map<string, FakeContainer>()
  const streams = new Set<ServerWritableStream<unknown, unknown>>()
  const calls: string[] = []
  type Reply = (error: { code: number; details: string } | null, value?: unknown) => void
  const missing = { code: status.NOT_FOUND, details: 'no such container' }

  const sandbox = (pod: string) => ({
    id: sandboxId(pod),
    metadata: { name: pod, uid: `uid-${pod}`, namespace: 'shop' },
    created_at: '1700000000000000000',
    network: { ip: '10.244.0.9' },
    linux: { namespaces: { options: { network: 'POD', pid: pod === 'host' ? 'NODE' : 'CONTAINER', ipc: 'POD' } } },
    labels: { app: pod, 'io.kubernetes.pod.name': pod }
  })
  const pods = () => [...new Set([...containers.values()].map(({ pod }) => pod))]
  const tell = (container_id: string, container_event_type: string) => {
    for (const stream of streams) stream.write({ container_id, container_event_type })
  }

  const server = new Server()
  server.addService(definition['runtime.v1.RuntimeService'] as ServiceDefinition, {
    Version: (_: unknown, reply: Reply) => reply(null, { runtime_name: 'fake' }),
    ListPodSandbox: (_: unknown, reply: Reply) => reply(null, { items: pods().map(sandbox) }),
    PodSandboxStatus: ({ request }: { request: { pod_sandbox_id: string } }, reply: Reply) => {
      const pod = pods().find((name) => sandboxId(name) === request.pod_sandbox_id)
      if (pod === undefined) reply(missing)
      else reply(null, { status: sandbox(pod) })
    },
    ListContainers: (_: unknown, reply: Reply) => {
      calls.push('list')
      reply(null, {
        containers: [...containers.values()].map(({ id, pod, state }) => ({
          id,
          pod_sandbox_id: sandboxId(pod),
          state
        }))
      })
    },
    ContainerStatus: ({ request }: { request: { container_id: string } }, reply: Reply) => {
      calls.push(`status ${request.container_id.slice(0, 4)}`)
      const found = containers.get(request.container_id)
      if (found === undefined) return reply(missing)
      const security_context = found.privileged === true ? { privileged: true } : {}
      reply(null, {
        status: {
          id: found.id,
          metadata: { name: found.name, attempt: 0 },
          state: found.state,
          created_at: '1700000000000000000',
          started_at: found.state === 'CONTAINER_CREATED' ? '0' : '1700000001000000000',
          image: { image: 'docker.io/library/busybox:test' },
          image_ref: 'sha256:193ac9',
          labels: {
            'io.kubernetes.container.name': found.name,
            'io.kubernetes.pod.name': found.pod,
            'io.kubernetes.pod.namespace': 'shop',
            'io.kubernetes.pod.uid': `uid-${found.pod}`
          }
        },
        info: { info: JSON.stringify({ sandboxID: sandboxId(found.pod), config: { linux: { security_context } } }) }
      })
    },
    GetContainerEvents: (stream: ServerWritableStream<unknown, unknown>) => {
      if (with_events) streams.add(stream)
      else stream.emit('error', { code: status.UNIMPLEMENTED, details: 'unknown method' })
    }
  })
  rmSync(socket, { force: true })
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error)
    )
  )
  return {
    calls,
    put: (container) => {
      const known = containers.has(container.id)
      containers.set(container.id, container)
      tell(container.id, known ? 'CONTAINER_STARTED_EVENT' : 'CONTAINER_CREATED_EVENT')
    },
    remove: (id) => {
      containers.delete(id)
      tell(id, 'CONTAINER_DELETED_EVENT')
    },
    stop: async () => {
      server.forceShutdown()
    }
  }
}
