import type { Action } from '../action.ts'

/** A release as a chart would have it: everything that an ordinary application of an ordinary team consists of. */
function chart(namespace: string, image: string, replicas: number): string {
  const metadata = (name: string) => ({
    name,
    namespace,
    labels: { 'app.kubernetes.io/name': 'catalog', 'app.kubernetes.io/managed-by': 'Helm' }
  })
  const selector = { matchLabels: { app: 'catalog' } }
  const securityContext = {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: 1000,
    capabilities: { drop: ['ALL'] }
  }
  const container = {
    name: 'catalog',
    image,
    command: ['sh', '-c', 'while :; do echo request; sleep 5; done'],
    ports: [{ containerPort: 8080 }],
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
    envFrom: [{ configMapRef: { name: 'catalog' } }],
    securityContext
  }
  const pod = { serviceAccountName: 'catalog', terminationGracePeriodSeconds: 0, containers: [container] }
  const template = { metadata: { labels: { app: 'catalog' } }, spec: pod }
  const rbac = 'rbac.authorization.k8s.io'
  const items = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('catalog') },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('catalog'),
      data: { LOG_LEVEL: 'info', REPLICAS: `${replicas}` }
    },
    { apiVersion: 'v1', kind: 'Secret', metadata: metadata('catalog'), stringData: { session: 'example' } },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: metadata('catalog'),
      rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['catalog'], verbs: ['get', 'watch'] }]
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: metadata('catalog'),
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'catalog' },
      subjects: [{ kind: 'ServiceAccount', name: 'catalog', namespace }]
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('catalog'),
      spec: { selector: { app: 'catalog' }, ports: [{ port: 80, targetPort: 8080 }] }
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata('catalog'),
      spec: { replicas, selector, template }
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: metadata('catalog-store'),
      spec: {
        replicas: 1,
        serviceName: 'catalog-store',
        selector: { matchLabels: { app: 'catalog-store' } },
        template: { metadata: { labels: { app: 'catalog-store' } }, spec: pod }
      }
    },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: metadata('catalog-cleanup'),
      spec: {
        schedule: '*/30 * * * *',
        jobTemplate: {
          spec: {
            template: { spec: { ...pod, restartPolicy: 'Never', containers: [{ ...container, command: ['true'] }] } }
          }
        }
      }
    },
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: metadata('catalog'),
      spec: {
        minReplicas: 1,
        maxReplicas: 4,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'catalog' },
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }
        ]
      }
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: metadata('catalog'),
      spec: { minAvailable: 1, selector }
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: metadata('catalog'),
      spec: { podSelector: selector, policyTypes: ['Ingress'], ingress: [{ ports: [{ port: 8080 }] }] }
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: metadata('catalog'),
      spec: {
        tls: [{ hosts: ['catalog.example.com'], secretName: 'catalog-tls' }],
        rules: [
          {
            host: 'catalog.example.com',
            http: {
              paths: [
                { path: '/', pathType: 'Prefix', backend: { service: { name: 'catalog', port: { number: 80 } } } }
              ]
            }
          }
        ]
      }
    }
  ]
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
}

const IMAGE = 'docker.io/library/busybox:test'
const EVERYTHING = () => true

