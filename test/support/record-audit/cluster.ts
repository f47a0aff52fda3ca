import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Actor, Place } from './action.ts'

/** A cluster that records, as its tool left it. */
export interface Cluster {
  /** Folder of the cluster: `admin.kubeconfig`, `log/audit.jsonl`, `bin/kubemulti`. */
  readonly folder: string
  /** Folder for kubeconfigs of the actors, their caches and `kubectl`. */
  readonly work: string
  /** `https://ADDRESS:PORT`, an address that every place reaches. */
  readonly api: string
  readonly auditLog: string
}

/** Address of each place: documentation ranges for what is outside, private ones for the office's VPN and for what
 * runs in the cluster. */
const ADDRESSES: Readonly<Record<Exclude<Place, 'pod'>, string>> = {
  attacker: '203.0.113.66',
  office: '10.8.0.23',
  runner: '198.51.100.17',
  cluster: '10.244.0.250'
}

/** Certificates: subject, and the signer that makes them. */
const CERTIFICATES: Readonly<Partial<Record<Actor, readonly [subject: string, signer: string]>>> = {
  mallory: ['/CN=mallory', 'kubernetes.io/kube-apiserver-client'],
  eve: ['/CN=eve', 'kubernetes.io/kube-apiserver-client'],
  alice: ['/O=developers/CN=alice', 'kubernetes.io/kube-apiserver-client'],
  node: ['/O=system:nodes/CN=system:node:node1', 'kubernetes.io/kube-apiserver-client-kubelet']
}

/** Service accounts, `namespace/name`. */
const SERVICE_ACCOUNTS: Readonly<Partial<Record<Actor, string>>> = {
  web: 'shop/web',
  ci: 'ci/deployer',
  gitops: 'gitops/reconciler',
  monitor: 'monitoring/prometheus',
  default: 'shop/default'
}

/** Runs shell as cluster admin on the host. @throws when it fails and `must` is set */
export function asAdmin(cluster: Cluster, script: string, must = true): string {
  const env = { ...process.env, KUBECONFIG: join(cluster.folder, 'admin.kubeconfig'), PATH: pathOf(cluster) }
  const { status, stdout, stderr } = spawnSync('bash', ['-euc', script], { env, encoding: 'utf8', cwd: cluster.work })
  if (status !== 0 && must) throw new Error(`as admin: ${script}\n${stdout}${stderr}`)
  return stdout.trim()
}

function pathOf(cluster: Cluster): string {
  return `${join(cluster.work, 'bin')}:${process.env['PATH'] ?? ''}`
}

/** Starts a cluster with its tool and Weir's audit policy, and makes places and actors. */
export function startCluster(tool: string, folder: string, policy: string): Cluster {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'audit-policy.yaml'), readFileSync(policy))
  execFileSync(tool, ['up'], { env: { ...process.env, CLUSTER_DIR: folder }, stdio: ['ignore', 'inherit', 'inherit'] })
  return clusterAt(folder)
}

/** A running cluster in its folder. */
export function clusterAt(folder: string): Cluster {
  const work = join(folder, 'recording')
  mkdirSync(join(work, 'bin'), { recursive: true })
  // The name under which it is called is the product in its user agent.
  try {
    symlinkSync(join(folder, 'bin/kubemulti'), join(work, 'bin/kubectl'))
  } catch {
    // It is there from an earlier run.
  }
  const cluster = { folder, work, api: '', auditLog: join(folder, 'log/audit.jsonl') }
  const address = asAdmin(cluster, `kubectl get node node1 -o jsonpath='{.status.addresses[0].address}'`)
  const server = asAdmin(cluster, `kubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}'`)
  return { ...cluster, api: `https://${address}:${new URL(server).port}` }
}

/** Stops it and takes the places away. */
export function stopCluster(tool: string, cluster: Cluster): void {
  for (const place of Object.keys(ADDRESSES)) spawnSync('ip', ['netns', 'del', `weir-${place}`])
  execFileSync(tool, ['down'], { env: { ...process.env, CLUSTER_DIR: cluster.folder }, stdio: 'inherit' })
}

/** Network namespaces, each with one address, so that the API server sees requests of a place come from it. */
export function makePlaces(): void {
  for (const [index, [place, address]] of Object.entries(ADDRESSES).entries()) {
    const [name, host] = [`weir-${place}`, `weir${index}`]
    const script = `
      [ -e /run/netns/${name} ] && exit 0
      ip netns add ${name}
      ip link add ${host} type veth peer name eth0 netns ${name}
      ip addr add 169.254.77.${index + 1}/32 dev ${host}; ip link set ${host} up; ip route add ${address}/32 dev ${host}
      ip -n ${name} addr add ${address}/32 dev eth0; ip -n ${name} link set eth0 up; ip -n ${name} link set lo up
      ip -n ${name} route add 169.254.77.${index + 1} dev eth0; ip -n ${name} route add default via 169.254.77.${index + 1}`
    execFileSync('bash', ['-euc', script], { stdio: 'inherit' })
  }
}

