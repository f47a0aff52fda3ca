import { type Action, madeBy } from '../action.ts'

/** JSON of a pod for `kubectl create`, with one container that has `container` and a spec that has `spec`. */
function pod(name: string, spec: object, container: object = {}): string {
  const containers = [{ name: 'app', image: 'docker.io/library/busybox:test', command: ['sleep', '600'], ...container }]
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: { terminationGracePeriodSeconds: 0, containers, ...spec }
  })
}

/** Shell that creates each object, given as JSON. */
function create(...objects: readonly string[]): string {
  return objects.map((json) => `printf '%s' '${json}' | kubectl create -f -`).join('\n      ')
}

/** Shell that deletes pods. */
function gone(...names: readonly string[]): string {
  return `kubectl -n shop delete pod ${names.join(' ')} --force --grace-period=0 --ignore-not-found`
}

/** A volume of the host and where it is mounted. */
function host(path: string, readOnly = false, more: object = {}): [object, object] {
  return [
    { volumes: [{ name: 'host', hostPath: { path } }] },
    { volumeMounts: [{ name: 'host', mountPath: '/host', ...(readOnly ? { readOnly } : {}), ...more }] }
  ]
}

/** A60–A69: what a pod may do to its node. */
export const POD_ACTIONS: readonly Action[] = [
  {
    code: 'A60',
    name: 'pods',
    does: 'Privileged pods: a container, an init container, and one by kubectl run with overrides',
    actor: 'mallory',
    run: `${create(pod('priv', {}, { securityContext: { privileged: true } }), pod('priv-init', { initContainers: [{ name: 'init', image: 'busybox:test', command: ['id'], securityContext: { privileged: true } }] }))}
      kubectl -n shop run priv-run --image busybox:test --privileged -- sleep 600`,
    after: gone('priv', 'priv-init', 'priv-run'),
    holds: ['create pods 201']
  },
  {
    code: 'A60',
    name: 'deployment-patch',
    does: 'A Deployment becomes privileged by strategic merge, JSON and server-side apply patches; the ReplicaSet and pods follow',
    actor: 'mallory',
    before: 'kubectl -n shop create deployment victim --image busybox:test -- sleep 600',
    run: `kubectl -n shop patch deployment victim -p '{"spec":{"template":{"spec":{"containers":[{"name":"busybox","securityContext":{"privileged":true}}]}}}}'
      sleep 2; kubectl -n shop patch deployment victim --type json -p '[{"op":"replace","path":"/spec/template/spec/containers/0/securityContext","value":{"privileged":true,"runAsUser":0}}]'
      printf '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"victim","namespace":"shop"},"spec":{"template":{"spec":{"containers":[{"name":"busybox","securityContext":{"privileged":true,"runAsGroup":0}}]}}}}' | kubectl apply --server-side -f -`,
    also: (event) =>
      madeBy('replicaset-controller', 'pods', 'shop')(event) ||
      madeBy('deployment-controller', 'replicasets', 'shop')(event),
    settle_s: 2,
    after: 'kubectl -n shop delete deployment victim --force --grace-period=0',
    holds: ['patch deployments 200', 'create replicasets 201', 'create pods 201']
  },
  {
    code: 'A60',
    name: 'refused-by-pod-security',
    does: 'Privileged pods in a namespace whose Pod Security level refuses them, and a Deployment that is taken although its pods are not',
    actor: 'mallory',
    before:
      'kubectl create namespace strict; kubectl label namespace strict pod-security.kubernetes.io/enforce=restricted; sleep 1',
    run: `kubectl -n strict run priv --image busybox:test --privileged -- sleep 600
      printf '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"priv","namespace":"strict"},"spec":{"selector":{"matchLabels":{"app":"priv"}},"template":{"metadata":{"labels":{"app":"priv"}},"spec":{"hostPID":true,"containers":[{"name":"c","image":"busybox:test","securityContext":{"privileged":true}}]}}}}' | kubectl create -f -`,
    also: madeBy('replicaset-controller', 'pods', 'strict'),
    settle_s: 1,
    after: 'kubectl delete namespace strict --wait=false',
    holds: ['create pods 403', 'create deployments 201']
  },
  {
    code: 'A61',
    name: 'host-namespaces',
    does: 'Pods in the node’s process, IPC and network namespaces, and with a host port',
    actor: 'mallory',
    run: create(
      pod('pid', { hostPID: true }),
      pod('ipc', { hostIPC: true }),
      pod('net', { hostNetwork: true }),
      pod('port', {}, { ports: [{ containerPort: 80, hostPort: 18088 }] })
    ),
    after: gone('pid', 'ipc', 'net', 'port'),
    holds: ['create pods 201']
  },
  {
    code: 'A62',
    name: 'host-paths',
    does: 'Pods with paths of the node: /, /etc read-only, /proc, a path with dots, kubelet’s folder with a subPath, /root',
    actor: 'mallory',
    run: create(
      pod('root', ...host('/')),
      pod('etc', ...host('/etc', true)),
      pod('proc', ...host('/proc')),
      pod('slashes', ...host('//etc/kubernetes/')),
      pod('kubelet', ...host('/var/lib/kubelet', false, { subPath: 'pki' })),
      pod('dots', ...host('/var/log/../../root'))
    ),
    after: gone('root', 'etc', 'proc', 'slashes', 'kubelet', 'dots'),
    holds: ['create pods 201', 'create pods 422']
  },
  {
    code: 'A63',
    name: 'runtime-socket',
    does: 'Pods with the sockets of container runtimes, one by way of the folder that holds it',
    actor: 'mallory',
    run: create(
      pod('docker', ...host('/var/run/docker.sock')),
      pod('containerd', ...host('/run/containerd/containerd.sock')),
      pod('crio', ...host('/var/run/crio/crio.sock')),
      pod('folder', ...host('/run/containerd'))
    ),
    after: gone('docker', 'containerd', 'crio', 'folder'),
    holds: ['create pods 201']
  },
  {
    code: 'A64',
    name: 'capabilities',
    does: 'Pods with SYS_ADMIN, with SYS_PTRACE and the node’s processes, with ALL, and with NET_RAW only',
    actor: 'mallory',
    run: create(
      pod('admin', {}, { securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }),
      pod('ptrace', { hostPID: true }, { securityContext: { capabilities: { add: ['SYS_PTRACE', 'NET_ADMIN'] } } }),
      pod('all', {}, { securityContext: { capabilities: { add: ['ALL'] } } }),
      pod('prefixed', {}, { securityContext: { capabilities: { add: ['CAP_SYS_MODULE'], drop: ['ALL'] } } }),
      pod('raw', {}, { securityContext: { capabilities: { add: ['NET_RAW'] } } })
    ),
    after: gone('admin', 'ptrace', 'all', 'prefixed', 'raw'),
    holds: ['create pods 201']
  },
  {
    code: 'A65',
    name: 'isolation',
    does: 'Pods that share a process namespace, gain privileges as root, are unconfined (field and annotation), or set sysctls',
    actor: 'mallory',
    run: `${create(
      pod('share', { shareProcessNamespace: true }),
      pod('gain', {}, { securityContext: { allowPrivilegeEscalation: true, runAsUser: 0 } }),
      pod('seccomp', {
        securityContext: {
          seccompProfile: { type: 'Unconfined' },
          sysctls: [{ name: 'kernel.msgmax', value: '65536' }]
        }
      }),
      pod('apparmor', {}, { securityContext: { appArmorProfile: { type: 'Unconfined' } } }),
      pod('mount', { hostUsers: false }, { securityContext: { procMount: 'Unmasked' } })
    )}
      printf '%s' '${pod('annotated', {}).replace('"namespace":"shop"', '"namespace":"shop","annotations":{"container.apparmor.security.beta.kubernetes.io/app":"unconfined"}')}' | kubectl create -f -`,
    after: gone('share', 'gain', 'seccomp', 'apparmor', 'mount', 'annotated'),
    holds: ['create pods 201']
  },
  {
    code: 'A66',
    name: 'host-path-volume',
    does: 'A PersistentVolume of the node’s root, a local one, a claim bound to it and a pod that uses the claim',
    actor: 'mallory',
    run: `printf '{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"node-root"},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteMany"],"storageClassName":"","hostPath":{"path":"/"}}}' | kubectl create -f -
      printf '{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"node-kubelet"},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"storageClassName":"local","local":{"path":"/var/lib/kubelet"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["node1"]}]}]}}}}' | kubectl create -f -
      printf '{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"node-root","namespace":"shop"},"spec":{"accessModes":["ReadWriteMany"],"storageClassName":"","volumeName":"node-root","resources":{"requests":{"storage":"1Gi"}}}}' | kubectl create -f -
      ${create(pod('claimer', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'node-root' } }] }, { volumeMounts: [{ name: 'v', mountPath: '/host' }] }))}`,
    after: `${gone('claimer')}; kubectl -n shop delete pvc node-root --wait=false; kubectl delete pv node-root node-kubelet --wait=false`,
    holds: ['create persistentvolumes 201', 'create persistentvolumeclaims 201', 'create pods 201']
  },
  {
    code: 'A67',
    name: 'log-mount',
    does: 'A pod with the node’s /var/log writable, a link put there, and logs read through the node',
    actor: 'mallory',
    run: `${create(pod('logs', ...host('/var/log')))}
      kubectl -n shop wait --for=condition=Ready pod/logs --timeout 20s; kubectl -n shop exec logs -- ls /host; call /api/v1/nodes/node1/proxy/logs/ >/dev/null; kubectl -n shop logs logs`,
    after: gone('logs'),
    holds: ['create pods 201', 'get nodes/proxy 200', 'get pods/log 200']
  },
  {
    code: 'A68',
    name: 'privileged-account',
    does: 'Pods that run as a controller’s account in kube-system and as an account with cluster-admin',
    actor: 'mallory',
    run: `${create(pod('deputy', { serviceAccountName: 'web' }))}
      kubectl -n kube-system run aggregator --image busybox:test --overrides '{"spec":{"serviceAccountName":"clusterrole-aggregation-controller"}}' -- sleep 60
      kubectl -n shop create deployment as-web --image busybox:test -- sleep 600; kubectl -n shop set serviceaccount deployment as-web web`,
    after: `${gone('deputy')}; kubectl -n kube-system delete pod aggregator --force --grace-period=0; kubectl -n shop delete deployment as-web --force --grace-period=0`,
    holds: ['create pods 201', 'patch deployments 200']
  },
  {
    code: 'A69',
    name: 'projected-token',
    does: 'Pods with projected tokens: a foreign audience, one that lasts a month, and an ordinary one',
    actor: 'mallory',
    run: create(
      ...(
        [
          ['foreign', { audience: 'https://collector.example', path: 'token' }],
          ['long', { expirationSeconds: 2592000, path: 'token' }],
          ['cloud', { audience: 'sts.amazonaws.com', expirationSeconds: 86400, path: 'token' }]
        ] as const
      ).map(([name, serviceAccountToken]) =>
        pod(
          name,
          { volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken }] } }] },
          { volumeMounts: [{ name: 't', mountPath: '/t' }] }
        )
      )
    ),
    after: gone('foreign', 'long', 'cloud'),
    holds: ['create pods 201']
  }
]
