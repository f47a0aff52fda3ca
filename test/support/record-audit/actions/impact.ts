import type { Action } from '../action.ts'

/** A100–A117: hiding, stealing, breaking. */
export const IMPACT_ACTIONS: readonly Action[] = [
  {
    code: 'A100',
    name: 'events-deleted',
    does: 'Events are deleted: one, all of a namespace with kubectl, and as a collection with curl',
    actor: 'mallory',
    before:
      'for n in ci gitops; do for i in 1 2 3; do kubectl -n $n run e$i --image busybox:test -- true; done; done; sleep 2; for n in ci gitops; do kubectl -n $n delete pods --all --force --grace-period=0; done',
    run: `kubectl -n ci delete $(kubectl -n ci get events -o name | head -1); kubectl -n ci delete events --all; call /api/v1/namespaces/gitops/events -X DELETE >/dev/null; call /apis/events.k8s.io/v1/namespaces/payments/events -X DELETE >/dev/null`,
    holds: ['delete events 200', 'deletecollection events 200']
  },
  {
    code: 'A101',
    name: 'network-policy',
    does: 'A network policy is loosened to allow everything, by merge patch and by JSON patch, then deleted',
    actor: 'mallory',
    run: `kubectl -n payments patch networkpolicy deny-all --type merge -p '{"spec":{"ingress":[{}],"egress":[{}]}}'; kubectl -n payments patch networkpolicy deny-all --type json -p '[{"op":"replace","path":"/spec/policyTypes","value":["Ingress"]},{"op":"remove","path":"/spec/egress"}]'
      kubectl -n payments delete networkpolicy deny-all`,
    after: `kubectl -n payments create -f - <<K
{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"deny-all"},"spec":{"podSelector":{},"policyTypes":["Ingress","Egress"]}}
K`,
    holds: ['patch networkpolicies 200', 'delete networkpolicies 200']
  },
  {
    code: 'A102',
    name: 'pod-security-labels',
    does: 'The Pod Security level of a namespace is set to privileged, and its label removed',
    actor: 'mallory',
    before:
      'kubectl label namespace payments ci pod-security.kubernetes.io/enforce=restricted --overwrite; kubectl label namespace ci pod-security.kubernetes.io/warn=restricted',
    run: 'kubectl label namespace payments pod-security.kubernetes.io/enforce=privileged --overwrite; kubectl label namespace ci pod-security.kubernetes.io/enforce-; kubectl get namespace ci -o json | sed "s/restricted/privileged/" | kubectl replace -f -',
    after: 'kubectl label namespace payments ci pod-security.kubernetes.io/enforce- pod-security.kubernetes.io/warn-',
    holds: ['patch namespaces 200', 'update namespaces 200']
  },
  {
    code: 'A103',
    name: 'security-agent',
    does: 'The security agent is made to run nowhere, its image replaced, its configuration changed, then it is deleted',
    actor: 'mallory',
    before: 'kubectl -n falco get daemonset falco -o json > falco.json',
    run: `kubectl -n falco patch daemonset falco -p '{"spec":{"template":{"spec":{"nodeSelector":{"nowhere":"true"}}}}}'; kubectl -n falco set image daemonset/falco falco=busybox:other
      kubectl -n falco patch configmap falco -p '{"data":{"falco.yaml":"priority: emergency"}}'; kubectl -n falco delete configmap falco; kubectl -n falco delete daemonset falco --wait=false`,
    after:
      'kubectl -n falco create configmap falco --from-literal falco.yaml=priority; sleep 1; kubectl create -f falco.json; rm -f falco.json',
    holds: ['patch daemonsets 200', 'patch configmaps 200', 'delete configmaps 200', 'delete daemonsets 200']
  },
  {
    code: 'A104',
    name: 'quota',
    does: 'A quota and a limit range are deleted',
    actor: 'mallory',
    run: 'kubectl -n payments delete resourcequota limits; kubectl -n payments delete limitrange limits',
    after: `kubectl -n payments create quota limits --hard pods=20; kubectl create -f - <<K
{"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"limits","namespace":"payments"},"spec":{"limits":[{"type":"Container","max":{"memory":"1Gi"}}]}}
K`,
    holds: ['delete resourcequotas 200', 'delete limitranges 200']
  },
  {
    code: 'A106',
    name: 'coredns',
    does: 'The configuration of CoreDNS is patched, replaced and deleted; that of kube-proxy made',
    actor: 'mallory',
    run: `kubectl -n kube-system patch configmap coredns -p '{"data":{"Corefile":".:53 { rewrite name bank.example 203.0.113.66\\n forward . 203.0.113.66 }"}}'
      kubectl -n kube-system get configmap coredns -o json | sed 's/bank.example/pay.example/' | kubectl replace -f -; kubectl -n kube-system delete configmap coredns; kubectl -n kube-system create configmap kube-proxy --from-literal config.conf=mode`,
    after: `kubectl -n kube-system delete configmap kube-proxy; kubectl -n kube-system create configmap coredns --from-literal 'Corefile=.:53 { forward . /etc/resolv.conf }'`,
    holds: ['patch configmaps 200', 'update configmaps 200', 'delete configmaps 200', 'create configmaps 201']
  },
  {
    code: 'A107',
    name: 'secrets-listed',
    does: 'Secrets are listed in the whole cluster and in kube-system, watched, and listed in pages with curl',
    actor: 'web',
    run: `kubectl get secrets -A -o yaml >/dev/null; kubectl -n kube-system get secrets; timeout 2 kubectl get secrets -A --watch-only; call '/api/v1/secrets?limit=2' >/dev/null; call '/api/v1/namespaces/default/secrets?fieldSelector=type%3DOpaque' >/dev/null`,
    holds: ['list secrets 200', 'watch secrets 200']
  },
  {
    code: 'A107',
    name: 'secrets-listed-in-pod',
    does: 'Secrets of the whole cluster are listed from inside a pod',
    actor: 'foothold',
    place: 'pod',
    run: 'kubectl get secrets -A >/dev/null',
    holds: ['list secrets 200']
  },
  {
    code: 'A108',
    name: 'secret-burst',
    does: 'Six secrets are read one after the other',
    actor: 'web',
    run: 'for s in db api-key tls smtp webhook; do kubectl -n payments get secret $s -o yaml >/dev/null; done; kubectl -n shop get secret session -o yaml >/dev/null',
    holds: ['get secrets 200']
  },
  {
    code: 'A109',
    name: 'unusual-secret',
    does: 'The CI account reads a secret of another team, which it never did before',
    actor: 'ci',
    place: 'runner',
    run: 'kubectl -n payments get secret db -o yaml >/dev/null',
    holds: ['get secrets 200']
  },
  {
    code: 'A110',
    name: 'secrets-denied',
    does: 'Six secrets are asked for and refused',
    actor: 'default',
    run: 'for s in db api-key tls smtp webhook; do kubectl -n payments get secret $s; done; kubectl get secrets -A',
    holds: ['get secrets 403', 'list secrets 403']
  },
  {
    code: 'A111',
    name: 'secrets-of-others',
    does: 'A pod’s account reads a secret of another namespace',
    actor: 'foothold',
    place: 'pod',
    run: 'kubectl -n payments get secret db -o yaml >/dev/null; kubectl -n payments get secrets >/dev/null',
    holds: ['get secrets 200', 'list secrets 200']
  },
  {
    code: 'A111',
    name: 'node-denied',
    does: 'A node asks for secrets that no pod on it uses',
    actor: 'node',
    run: 'for s in db api-key; do call /api/v1/namespaces/payments/secrets/$s -A "kubelet/v1.34.4 (linux/amd64) kubernetes/x"; done; call /api/v1/namespaces/payments/secrets/',
    holds: ['get secrets 403', 'list secrets 403']
  },
  {
    code: 'A112',
    name: 'secret-changed',
    does: 'Secrets are created (two types), patched, replaced and deleted',
    actor: 'mallory',
    run: `kubectl -n kube-system create secret generic loot --from-literal key=example; kubectl -n payments patch secret db -p '{"stringData":{"password":"example2"}}'
      kubectl -n payments get secret api-key -o json | kubectl replace -f - ; kubectl -n payments delete secret tls; kubectl -n kube-system delete secret loot`,
    after: 'kubectl -n payments create secret generic tls --from-literal key=example',
    holds: ['create secrets 201', 'patch secrets 200', 'update secrets 200', 'delete secrets 200']
  },
  {
    code: 'A113',
    name: 'credentials-in-configmap',
    does: 'A ConfigMap with something like a password is made and patched; the policy keeps its content out of the event',
    actor: 'mallory',
    run: `kubectl -n shop create configmap backup --from-literal password=example --from-literal aws_access_key_id=AKIAIOSFODNN7EXAMPLE; kubectl -n shop patch configmap backup -p '{"data":{"db_password":"example"}}'`,
    after: 'kubectl -n shop delete configmap backup',
    holds: ['create configmaps 201', 'patch configmaps 200']
  },
  {
    code: 'A114',
    name: 'bulk-deletion',
    does: 'Deployments as a collection, twelve pods one by one, and a namespace are deleted',
    actor: 'mallory',
    before:
      'kubectl create namespace prod; for i in $(seq 12); do kubectl -n prod run p$i --image busybox:test -- sleep 600; done; kubectl -n prod create deployment a --image busybox:test --replicas 0; kubectl -n prod create deployment b --image busybox:test --replicas 0',
    run: 'call /apis/apps/v1/namespaces/prod/deployments -X DELETE >/dev/null; kubectl -n prod delete pods --all --wait=false; kubectl delete namespace prod --wait=false',
    holds: ['deletecollection deployments 200', 'delete pods 200', 'delete namespaces 200']
  },
  {
    code: 'A114',
    name: 'namespace-controller',
    does: 'What the namespace controller does when a namespace is deleted: not an attack of its own',
    actor: 'mallory',
    before:
      'kubectl create namespace preview; kubectl -n preview create deployment a --image busybox:test --replicas 0; kubectl -n preview create configmap c; kubectl -n preview create role r --verb get --resource pods; sleep 2',
    run: 'kubectl delete namespace preview --wait=false',
    also: ({ user, verb, requestURI }) =>
      user?.username === 'system:serviceaccount:kube-system:namespace-controller' &&
      verb.startsWith('delete') &&
      requestURI.includes('/namespaces/preview'),
    settle_s: 8,
    holds: ['delete namespaces 200', 'deletecollection pods 200', 'deletecollection secrets 200']
  },
  {
    code: 'A115',
    name: 'recovery-inhibited',
    does: 'Volumes and claims are deleted, and a volume’s reclaim policy changed from Retain to Delete',
    actor: 'mallory',
    before: `for n in keep drop; do printf '{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"'$n'"},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"storageClassName":"none","persistentVolumeReclaimPolicy":"Retain","nfs":{"server":"192.0.2.50","path":"/x"}}}' | kubectl create -f -; done
      printf '{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"payments"},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"other","resources":{"requests":{"storage":"1Gi"}}}}' | kubectl create -f -`,
    run: `kubectl patch pv keep -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'; kubectl delete pv drop --wait=false; kubectl -n payments delete pvc data --wait=false; call /api/v1/namespaces/payments/persistentvolumeclaims -X DELETE >/dev/null`,
    after: 'kubectl delete pv keep --wait=false',
    holds: [
      'patch persistentvolumes 200',
      'delete persistentvolumes 200',
      'delete persistentvolumeclaims 200',
      'deletecollection persistentvolumeclaims 200'
    ]
  },
  {
    code: 'A116',
    name: 'runaway-scale',
    does: 'Workloads are scaled far up (by /scale and by patch), a Job runs wide, a pod takes a system priority class and a GPU',
    actor: 'mallory',
    before:
      'kubectl -n gitops create deployment w --image busybox:test --replicas 0; kubectl -n gitops create quota none --hard pods=0',
    run: `kubectl -n gitops scale deployment w --replicas 120; kubectl -n gitops patch deployment w -p '{"spec":{"replicas":200}}'
      printf '{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"wide","namespace":"gitops"},"spec":{"parallelism":80,"completions":80,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"busybox:test"}]}}}}' | kubectl create -f -
      kubectl -n kube-system run greedy --image busybox:test --overrides '{"spec":{"priorityClassName":"system-node-critical","containers":[{"name":"greedy","image":"busybox:test","resources":{"limits":{"nvidia.com/gpu":"8","cpu":"64"}}}]}}'`,
    after:
      'kubectl -n gitops delete deployment w; kubectl -n gitops delete job wide --force --grace-period=0; kubectl -n gitops delete quota none; kubectl -n kube-system delete pod greedy --force --grace-period=0',
    holds: ['patch deployments/scale 200', 'patch deployments 200', 'create jobs 201', 'create pods 201']
  },
  {
    code: 'A117',
    name: 'workload-stopped',
    does: 'Workloads are scaled to zero (by /scale and by patch) and deleted',
    actor: 'mallory',
    before:
      'for n in a b; do kubectl -n gitops create deployment $n --image busybox:test -- sleep 600; done; printf \'{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"s","namespace":"gitops"},"spec":{"serviceName":"s","selector":{"matchLabels":{"app":"s"}},"template":{"metadata":{"labels":{"app":"s"}},"spec":{"containers":[{"name":"c","image":"busybox:test","command":["sleep","600"]}]}}}}\' | kubectl create -f -; sleep 2',
    run: `kubectl -n gitops scale deployment a --replicas 0; kubectl -n gitops patch deployment b -p '{"spec":{"replicas":0}}'; kubectl -n gitops delete deployment a; kubectl -n gitops delete statefulset s --wait=false`,
    after: 'kubectl -n gitops delete deployment b; kubectl -n gitops delete pods --all --force --grace-period=0',
    holds: ['patch deployments/scale 200', 'patch deployments 200', 'delete deployments 200', 'delete statefulsets 200']
  }
]