function kubeconfig(cluster: Cluster, actor: Actor, user: string): void {
  const text = `apiVersion: v1
kind: Config
clusters: [{name: shop, cluster: {server: "${cluster.api}", certificate-authority: ${cluster.folder}/pki/ca.crt}}]
users: [{name: ${actor}, user: {${user}}}]
contexts: [{name: shop, context: {cluster: shop, user: ${actor}}}]
current-context: shop
`
  writeFileSync(join(cluster.work, `${actor}.kubeconfig`), text, { mode: 0o600 })
}

/** Gives each actor its credential: certificates by way of the cluster's own signing, tokens by TokenRequest. */
export function makeActors(cluster: Cluster): void {
  for (const [actor, [subject, signer]] of Object.entries(CERTIFICATES) as [Actor, [string, string]][]) {
    const file = join(cluster.work, actor)
    asAdmin(
      cluster,
      `openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${file}.key -out ${file}.csr -subj "${subject}" 2>/dev/null
      kubectl delete csr recorder-${actor} --ignore-not-found
      kubectl create -f - <<K
{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"recorder-${actor}"},
 "spec":{"signerName":"${signer}","usages":["client auth","digital signature"],"request":"$(base64 -w0 < ${file}.csr)"}}
K
      kubectl certificate approve recorder-${actor}
      until kubectl get csr recorder-${actor} -o jsonpath='{.status.certificate}' | base64 -d > ${file}.crt && [ -s ${file}.crt ]; do sleep 0.2; done
      kubectl delete csr recorder-${actor}`
    )
    kubeconfig(cluster, actor, `client-certificate: ${file}.crt, client-key: ${file}.key`)
  }
  for (const [actor, account] of Object.entries(SERVICE_ACCOUNTS) as [Actor, string][]) {
    const [namespace, name] = account.split('/')
    const token = asAdmin(cluster, `kubectl -n ${namespace} create token ${name} --duration 6h`)
    writeFileSync(join(cluster.work, `${actor}.token`), token, { mode: 0o600 })
    kubeconfig(cluster, actor, `token: ${token}`)
  }
  const legacy = asAdmin(cluster, `kubectl -n shop get secret web-token -o jsonpath='{.data.token}' | base64 -d`)
  writeFileSync(join(cluster.work, 'legacy.token'), legacy, { mode: 0o600 })
  kubeconfig(cluster, 'legacy', `token: ${legacy}`)
  const masters = asAdmin(cluster, 'kubectl config view --minify --raw -o json')
  const { 'client-certificate': certificate, 'client-key': key } = JSON.parse(masters).users[0].user
  kubeconfig(cluster, 'masters', `client-certificate: ${certificate}, client-key: ${key}`)
  kubeconfig(cluster, 'anonymous', '')
  kubeconfig(cluster, 'nobody', 'token: not-a-token')
}

/** Address that the API server sees for requests of a place. */
export function addressOf(cluster: Cluster, place: Place): string {
  if (place !== 'pod') return ADDRESSES[place]
  return asAdmin(cluster, `kubectl -n shop get pod foothold -o jsonpath='{.status.podIP}'`)
}

/**
 * Runs shell as an actor at a place. Known to it: `kubectl`; `call PATH [curl's options]`, curl with the actor's credential;
 * `$API`. Its exit status says nothing: many actions are meant to be refused.
 * @returns what it printed, for the recorder's log
 */
export function asActor(cluster: Cluster, actor: Actor, place: Place, script: string): string {
  const file = join(cluster.work, actor)
  if (place === 'pod') {
    const admin = join(cluster.folder, 'admin.kubeconfig')
    const command = ['--kubeconfig', admin, '-n', 'shop', 'exec', '-i', 'foothold', '--', 'sh', '-s']
    const { stdout, stderr } = spawnSync(join(cluster.work, 'bin/kubectl'), command, {
      input: script,
      encoding: 'utf8'
    })
    return `${stdout}${stderr}`
  }
  const prelude = `
    AUTH=()
    [ -f ${file}.token ] && AUTH=(-H "Authorization: Bearer $(cat ${file}.token)")
    [ -f ${file}.crt ] && AUTH=(--cert ${file}.crt --key ${file}.key)
    call() { local path=$1; shift; curl -sS -g --max-time 10 --cacert ${cluster.folder}/pki/ca.crt "\${AUTH[@]}" "$@" "$API$path"; }
    `
  const { stdout, stderr } = spawnSync(
    'ip',
    ['netns', 'exec', `weir-${place}`, 'timeout', '240', 'bash', '-c', prelude + script],
    {
      encoding: 'utf8',
      cwd: cluster.work,
      env: {
        PATH: pathOf(cluster),
        HOME: join(cluster.work, 'home', actor),
        KUBECONFIG: `${file}.kubeconfig`,
        API: cluster.api
      }
    }
  )
  return `${stdout}${stderr}`
}