/** Ordinary work, with everything that happened in the cluster meanwhile. */
export const BENIGN_ACTIONS: readonly Action[] = [
  {
    code: 'benign',
    name: 'developer',
    does: 'A developer looks around in a namespace, deploys, rolls out and back, scales, reads logs, looks into pods and forwards a port',
    actor: 'alice',
    place: 'office',
    gzip: true,
    run: `cd "$(mktemp -d)"; export KUBECONFIG=$OLDPWD/alice.kubeconfig; ns="-n shop"
      kubectl $ns get pods,deployments,services,configmaps; kubectl $ns describe deployment web; kubectl $ns describe pods -l app=web; kubectl $ns get events; kubectl $ns top pods
      kubectl auth can-i create deployments $ns; kubectl explain deployment.spec >/dev/null
      cat > api.json <<'K'
{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"api","namespace":"shop"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"api"}},"template":{"metadata":{"labels":{"app":"api"}},"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"api","image":"${IMAGE}","command":["sh","-c","while :; do echo request; sleep 2; done"],"resources":{"requests":{"cpu":"10m"}}}]}}}}
K
      kubectl apply -f api.json; kubectl $ns rollout status deployment api --timeout 60s; kubectl diff -f api.json
      for version in 2 3 4 5; do
        sed -i "s/\\"name\\":\\"api\\",\\"image\\"/\\"name\\":\\"api\\",\\"env\\":[{\\"name\\":\\"VERSION\\",\\"value\\":\\"$version\\"}],\\"image\\"/; s/\\(\\"env\\":[^]]*\\]\\),\\"env\\":[^]]*\\]/\\1/" api.json
        kubectl apply -f api.json; kubectl $ns rollout status deployment api --timeout 60s; kubectl $ns logs deploy/api --tail 5; kubectl $ns get pods -l app=api
      done
      kubectl $ns rollout history deployment api; kubectl $ns rollout undo deployment api; kubectl $ns rollout status deployment api --timeout 60s; kubectl $ns rollout restart deployment api; kubectl $ns rollout status deployment api --timeout 60s
      for n in 4 6 3 1; do kubectl $ns scale deployment api --replicas $n; kubectl $ns rollout status deployment api --timeout 60s; done
      timeout 4 kubectl $ns logs -f deploy/api; kubectl $ns logs deploy/web --all-containers --since 10m
      kubectl $ns exec deploy/api -- ls /; kubectl $ns exec deploy/api -- env; kubectl $ns exec deploy/web -- cat /www/index.html; kubectl $ns exec deploy/api -- ps
      kubectl $ns port-forward deploy/web 18090:8080 & f=$!; sleep 2; curl -s http://127.0.0.1:18090/; kill $f; wait $f
      timeout 5 kubectl $ns get pods -w; kubectl $ns create configmap feature --from-literal on=true; kubectl $ns set env deployment/api FEATURE=on; kubectl $ns rollout status deployment api --timeout 60s
      kubectl $ns label pods -l app=api tier=backend --overwrite; kubectl $ns annotate deployment api example.com/owner=alice; kubectl $ns patch deployment api -p '{"spec":{"minReadySeconds":1}}'
      kubectl $ns create job once --image ${IMAGE} -- sh -c 'echo done'; kubectl $ns wait --for=condition=Complete job/once --timeout 30s; kubectl $ns logs job/once; kubectl $ns delete job once
      kubectl -n payments get pods; kubectl get nodes; kubectl $ns delete pod -l app=api --wait=false; kubectl $ns rollout status deployment api --timeout 60s
      kubectl $ns delete deployment api; kubectl $ns delete configmap feature; rm -f api.json`,
    also: EVERYTHING,
    settle_s: 3,
    holds: [
      'patch deployments 200',
      'patch deployments/scale 200',
      'get pods/exec 101',
      'get pods/portforward 101',
      'get pods/log 200',
      'create replicasets 201'
    ]
  },
  {
    code: 'benign',
    name: 'ci',
    does: 'A CI account installs a chart of thirteen objects into a namespace of its own, upgrades it three times, runs a migration and takes a preview down',
    actor: 'ci',
    place: 'runner',
    gzip: true,
    run: `release() { printf '{"apiVersion":"v1","kind":"Secret","type":"helm.sh/release.v1","metadata":{"name":"sh.helm.release.v1.catalog.v%s","namespace":"%s","labels":{"owner":"helm","name":"catalog","status":"deployed","version":"%s"}},"data":{"release":"ZXhhbXBsZQ=="}}' $2 $1 $2; }
      helm() { call "$@" -A Helm/3.19.0 >/dev/null; }
      for ns in catalog catalog-preview; do
        kubectl create namespace $ns
        for v in 1 2 3 4; do
          helm "/api/v1/namespaces/$ns/secrets?labelSelector=name%3Dcatalog%2Cowner%3Dhelm"; release $ns $v > r.json; helm /api/v1/namespaces/$ns/secrets -H 'Content-Type: application/json' --data-binary @r.json
          sed "s/catalog-ns/$ns/g; s/v=1/v=$v/" <<'K' | kubectl apply -f -
${chart('catalog-ns', IMAGE, 2).replace('LOG_LEVEL":"info', 'LOG_LEVEL":"info v=1')}
K
          kubectl -n $ns rollout status deployment catalog --timeout 60s; kubectl -n $ns rollout status statefulset catalog-store --timeout 60s
          printf '{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"migrate-%s","namespace":"%s"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"migrate","image":"${IMAGE}","command":["true"]}]}}}}' $v $ns | kubectl create -f -
          kubectl -n $ns wait --for=condition=Complete job/migrate-$v --timeout 30s; kubectl -n $ns logs job/migrate-$v; kubectl -n $ns delete job migrate-$v
          helm /api/v1/namespaces/$ns/secrets/sh.helm.release.v1.catalog.v$v
          kubectl -n $ns set env deployment/catalog RELEASE=$v; kubectl -n $ns rollout status deployment catalog --timeout 60s
        done
      done
      rm -f r.json; kubectl delete namespace catalog-preview`,
    also: EVERYTHING,
    settle_s: 2,
    after: 'kubectl delete namespace catalog --wait=false',
    holds: [
      'create namespaces 201',
      'create roles 201',
      'create rolebindings 201',
      'create secrets 201',
      'create deployments 201',
      'create jobs 201',
      'delete namespaces 200',
      'deletecollection secrets 200'
    ]
  },
  {
    code: 'benign',
    name: 'gitops',
    does: 'A GitOps controller applies a chart on the server, compares it again and again (dry runs), and rolls out two changes',
    actor: 'gitops',
    place: 'cluster',
    gzip: true,
    before: 'kubectl create namespace catalog-prod',
    run: `ask() { call "$@" -A 'kustomize-controller/v1.7.0' >/dev/null; }
      list='${chart('catalog-prod', IMAGE, 2)}'
      one() { python3 -c 'import json,sys; [print(i["apiVersion"],i["kind"],i["metadata"]["name"],json.dumps(i,separators=(",",":")),sep="\\t") for i in json.loads(sys.stdin.read())["items"]]' <<< "$list"; }
      plural() { case $1 in Ingress) echo ingresses ;; NetworkPolicy) echo networkpolicies ;; *) printf '%ss' "$1" | tr A-Z a-z ;; esac; }
      apply() { one | while IFS=$'\\t' read -r api kind name json; do
          case $api in v1) root=/api/v1 ;; *) root=/apis/$api ;; esac; path=$root/namespaces/catalog-prod/$(plural $kind)/$name
          ask $path; ask "$path?fieldManager=kustomize-controller&force=true$1" -X PATCH -H 'Content-Type: application/apply-patch+yaml' --data-binary "$json"
        done; }
      ask /api; ask /apis; ask '/api/v1/namespaces/gitops/configmaps'; apply ''
      for round in 1 2 3 4 5 6; do apply '&dryRun=All'; for r in deployments replicasets statefulsets; do ask /apis/apps/v1/namespaces/catalog-prod/$r; done; ask /api/v1/namespaces/catalog-prod/pods; sleep 2; done
      for n in 3 2; do list=$(sed "s/\\"replicas\\":[0-9]/\\"replicas\\":$n/; s/\\"LOG_LEVEL\\":\\"[a-z]*[0-9]*\\"/\\"LOG_LEVEL\\":\\"debug$n\\"/" <<< "$list"); apply '&dryRun=All'; apply ''; sleep 3; apply '&dryRun=All'; done`,
    also: EVERYTHING,
    settle_s: 2,
    after: 'kubectl delete namespace catalog-prod --wait=false',
    holds: ['patch deployments 201', 'patch deployments 200', 'patch rolebindings 201', 'get secrets 200']
  },
  {
    code: 'benign',
    name: 'controllers',
    does: 'What the control plane, the node and a monitoring account do by themselves for two and a half minutes: CronJobs, autoscaling, leases, metrics',
    actor: 'monitor',
    place: 'cluster',
    gzip: true,
    before: `kubectl create namespace batch; for n in 1 2 3; do kubectl -n batch create cronjob report-$n --image ${IMAGE} --schedule '*/1 * * * *' -- true; done
      kubectl -n batch create deployment api --image ${IMAGE} -- sleep 600; kubectl -n batch autoscale deployment api --min 1 --max 3 --cpu 80%`,
    run: `for round in $(seq 10); do
        for p in /api/v1/nodes /api/v1/pods /api/v1/services /api/v1/endpoints /apis/discovery.k8s.io/v1/endpointslices; do call $p -A 'Prometheus/3.7.0' >/dev/null; done
        call /api/v1/nodes/node1/proxy/metrics -A 'Prometheus/3.7.0' >/dev/null; call /api/v1/nodes/node1/proxy/metrics/cadvisor -A 'Prometheus/3.7.0' >/dev/null; sleep 14
      done`,
    also: EVERYTHING,
    after: 'kubectl delete namespace batch --wait=false',
    holds: ['create jobs 201', 'create pods 201', 'get nodes/proxy 200', 'list nodes 200']
  }
]
