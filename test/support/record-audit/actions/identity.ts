import type { Action } from '../action.ts'

/** A01–A28: who asks, from where, and for what. */
export const IDENTITY_ACTIONS: readonly Action[] = [
  {
    code: 'A01',
    name: 'anonymous-list',
    does: 'Somebody without a credential lists pods, which a binding for system:anonymous allows',
    actor: 'anonymous',
    before: 'kubectl create clusterrolebinding open --clusterrole view --user system:anonymous',
    run: 'call /api/v1/namespaces/shop/pods; call /version',
    after: 'kubectl delete clusterrolebinding open',
    holds: ['list pods 200', 'get /version 200']
  },
  {
    code: 'A02',
    name: 'anonymous-secrets',
    does: 'Somebody without a credential reads secrets and creates a pod',
    actor: 'anonymous',
    before: 'kubectl create clusterrolebinding open --clusterrole cluster-admin --group system:unauthenticated',
    run: `call /api/v1/namespaces/payments/secrets
      call /api/v1/namespaces/shop/pods -H 'Content-Type: application/json' -d '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"open"},"spec":{"containers":[{"name":"sh","image":"busybox:test","command":["sleep","60"]}]}}'
      call /api/v1/namespaces/shop/pods/open -X DELETE`,
    after:
      'kubectl delete clusterrolebinding open; kubectl -n shop delete pod open --force --grace-period=0 --ignore-not-found',
    holds: ['list secrets 200', 'create pods 201', 'delete pods 200']
  },
  {
    code: 'A03',
    name: 'scan',
    does: 'A scanner without a credential asks for paths that it is refused',
    actor: 'anonymous',
    run: 'for p in /api /apis /api/v1/pods /api/v1/secrets /api/v1/nodes /metrics /logs/ /debug/pprof/ /openapi/v2 /api/v1/namespaces/kube-system/configmaps; do call $p -A "Mozilla/5.0 zgrab/0.x"; done',
    holds: ['list pods 403', 'list secrets 403', 'get /metrics 403', 'get /debug/pprof/ 403']
  },
  {
    code: 'A04',
    name: 'token-guessing',
    does: 'Tokens are guessed: 25 requests that are not authenticated',
    actor: 'anonymous',
    run: 'for i in $(seq 25); do call /api/v1/namespaces -H "Authorization: Bearer guess-$i"; done',
    holds: ['list namespaces 401']
  },
  {
    code: 'A05',
    name: 'permission-probing',
    does: 'A user without rights tries one kind of resource after the other',
    actor: 'eve',
    run: 'for r in pods secrets configmaps nodes deployments roles clusterrolebindings networkpolicies jobs serviceaccounts; do kubectl get $r -A; done',
    holds: ['list pods 403', 'list secrets 403', 'list nodes 403', 'list clusterrolebindings 403']
  },
  {
    code: 'A06',
    name: 'service-account-denied',
    does: 'A service account is refused what it never asked for before',
    actor: 'monitor',
    place: 'runner',
    run: 'kubectl -n payments get secrets; kubectl -n payments delete pod db-0; kubectl create namespace loot',
    holds: ['list secrets 403', 'delete pods 403', 'create namespaces 403']
  },
  {
    code: 'A08',
    name: 'token-outside',
    does: 'The token of a workload is used from an address outside the cluster',
    actor: 'web',
    run: 'kubectl get pods -A; call /api/v1/namespaces/shop/configmaps',
    holds: ['list pods 200', 'list configmaps 200']
  },
  {
    code: 'A08',
    name: 'forwarded-for',
    does: 'The same with a forged X-Forwarded-For, which the API server puts first into sourceIPs',
    actor: 'web',
    run: `call /api/v1/namespaces/shop/configmaps -H 'X-Forwarded-For: 10.244.0.7'`,
    holds: ['list configmaps 200']
  },
  {
    code: 'A08',
    name: 'pod-token-outside',
    does: 'A token stolen from a running pod (bound to it, so that its events name the pod) is used outside the cluster',
    actor: 'anonymous',
    before:
      'kubectl -n shop exec deploy/web -- cat /var/run/secrets/kubernetes.io/serviceaccount/token > stolen.token && chmod 600 stolen.token',
    run: `call /api/v1/namespaces/payments/secrets -H "Authorization: Bearer $(cat stolen.token)"
      call /api/v1/namespaces/kube-system/pods -H "Authorization: Bearer $(cat stolen.token)"`,
    after: 'rm -f stolen.token',
    holds: ['list secrets 200', 'list pods 200']
  },
  {
    code: 'A09',
    name: 'dashboard-token-outside',
    does: 'The service account of a dashboard is used outside the cluster',
    actor: 'anonymous',
    before: `kubectl create namespace kubernetes-dashboard; kubectl -n kubernetes-dashboard create serviceaccount kubernetes-dashboard
      kubectl create clusterrolebinding kubernetes-dashboard --clusterrole view --serviceaccount kubernetes-dashboard:kubernetes-dashboard
      kubectl -n kubernetes-dashboard create token kubernetes-dashboard > dashboard.token; chmod 600 dashboard.token`,
    run: `call /api/v1/namespaces -H "Authorization: Bearer $(cat dashboard.token)"; call /api/v1/pods -H "Authorization: Bearer $(cat dashboard.token)"`,
    after:
      'rm -f dashboard.token; kubectl delete clusterrolebinding kubernetes-dashboard; kubectl delete namespace kubernetes-dashboard --wait=false',
    holds: ['list namespaces 200', 'list pods 200']
  },
  {
    code: 'A10',
    name: 'node-elsewhere',
    does: 'The certificate of a node is used from an address that is not the node’s',
    actor: 'node',
    run: 'kubectl get node node1; kubectl get pods -A --field-selector spec.nodeName=node1',
    holds: ['get nodes 200', 'list pods 200']
  },
  {
    code: 'A11',
    name: 'system-user-outside',
    does: 'A certificate of kube-scheduler is used from a public address',
    actor: 'anonymous',
    before: `openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout sched.key -out sched.csr -subj "/CN=system:kube-scheduler" 2>/dev/null
      kubectl create -f - <<K
{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"sched"},"spec":{"signerName":"kubernetes.io/kube-apiserver-client","usages":["client auth"],"request":"$(base64 -w0 < sched.csr)"}}
K
      kubectl certificate approve sched
      until kubectl get csr sched -o jsonpath='{.status.certificate}' | base64 -d > sched.crt && [ -s sched.crt ]; do sleep 0.2; done; kubectl delete csr sched`,
    run: 'call /api/v1/pods --cert sched.crt --key sched.key; call /api/v1/secrets --cert sched.crt --key sched.key',
    after: 'rm -f sched.key sched.csr sched.crt',
    holds: ['list pods 200', 'list secrets 403']
  },
  {
    code: 'A13',
    name: 'new-client',
    does: 'A known CI account is used with another program than before',
    actor: 'ci',
    place: 'runner',
    run: 'kubectl -n shop get deployments; call /apis/apps/v1/namespaces/shop/deployments -A python-requests/2.32.3',
    holds: ['list deployments 200']
  },
  {
    code: 'A14',
    name: 'scanner-user-agents',
    does: 'Requests with the names of attack tools, allowed and refused',
    actor: 'web',
    run: 'for a in kube-hunter/0.6 peirates kubeletctl/v1.11 access_matrix/v0.0.0 trufflehog masscan/1.3 "kubectl/v1.30.0 (linux/amd64) kubernetes/kali" "cdk/1.5"; do call /api/v1/namespaces -A "$a"; done; curl -sk $API/api/v1/secrets -A kube-hunter/0.6',
    holds: ['list namespaces 200', 'list secrets 403']
  },
  {
    code: 'A15',
    name: 'script-reads-secrets',
    does: 'Secrets are read with curl, Python, Go and wget',
    actor: 'web',
    run: `call /api/v1/namespaces/payments/secrets/db; call /api/v1/namespaces/payments/secrets -A python-requests/2.32.3
      call /api/v1/namespaces/payments/secrets/api-key -A Go-http-client/2.0; call /api/v1/namespaces/payments/secrets/tls -A Wget/1.21.3`,
    holds: ['get secrets 200', 'list secrets 200']
  },
  {
    code: 'A16',
    name: 'node-credential-misused',
    does: 'The certificate of a node is used with kubectl for what a kubelet never does',
    actor: 'node',
    run: 'kubectl get secrets -A; kubectl -n payments get secret db; kubectl get clusterrolebindings; kubectl auth can-i --list; kubectl -n shop delete pod foothold --dry-run=server',
    holds: ['list secrets 403', 'get secrets 403', 'list clusterrolebindings 403', 'create selfsubjectrulesreviews 201']
  },
  {
    code: 'A17',
    name: 'system-masters',
    does: 'A certificate of the group system:masters is used',
    actor: 'masters',
    place: 'office',
    run: 'kubectl get nodes; kubectl -n payments get secret db; kubectl -n payments delete secret smtp',
    after: 'kubectl -n payments create secret generic smtp --from-literal key=example',
    holds: ['list nodes 200', 'get secrets 200', 'delete secrets 200']
  },
  {
    code: 'A19',
    name: 'unusual-operation',
    does: 'The CI account, which only ever deploys, makes a volume claim and an ingress, reads nodes and deletes a pod',
    actor: 'ci',
    place: 'runner',
    before: 'kubectl -n shop run victim --image busybox:test -- sleep 600',
    run: `kubectl get nodes; kubectl -n shop create ingress odd --rule 'odd.example.com/*=web:80'; kubectl -n shop delete pod victim --wait=false
      printf '{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"odd","namespace":"shop"},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"none","resources":{"requests":{"storage":"1Gi"}}}}' | kubectl create -f -`,
    after: 'kubectl -n shop delete ingress odd; kubectl -n shop delete pvc odd --wait=false',
    holds: ['list nodes 200', 'create ingresses 201', 'delete pods 200', 'create persistentvolumeclaims 201']
  },
  {
    code: 'A20',
    name: 'default-service-account',
    does: 'The default service account of a namespace lists what a binding lets it see',
    actor: 'default',
    place: 'runner',
    run: 'kubectl -n payments get pods,configmaps,deployments; kubectl auth can-i get pods',
    holds: ['list pods 200', 'list configmaps 200', 'create selfsubjectaccessreviews 201']
  },
  {
    code: 'A21',
    name: 'legacy-token',
    does: 'A token from a Secret of type service-account-token, one that never ends, is used',
    actor: 'legacy',
    run: 'kubectl -n shop get pods; call /api/v1/namespaces/payments/secrets/db',
    holds: ['list pods 200', 'get secrets 200']
  },
  {
    code: 'A22',
    name: 'token-of-deleted-pod',
    does: 'The token of a pod is used while the pod lives and after it was deleted',
    actor: 'anonymous',
    before: `kubectl -n shop run shortlived --image busybox:test --overrides '{"spec":{"serviceAccountName":"web","terminationGracePeriodSeconds":0}}' -- sleep 600
      kubectl -n shop wait --for=condition=Ready pod/shortlived --timeout 30s
      kubectl -n shop exec shortlived -- cat /var/run/secrets/kubernetes.io/serviceaccount/token > short.token; chmod 600 short.token`,
    run: `call /api/v1/namespaces/shop/configmaps -H "Authorization: Bearer $(cat short.token)"
      KUBECONFIG=mallory.kubeconfig kubectl -n shop delete pod shortlived
      call /api/v1/namespaces/shop/configmaps -H "Authorization: Bearer $(cat short.token)"; sleep 11
      call /api/v1/namespaces/shop/configmaps -H "Authorization: Bearer $(cat short.token)"`,
    after: 'rm -f short.token',
    holds: ['list configmaps 200', 'delete pods 200', 'list configmaps 401']
  },
  {
    code: 'A23',
    name: 'can-i-in-pod',
    does: 'kubectl auth can-i, its --list and whoami from inside a pod',
    actor: 'foothold',
    place: 'pod',
    run: 'kubectl auth whoami; kubectl auth can-i create pods; kubectl auth can-i --list; kubectl auth can-i get secrets -n kube-system; kubectl auth can-i "*" "*"',
    holds: [
      'create selfsubjectreviews 201',
      'create selfsubjectaccessreviews 201',
      'create selfsubjectrulesreviews 201'
    ]
  },
  {
    code: 'A24',
    name: 'enumeration-in-pod',
    does: 'kubectl get of many kinds from inside a pod',
    actor: 'foothold',
    place: 'pod',
    run: 'kubectl get namespaces; kubectl get nodes; kubectl get pods -A; kubectl get secrets -A; kubectl get configmaps -A; kubectl get serviceaccounts -A; kubectl get clusterroles; kubectl get clusterrolebindings; kubectl get rolebindings -A',
    holds: ['list namespaces 200', 'list secrets 200', 'list configmaps 200', 'list clusterroles 403']
  },
  {
    code: 'A24',
    name: 'get-all',
    does: 'kubectl get all, roles and secrets in all namespaces, by a user from outside',
    actor: 'mallory',
    run: 'kubectl get all,secrets,configmaps,serviceaccounts,roles,rolebindings,ingresses -A; kubectl get clusterroles,clusterrolebindings,nodes,namespaces',
    holds: ['list pods 200', 'list secrets 200', 'list rolebindings 200', 'list clusterroles 200', 'list nodes 200']
  },
  {
    code: 'A25',
    name: 'discovery-in-pod',
    does: 'kubectl api-resources and version from inside a pod',
    actor: 'foothold',
    place: 'pod',
    run: 'rm -rf /root/.kube; kubectl api-resources; kubectl api-versions; kubectl version; kubectl cluster-info',
    holds: ['get /api 200', 'get /apis 200', 'get /version 200']
  },
  {
    code: 'A26',
    name: 'bulk-logs',
    does: 'The logs of every pod of every namespace are read, kube-system’s among them',
    actor: 'mallory',
    before:
      'kubectl -n shop scale deployment web --replicas 20; kubectl -n shop rollout status deployment web --timeout 60s',
    run: `kubectl get pods -A -o jsonpath='{range .items[*]}{.metadata.namespace} {.metadata.name}{"\\n"}{end}' | while read -r ns p; do kubectl -n $ns logs $p --tail 5; done; kubectl -n kube-system logs deploy/coredns --since 1h`,
    after: 'kubectl -n shop scale deployment web --replicas 2',
    holds: ['get pods/log 200', 'list pods 200']
  },
  {
    code: 'A27',
    name: 'impersonate-masters',
    does: 'kubectl --as and --as-group: a node, the garbage collector, system:masters',
    actor: 'mallory',
    run: `kubectl get secrets -A --as admin --as-group system:masters; kubectl -n kube-system get secrets --as system:serviceaccount:kube-system:generic-garbage-collector
      kubectl get pods -A --as system:node:node1 --as-group system:nodes; kubectl get nodes --as system:kube-controller-manager`,
    holds: ['list secrets 200', 'list nodes 200']
  },
  {
    code: 'A27',
    name: 'impersonation-denied',
    does: 'Impersonation by who may not',
    actor: 'eve',
    run: 'kubectl get pods --as system:admin --as-group system:masters; kubectl get secrets -n kube-system --as alice',
    holds: ['list pods 403', 'list secrets 403']
  },
  {
    code: 'A28',
    name: 'impersonate-user',
    does: 'The CI account acts as an ordinary user, with uid and extra',
    actor: 'ci',
    place: 'runner',
    run: `kubectl -n shop get pods --as alice --as-group developers --as-uid 1234; call /api/v1/namespaces/shop/pods -H 'Impersonate-User: alice' -H 'Impersonate-Group: developers' -H 'Impersonate-Extra-Reason: deploy'`,
    holds: ['list pods 200']
  }
]
