import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { join, normalize } from 'node:path'

/**
 * The servers that the attack talks to, to be run in the network namespace of their place: `node stand-ins.ts metadata`, or
 * `node stand-ins.ts attacker FOLDER`. What they are sent they throw away.
 */

const ROLE = 'notebook-node'
/** Keys out of AWS's documentation, which open nothing. */
const CREDENTIALS = JSON.stringify({
  Code: 'Success',
  Type: 'AWS-HMAC',
  AccessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  SecretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  Token: 'example'
})
const METADATA: Readonly<Record<string, string>> = {
  '/latest/meta-data/': 'ami-id\nhostname\niam/\n',
  '/latest/meta-data/iam/security-credentials/': ROLE,
  [`/latest/meta-data/iam/security-credentials/${ROLE}`]: CREDENTIALS,
  '/latest/dynamic/instance-identity/document': '{"accountId":"111122223333","region":"eu-central-1"}'
}

function metadata(request: IncomingMessage, response: ServerResponse): void {
  // Version 2 answers with one hop left, which is none to a pod: it waits in vain.
  if (request.method !== 'GET') return
  const text = METADATA[request.url ?? '']
  response.writeHead(text === undefined ? 404 : 200).end(text)
}

const files = (folder: string) => (request: IncomingMessage, response: ServerResponse) => {
  request.resume()
  if (request.method !== 'GET') {
    request.on('end', () => response.end('ok\n'))
    return
  }
  const file = join(folder, normalize(new URL(request.url ?? '/', 'http://here').pathname))
  try {
    response.setHeader('content-length', statSync(file).size)
    createReadStream(file).pipe(response)
  } catch {
    response.writeHead(404).end()
  }
}

/** Takes what comes; `greeting` is answered to the end of it. */
const sink = (port: number, greeting: string) =>
  createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('end', () => socket.end(greeting))
    socket.resume()
  }).listen(port)

const [role, folder = ''] = process.argv.slice(2)
if (role === 'metadata') createServer(metadata).listen(80)
else {
  createServer(files(folder)).listen(80)
  sink(9999, 'https://termbin.com/x1yz\n')
  sink(10_128, '')
}
