import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Subjects of client certificates, and of those that servers show (with their names). */
const CLIENTS: Readonly<Record<string, string>> = {
  admin: '/O=system:masters/CN=kubernetes-admin',
  controllers: '/CN=system:kube-controller-manager',
  scheduler: '/CN=system:kube-scheduler',
  kubelet: '/O=system:nodes/CN=system:node:node1',
  'apiserver-kubelet': '/O=system:masters/CN=kube-apiserver-kubelet-client',
  'front-proxy': '/CN=front-proxy-client',
  alice: '/O=developers/CN=alice',
  mallory: '/O=ci/CN=mallory'
}
const DAYS = '30'

/** Makes the certificate authority, certificates, the key of service accounts and a kubeconfig for each client, once. */
export function makeCertificates(folder: string, address: string, port: number): void {
  const pki = join(folder, 'pki')
  if (existsSync(join(pki, 'done'))) return
  mkdirSync(pki, { recursive: true })
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: pki, stdio: ['ignore', 'ignore', 'pipe'] })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    ...[
      'req',
      '-x509',
      ...newKey,
      '-days',
      DAYS,
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
      '-subj',
      '/CN=weir-test-cluster'
    ],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature']
  )
  openssl('genrsa', '-out', 'sa.key', '2048')
  openssl('rsa', '-in', 'sa.key', '-pubout', '-out', 'sa.pub')

  function issue(name: string, subject: string, usage: string, names?: string): void {
    const extensions = ['keyUsage=critical,digitalSignature', `extendedKeyUsage=${usage}`]
    if (names !== undefined) extensions.push(`subjectAltName=${names}`)
    writeFileSync(join(pki, `${name}.ext`), `${extensions.join('\n')}\n`)
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject)
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-days', DAYS, '-out', `${name}.crt`, '-extfile', `${name}.ext`]
    )
  }
  const inside = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost'].map(
    (name) => `DNS:${name}`
  )
  issue(
    'apiserver',
    '/CN=kube-apiserver',
    'serverAuth',
    [...inside, 'IP:127.0.0.1', 'IP:10.96.0.1', `IP:${address}`].join()
  )
  issue('kubelet-server', '/O=system:nodes/CN=system:node:node1', 'serverAuth', `DNS:node1,IP:127.0.0.1,IP:${address}`)
  for (const [name, subject] of Object.entries(CLIENTS)) issue(name, subject, 'clientAuth')

  for (const name of Object.keys(CLIENTS)) {
    const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority': join(pki, 'ca.crt') }
    const user = { 'client-certificate': join(pki, `${name}.crt`), 'client-key': join(pki, `${name}.key`) }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster }],
      users: [{ name, user }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
      'current-context': 'test'
    }
    writeFileSync(join(folder, `${name}.kubeconfig`), JSON.stringify(config, null, 2), { mode: 0o600 })
  }
  writeFileSync(join(pki, 'done'), '')
}
