import { readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { dirname, isAbsolute, join } from 'node:path'
import { parse } from 'yaml'
import { messageOf, WeirError } from '../../core/errors.ts'
import { arrayAt, property, stringAt } from '../../core/json.ts'
import { KUBE_WATCH_ERRORS } from './errors.ts'

/** How to reach the API server of one cluster. */
export interface KubeAccess {
  /** `https://HOST:PORT`, perhaps with a path. */
  readonly server: URL
  /** Adds credentials to a request; asked before each, since tokens are renewed. */
  authorise(options: RequestOptions): Promise<void>
}

/** How long a token from a file is used before the file is read again: kubelet renews it well before it ends. */
const TOKEN_MAX_AGE_MS = 60_000

/** Where kubelet puts a pod's service account. */
const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount'

const invalid = (message: string, cause?: unknown): WeirError =>
  new WeirError(KUBE_WATCH_ERRORS, 'KUBE_CONFIG_INVALID', message, { cause })

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw invalid(`cannot read ${file}: ${messageOf(error)}`, error)
  }
}

/** A token of a file, read again from time to time. What cannot be read any more stays in use: the API server decides. */
function tokenOf(file: string, now_ms: () => number): () => string {
  let token = readText(file).trim()
  let read_ms = now_ms()
  return () => {
    if (now_ms() - read_ms >= TOKEN_MAX_AGE_MS) {
      read_ms = now_ms()
      try {
        token = readFileSync(file, 'utf8').trim()
      } catch {
        // The file is being replaced, or gone with the volume.
      }
    }
    return token
  }
}

/**
 * Access of the service account of the pod that this process runs in.
 * @param folder where the service account's files are
 * @throws WeirError KUBE_CONFIG_INVALID
 */
export function inClusterAccess(
  environment: Readonly<Record<string, string | undefined>>,
  now_ms: () => number,
  folder = SERVICE_ACCOUNT_FOLDER
): KubeAccess {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment
  if (host === undefined || host === '')
    throw invalid('KUBERNETES_SERVICE_HOST is not set: this is no pod; give inventory.kubernetes.kubeconfig instead')
  const ca = readText(join(folder, 'ca.crt'))
  const token = tokenOf(join(folder, 'token'), now_ms)
  return {
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    authorise: async (options) => {
      options.ca = ca
      options.headers = { ...options.headers, authorization: `Bearer ${token()}` }
    }
  }
}

function named(config: unknown, list: string, name: string | null, key: string): unknown {
  const found = arrayAt(config, list).find((entry) => stringAt(entry, 'name') === name)
  return property(found, key)
}

/** Text that stands in a kubeconfig itself (base64) or in the file that it names. */
function pem(section: unknown, key: string, folder: string): string | undefined {
  const data = stringAt(section, `${key}-data`)
  if (data !== null) return Buffer.from(data, 'base64').toString('utf8')
  const file = stringAt(section, key)
  return file === null ? undefined : readText(isAbsolute(file) ? file : join(folder, file))
}

/**
 * Access as a kubeconfig says. Certificates, tokens and token files are used directly; users that need a program or a login
 * provider are left to the official client library, which takes 80 MB of memory and is loaded only then.
 * @param context its current one unless given
 * @throws WeirError KUBE_CONFIG_INVALID
 */
export async function kubeconfigAccess(
  file: string,
  context: string | undefined,
  now_ms: () => number
): Promise<KubeAccess> {
  let config: unknown
  try {
    config = parse(readText(file))
  } catch (error) {
    if (error instanceof WeirError) throw error
    throw invalid(`${file} is no YAML: ${messageOf(error).split('\n')[0]}`, error)
  }
  const name = context ?? stringAt(config, 'current-context')
  const chosen = named(config, 'contexts', name, 'context')
  const cluster = named(config, 'clusters', stringAt(chosen, 'cluster'), 'cluster')
  const user = named(config, 'users', stringAt(chosen, 'user'), 'user')
  const server = stringAt(cluster, 'server')
  if (server === null || !URL.canParse(server))
    throw invalid(`${file} has no context ${name ?? '(none is current)'} with a server`)
  const folder = dirname(file)
  if (property(user, 'exec') !== undefined || property(user, 'auth-provider') !== undefined)
    return libraryAccess(file, name, new URL(server))

  const ca = pem(cluster, 'certificate-authority', folder)
  const cert = pem(user, 'client-certificate', folder)
  const key = pem(user, 'client-key', folder)
  const insecure = property(cluster, 'insecure-skip-tls-verify') === true
  const serverName = stringAt(cluster, 'tls-server-name')
  const tokenFile = stringAt(user, 'tokenFile')
  const fixed = stringAt(user, 'token')
  const token =
    tokenFile === null ? () => fixed : tokenOf(isAbsolute(tokenFile) ? tokenFile : join(folder, tokenFile), now_ms)
  const username = stringAt(user, 'username')
  const password = stringAt(user, 'password') ?? ''
  return {
    server: new URL(server),
    authorise: async (options) => {
      if (ca !== undefined) options.ca = ca
      if (cert !== undefined) options.cert = cert
      if (key !== undefined) options.key = key
      if (insecure) options.rejectUnauthorized = false
      if (serverName !== null) options.servername = serverName
      const bearer = token()
      if (bearer !== null) options.headers = { ...options.headers, authorization: `Bearer ${bearer}` }
      else if (username !== null) options.auth = `${username}:${password}`
    }
  }
}

async function libraryAccess(file: string, context: string | null, server: URL): Promise<KubeAccess> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    config.loadFromFile(file)
    if (context !== null) config.setCurrentContext(context)
  } catch (error) {
    throw invalid(`cannot use ${file}: ${messageOf(error)}`, error)
  }
  return { server, authorise: (options) => config.applyToHTTPSOptions(options) }
}
