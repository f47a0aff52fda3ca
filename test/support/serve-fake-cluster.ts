import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WeirError } from '../../services/core/errors.ts'
import type { ClusterApi } from '../../services/platform/kubernetes/cluster-api.ts'

export interface ServedCluster {
  /** Text of a kubeconfig that leads to it. */
  readonly kubeconfig: string
  close(): Promise<void>
}

/** Puts an API server in memory behind HTTP, for services and commands that are processes of their own. What it does not answer, hangs up. */
export async function serveFakeCluster(api: ClusterApi): Promise<ServedCluster> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      const asked = { method: request.method ?? 'GET', path: request.url ?? '/', body: body === '' ? null : body }
      api.send(asked).then(
        ({ status, text }) => response.writeHead(status, { 'content-type': 'application/json' }).end(text),
        (error: unknown) => {
          if (!(error instanceof WeirError)) throw error
          response.destroy()
        }
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'fake', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: { token: 'test' } }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'test' } }],
    'current-context': 'fake'
  }
  return {
    kubeconfig: JSON.stringify(config),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}
